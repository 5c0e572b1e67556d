"""A run's whole configuration; the command line, `config.json` and the suites are read from it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from cl_anomaly.errors import InputError
from cl_anomaly.json_files import read_json

ScoreName = Literal["recon", "mse", "l1", "elbo", "kl", "recon-prob"]
DeviceName = Literal["auto", "cpu", "cuda"]
PrecisionName = Literal["auto", "float32", "bfloat16"]
MOST_SEEDS = 10_000
_MOST_SEED = 2**63 - 1  # what the files of a run hold
DEFAULT_STRATEGIES = ("upper", "gr", "ewc", "lower")


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """One strategy on one scenario, trained with one or more seeds side by side.

    Attributes:
        strategy: a name from `list strategies`, FILE.py:CLASS, or avalanche:NAME, such as
            avalanche:EWC.
        strategy_options: the strategy's own keyword arguments.
        dataset: a name from `list datasets`, or FILE.npz with the arrays x_train, y_train, x_test
            and y_test. Default: MNIST, or digits where MNIST is not to be had.
        data_root: folder that holds the datasets; looked into first, and downloaded to.
        anomaly_class: the class that is never trained on, and is the anomaly at test time. Several
            (0,4) or "all" are so in turn, side by side.
        task_order: "ascending", "random" (drawn for each seed), or classes such as 3,1,2.
        classes_per_task: how many normal classes arrive with each task.
        model: a name from `list models`.
        model_options: the model's own keyword arguments.
        latent_size: dimensions of the model's latent space.
        epochs: passes over each task's samples. Default: the dataset's, see `list datasets`.
        batch_size: new samples in each batch. Default: the dataset's.
        learning_rate: of Adam.
        score: the anomaly score that is shown and plotted; the cheap ones are all recorded.
        seeds: how many seeds (5 means 0 to 4), or which ones (3,7; "7," is seed 7 alone).
        device: where to train. "auto" takes a GPU where there is one.
        precision: of training. "auto" takes bfloat16 where the device multiplies it fast.
    """

    strategy: str = "gr"
    strategy_options: dict[str, Any] = field(default_factory=dict)
    dataset: str | None = None
    data_root: str | None = None
    anomaly_class: int | str | list[int] = 0
    task_order: str | list[int] = "ascending"
    classes_per_task: int = 1
    model: str = "vae"
    model_options: dict[str, Any] = field(default_factory=dict)
    latent_size: int = 16
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float = 1e-3
    score: ScoreName = "recon"
    seeds: int | str | list[int] = 1
    device: DeviceName = "auto"
    precision: PrecisionName = "auto"

    def __post_init__(self) -> None:
        """Check what can be checked without the data.

        Raises:
            InputError: a value has the wrong type, is out of range, or is not a list of seeds or
                classes.
        """
        for name, (is_right, expected) in _CHECKS.items():
            if not is_right(value := getattr(self, name)):
                raise InputError(f"Expected `{name}` {expected}, but got {_shown(value)}.")
        object.__setattr__(self, "seeds", parse_seeds(self.seeds))
        object.__setattr__(self, "anomaly_class", parse_anomaly_class(self.anomaly_class))
        object.__setattr__(self, "task_order", parse_task_order(self.task_order))

    @property
    def seed_list(self) -> list[int]:
        """The seeds, one for each replica."""
        return parse_seeds(self.seeds)

    @property
    def anomaly_classes(self) -> list[int]:
        """The anomaly classes, once they are no longer "all"."""
        return _whole_numbers(
            [self.anomaly_class] if isinstance(self.anomaly_class, int) else self.anomaly_class,
            "anomaly_class",
            "the classes that there are",
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything needed to run it again, as JSON can hold it."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(RunConfig)}

    def fingerprint(self, **more: Any) -> str:
        """Eight hexadecimal digits that name this configuration.

        Args:
            more: what else the results depend on.
        """
        return fingerprint({k: v for k, v in self.to_dict().items() if k != "data_root"} | more)


@dataclass(frozen=True, kw_only=True)
class ResolvedConfig(RunConfig):
    """A configuration in which no default is left open; see `cl_anomaly.runs.run.resolve`.

    Attributes:
        dataset_note: why the dataset is a second choice, where it is.
    """

    dataset: str = field()  # pyright: ignore[reportGeneralTypeIssues]
    epochs: int = field()  # pyright: ignore[reportGeneralTypeIssues]
    batch_size: int = field()  # pyright: ignore[reportGeneralTypeIssues]
    dataset_note: str | None = None


def fingerprint(content: dict[str, Any]) -> str:
    """Eight hexadecimal digits that name what JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]


def read_settings(path: Path) -> dict[str, Any]:
    """Read a run's `config.json`: settings of `RunConfig`, whose values are not checked.

    Raises:
        InputError: the file is missing or damaged, or holds something else.
    """
    content = read_json(path)
    check_names(content, path)
    return content


def check_names(settings: Iterable[str], where: object) -> None:
    """Make sure that settings are those of `RunConfig`.

    Args:
        settings: their names.
        where: they are from, for the message.

    Raises:
        InputError: there is none of that name.
    """
    known = [f.name for f in dataclasses.fields(RunConfig)]
    if unknown := [name for name in settings if name not in known]:
        raise InputError(
            f"Expected {where} to hold settings of a run ({', '.join(known)}), but got "
            f"{', '.join(map(repr, unknown))}."
        )


def parse_seeds(value: int | str | list[int]) -> list[int]:
    """Turn a number of seeds, or a list of them, into that list.

    Raises:
        InputError: no seed, a negative or a huge one, the same one twice, or something else
            altogether.
    """
    seeds = _whole_numbers(
        [value] if isinstance(value, int) else value,
        "seeds",
        "a number such as 5, or a list such as 3,7",
    )
    if isinstance(value, int) or (isinstance(value, str) and value.isdecimal()):
        (number,) = seeds
        if number > MOST_SEEDS:
            raise InputError(
                f"Expected `seeds` to be at most {MOST_SEEDS:,}, but got {_shown(value)}."
            )
        seeds = list(range(number))
    if not seeds or min(seeds) < 0 or max(seeds) > _MOST_SEED or len(set(seeds)) < len(seeds):
        raise InputError(
            f"Expected `seeds` to be how many (1 or more), or a list of different seeds (0 or "
            f"more, and less than 2^63), but got {_shown(value)}."
        )
    return seeds


def parse_task_order(value: str | list[int]) -> str | list[int]:
    """Turn "3,1,2" into a list; "ascending" and "random" stay as they are.

    Raises:
        InputError: it is none of these, or names a class twice.
    """
    if value in ("ascending", "random"):
        return value
    classes = _whole_numbers(value, "task_order", "ascending, random, or classes such as 3,1,2")
    if not classes or len(set(classes)) < len(classes):
        raise InputError(f"Expected `task_order` to name each class once, but got {_shown(value)}.")
    return classes


def parse_anomaly_class(value: int | str | list[int]) -> int | str | list[int]:
    """Turn "0,4" into a list, and a list of one class into that class; "all" stays as it is.

    Raises:
        InputError: it is none of these, or names a class twice.
    """
    if value == "all":
        return value
    classes = _whole_numbers(
        [value] if isinstance(value, int) and not isinstance(value, bool) else value,
        "anomaly_class",
        "a class, several such as 0,4, or all",
    )
    if not classes or len(set(classes)) < len(classes):
        raise InputError(
            f"Expected `anomaly_class` to name each class once, but got {_shown(value)}."
        )
    return classes[0] if len(classes) == 1 else classes


def _whole_numbers(value: Any, name: str, expected: str) -> list[int]:
    parts = value.strip("[] ,").split(",") if isinstance(value, str) else value
    try:
        if not isinstance(parts, list | tuple):
            raise TypeError
        return [int(str(part)) for part in parts]
    except (TypeError, ValueError):
        raise InputError(f"Expected `{name}` to be {expected}, but got {_shown(value)}.") from None


def _shown(value: object) -> str:
    try:
        return repr(value)
    except ValueError:  # Python writes no number of more than 4,300 digits
        return "a number of thousands of digits"


def is_text(value: Any) -> bool:
    """Say whether it is text that a file can be called, and can hold: no part of a character."""
    try:
        return "\0" not in value and len(value.encode()) > 0
    except (TypeError, AttributeError, UnicodeEncodeError):
        return False


def _is_options(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(name, str) for name in value)


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 1


def _is_rate(value: Any) -> bool:
    is_number = isinstance(value, float | int) and not isinstance(value, bool)
    return is_number and 0 < value <= sys.float_info.max


def _or_none(is_right: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or is_right(value)


_NAME = "to be a name or a path"
_COUNT = "to be 1 or more"
_OPTIONS = "to be values by the names of options"

# What each setting must be, beside those that are lists.
_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "strategy": (is_text, _NAME),
    "strategy_options": (_is_options, _OPTIONS),
    "dataset": (_or_none(is_text), _NAME),
    "data_root": (_or_none(is_text), "to be a folder"),
    "classes_per_task": (_is_count, _COUNT),
    "model": (is_text, _NAME),
    "model_options": (_is_options, _OPTIONS),
    "latent_size": (_is_count, _COUNT),
    "epochs": (_or_none(_is_count), _COUNT),
    "batch_size": (_or_none(_is_count), _COUNT),
    "learning_rate": (_is_rate, "above 0"),
} | {
    name: (get_args(kind).__contains__, f"to be one of {', '.join(get_args(kind))}")
    for name, kind in (("score", ScoreName), ("device", DeviceName), ("precision", PrecisionName))
}
