"""A run's whole configuration; the command line, `config.json` and the suites are read from it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from cl_anomaly.errors import InputError

ScoreName = Literal["recon", "mse", "l1", "elbo", "kl", "recon-prob"]
DeviceName = Literal["auto", "cpu", "cuda"]
PrecisionName = Literal["auto", "float32", "bfloat16"]
MOST_SEEDS = 10_000
DEFAULT_STRATEGIES = ("upper", "gr", "ewc", "lower")


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """One strategy on one scenario, trained with one or more seeds side by side.

    Attributes:
        strategy: a name from `list strategies`, or FILE.py:CLASS.
        strategy_options: the strategy's own keyword arguments.
        dataset: a name from `list datasets`. Default: MNIST, or digits where MNIST is not to be
            had.
        data_root: folder that holds the datasets; looked into first, and downloaded to.
        anomaly_class: the class that is never trained on, and is the anomaly at test time.
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
        precision: of training. "auto" takes bfloat16 where the device computes it natively.
    """

    strategy: str = "gr"
    strategy_options: dict[str, Any] = field(default_factory=dict)
    dataset: str | None = None
    data_root: str | None = None
    anomaly_class: int = 0
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
            InputError: a value is out of range, or is not a list of seeds or classes.
        """
        for name in ("classes_per_task", "latent_size", "epochs", "batch_size"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < 1):
                raise InputError(f"Expected `{name}` to be 1 or more, but got {value!r}.")
        if type(self.anomaly_class) is not int:
            raise InputError(
                f"Expected `anomaly_class` to be a class, but got {self.anomaly_class!r}."
            )
        if not isinstance(self.learning_rate, float | int) or not 0 < self.learning_rate < math.inf:
            raise InputError(f"Expected `learning_rate` above 0, but got {self.learning_rate!r}.")
        for name, kind in (
            ("score", ScoreName),
            ("device", DeviceName),
            ("precision", PrecisionName),
        ):
            if getattr(self, name) not in get_args(kind):
                raise InputError(
                    f"Expected `{name}` to be one of {', '.join(get_args(kind))}, but got "
                    f"{getattr(self, name)!r}."
                )
        object.__setattr__(self, "seeds", parse_seeds(self.seeds))
        object.__setattr__(self, "task_order", parse_task_order(self.task_order))

    @property
    def seed_list(self) -> list[int]:
        """The seeds, one for each replica."""
        return parse_seeds(self.seeds)

    def to_dict(self) -> dict[str, Any]:
        """Everything needed to run it again, as JSON can hold it."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(RunConfig)}

    def fingerprint(self, **more: Any) -> str:
        """Eight hexadecimal digits that name this configuration.

        Args:
            more: what else the results depend on.
        """
        content = {k: v for k, v in self.to_dict().items() if k != "data_root"} | more
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]


@dataclass(frozen=True, kw_only=True)
class ResolvedConfig(RunConfig):
    """A configuration in which no default is left open; see `cl_anomaly.experiment.resolve`.

    Attributes:
        dataset_note: why the dataset is a second choice, where it is.
    """

    dataset: str = field()  # pyright: ignore[reportGeneralTypeIssues]
    epochs: int = field()  # pyright: ignore[reportGeneralTypeIssues]
    batch_size: int = field()  # pyright: ignore[reportGeneralTypeIssues]
    dataset_note: str | None = None


def parse_seeds(value: int | str | list[int]) -> list[int]:
    """Turn a number of seeds, or a list of them, into that list.

    Raises:
        InputError: no seed, a negative one, the same one twice, or something else altogether.
    """
    if isinstance(value, int) or (isinstance(value, str) and value.isdecimal()):
        number = 0 if isinstance(value, bool) else int(value)
        if number > MOST_SEEDS:
            raise InputError(f"Expected `seeds` to be at most {MOST_SEEDS:,}, but got {value}.")
        seeds = list(range(number))
    else:
        seeds = _whole_numbers(value, "seeds", "a number such as 5, or a list such as 3,7")
    if not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise InputError(
            f"Expected `seeds` to be how many (1 or more), or a list of different seeds (0 or "
            f"more), but got {value!r}."
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
        raise InputError(f"Expected `task_order` to name each class once, but got {value!r}.")
    return classes


def _whole_numbers(value: str | list[int], name: str, expected: str) -> list[int]:
    parts = value.strip("[] ,").split(",") if isinstance(value, str) else value
    try:
        return [int(str(part)) for part in parts]
    except (TypeError, ValueError):
        raise InputError(f"Expected `{name}` to be {expected}, but got {value!r}.") from None
