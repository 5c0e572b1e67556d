"""A run's whole configuration; the command line, `config.json` and the suites are read from it."""

import dataclasses
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from numbers import Integral
from typing import Annotated, Any, Literal, get_type_hints

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.labels import (
    Label,
    parse_class_weights,
    parse_classes,
    parse_labels,
    parse_task_order,
)
from cl_anomaly.settings.kinds import Limit, Reader, parse_image_size
from cl_anomaly.settings.options import REQUIRED, Option, described_arguments, did_you_mean
from cl_anomaly.settings.python_values import GivenClass, plain_settings
from cl_anomaly.settings.score_names import Scores, listed

DeviceName = Literal["auto", "cpu", "cuda"]
PrecisionName = Literal["auto", "float32", "bfloat16"]
ScenarioName = Literal["class-stream", "one-class", "joint", "clusters", "concepts"]
ScaledBy = Literal["first", "all"]
AnomaliesOf = Literal["shared", "own"]
Features = Literal["pixels", "hog", "random"]
StreamName = Literal["concept-aware", "concept-incremental", "concept-agnostic"]
MOST_SEEDS = 10_000
_MOST_SEED = 2**63 - 1  # what the files of a run hold
DEFAULT_STRATEGIES = ("upper", "gr", "ewc", "lower")


def is_text(value: Any) -> bool:
    """Return whether it is text that a file can be called, and can hold: no part of a character."""
    try:
        return "\0" not in value and len(value.encode()) > 0
    except (TypeError, AttributeError, UnicodeEncodeError):
        return False


def parse_seeds(value: Any) -> list[int]:
    """Turn a number of seeds, or a list of them, into that list.

    Raises:
        ValueError, TypeError: no seed, a negative or a huge one, the same one twice, or something
            else altogether.
    """
    if isinstance(value, Integral) or (isinstance(value, str) and value.isdecimal()):
        (number,) = _whole_numbers([value])
        seeds = list(range(number)) if number <= MOST_SEEDS else []
    else:
        seeds = _whole_numbers(value)
    if not seeds or min(seeds) < 0 or max(seeds) > _MOST_SEED or len(set(seeds)) < len(seeds):
        raise ValueError
    return seeds


def _whole_numbers(value: Any) -> list[int]:
    parts = value.strip("[] ,").split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        raise TypeError
    return [int(str(part)) for part in parts]


Name = Annotated[str, Limit("a name or a path", is_text)]
Count = Annotated[int, Limit("a whole number, 1 or more", lambda number: 1 <= number <= _MOST_SEED)]
Rate = Annotated[float, Limit("a number above 0", lambda number: 0 < number <= sys.float_info.max)]
Share = Annotated[float, Limit("a share, 0 or more and below 1", lambda number: 0 <= number < 1)]
Seeds = Annotated[
    int | str | list[int],
    Reader(
        f"how many seeds (1 to {MOST_SEEDS:,}), or different seeds of 0 or more such as 3,7",
        parse_seeds,
    ),
]
Classes = Annotated[
    Label | Sequence[Label],
    Reader("a class, different classes such as 0,4, or all", parse_classes),
]
TaskOrder = Annotated[
    str | Sequence[Label],
    Reader("ascending, random, or classes such as 3,1,2, each once", parse_task_order),
]
ClassWeights = Annotated[
    dict[str, float],
    Reader("weights above 0 of different classes, such as 3=2,5=0.5", parse_class_weights),
]
ImageSize = Annotated[
    str, Reader("a size such as 32, or HEIGHTxWIDTH such as 32x48", parse_image_size)
]


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """One strategy on one scenario, trained with one or more seeds side by side.

    Attributes:
        strategy: a name from `list strategies`, FILE.py:CLASS, or avalanche:NAME, such as
            avalanche:EWC. In Python, a class or an object of one, too.
        strategy_options: the strategy's own keyword arguments.
        dataset: a name from `list datasets`, or FILE.npz, FILE.csv, FILE.parquet, folder:DIR or
            concepts:FILE.npz. Default: MNIST, or digits where MNIST is not to be had.
        data_root: folder that holds the datasets; looked into first, and downloaded to.
        image_size: of a folder's images, which are resized to 32 (32x32) or HEIGHTxWIDTH. Default:
            as they are, where all have one size.
        label_column: of a table, the column that holds the labels.
        split_column: of a table, the column that says train or test. Default: 30 % of each class
            are for the test, copies of a row together.
        held_out: share of each class's training samples that takes the place of the test set, which
            is then not looked at: for choosing options. Anomalies need training samples for that.
        frozen_features: what every sample becomes before anything else: "pixels" (it stays as it
            is), "hog" (histograms of gradient directions) or "random" (random convolutions, the
            same for all seeds). Images alone become features.
        scenario: "class-stream" (classes arrive task by task), "one-class" (one is normal),
            "joint" (all normal ones at once), "clusters" (k-means clusters of the normal samples
            arrive task by task) or "concepts" (each concept brings its own anomalies). Default:
            class-stream; one-class where `normal_class` is given, or the data has one class to
            train on; concepts where they bring their own anomalies.
        concepts: of the scenario clusters, how many there are at most.
        cluster_scaling: of the scenario clusters, whose samples standardise the features that a
            detector sees: those of the first task, or of all tasks, which no detector may know.
        cluster_anomalies: of the scenario clusters, "shared" (all anomalies belong to all concepts)
            or "own" (each concept brings a cluster of anomalies).
        blur: share of each task's samples that arrives with the task before.
        stream: what the detector is told. In "concept-incremental" it is told when a task begins
            and ends; in "concept-agnostic" it is not. In "concept-aware" it is told as well which
            concept each test sample belongs to, where concepts bring their own anomalies.
        portion: samples in each portion of a "concept-agnostic" stream, which is cut wherever
            concepts end. Default: 128.
        normal_class: of one-class, the class that is trained on. Several (1,3) or "all" are so in
            turn, side by side. Default: the only one that the data has.
        anomaly_class: the class that is never trained on, and is the anomaly at test time. Several
            (0,4) or "all" are so in turn, side by side; of one-class, together. Default: 0; of
            one-class, all others.
        task_order: "ascending", "random" (drawn for each seed), or classes such as 3,1,2.
        classes_per_task: how many normal classes arrive with each task.
        model: a name from `list models`. In Python, a class, too.
        model_options: the model's own keyword arguments.
        calibration: share of each task's training samples that is kept aside, never trained on, and
            sets the thresholds after each task.
        epochs: passes over each task's samples. Default: the dataset's, see `list datasets`. In a
            concept-agnostic stream, passes over each portion; default: 1.
        steps: optimisation steps in each task, in place of epochs: as many for a strategy that
            sees all past samples as for one that sees the new ones. In a concept-agnostic stream,
            steps in each portion.
        batch_size: new samples in each batch; a task that has fewer trains with all of them.
            Default: the dataset's, see `list datasets`.
        learning_rate: of Adam.
        class_weights: by class, what the loss of its samples is multiplied by in training, such as
            3=2,5=0.5; 1 where none is given, and for what a strategy replays.
        score: the anomaly score. Of several (mse,sap,nap) the first is shown and plotted; all are
            recorded, and the cheap ones anyway. Default: the model's, see `list models`; mse for
            tables and what does not lie in [0, 1].
        seeds: how many seeds (5 means 0 to 4), or which ones (3,7; "7," is seed 7 alone).
        device: where to train. "auto" takes a GPU where there is one.
        precision: of training. "auto" takes bfloat16 where the device multiplies it fast.
    """

    strategy: Name = "gr"
    strategy_options: dict[str, Any] = field(default_factory=dict)
    dataset: Name | None = None
    data_root: Name | None = None
    image_size: ImageSize | None = None
    label_column: Name | None = None
    split_column: Name | None = None
    held_out: Share = 0.0
    frozen_features: Features = "pixels"
    scenario: ScenarioName | None = None
    concepts: Count = 5
    cluster_scaling: ScaledBy = "first"
    cluster_anomalies: AnomaliesOf = "shared"
    blur: Share = 0.0
    stream: StreamName = "concept-incremental"
    portion: Count | None = None
    normal_class: Classes | None = None
    anomaly_class: Classes | None = None
    task_order: TaskOrder = "ascending"
    classes_per_task: Count = 1
    model: Name = "vae"
    model_options: dict[str, Any] = field(default_factory=dict)
    calibration: Share = 0.0
    epochs: Count | None = None
    steps: Count | None = None
    batch_size: Count | None = None
    learning_rate: Rate = 1e-3
    class_weights: ClassWeights = field(default_factory=dict)
    score: Scores | None = None
    seeds: Seeds = 1
    device: DeviceName = "auto"
    precision: PrecisionName = "auto"

    def __post_init__(self) -> None:
        """Check what can be checked without the data.

        Raises:
            InputError: a value has the wrong type, is out of range, or is not a list of seeds or
                classes; or both epochs and steps are given.
        """
        for name, value in plain_settings(self.to_dict()).items():
            object.__setattr__(self, name, value)
        for option in settings_of_a_run():
            value = getattr(self, option.name)
            if not isinstance(value, GivenClass):
                object.__setattr__(self, option.name, option.checked(value))
        if self.epochs is not None and self.steps is not None:
            raise InputError(
                f"Expected `epochs` or `steps`, but got both: {self.epochs} epochs and "
                f"{self.steps} steps. Leave one out."
            )

    @property
    def seed_list(self) -> list[int]:
        """The seeds, one for each replica."""
        return parse_seeds(self.seeds)

    @property
    def anomaly_classes(self) -> list[Label]:
        """The anomaly classes, once they are known and no longer "all"."""
        return parse_labels(self.anomaly_class)

    @property
    def scores(self) -> list[str]:
        """The scores by name, the one that is shown first; none where that is left open."""
        return listed(self.score)

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
    """A configuration in which no default is left open; see `cl_anomaly.plan.build.resolve`.

    Those that depend on the data are filled in once it is loaded.

    Attributes:
        dataset_note: why the dataset is a second choice, where it is.
    """

    dataset: str = field()  # pyright: ignore[reportGeneralTypeIssues]
    batch_size: int = field()  # pyright: ignore[reportGeneralTypeIssues]
    score: Scores = "recon"
    dataset_note: str | None = None

    @property
    def shown_score(self) -> str:
        """The score that is shown and plotted."""
        return self.scores[0]


def fingerprint(content: dict[str, Any]) -> str:
    """Eight hexadecimal digits that name what JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]


@cache
def settings_of_a_run() -> tuple[Option, ...]:
    """List the settings of `RunConfig`, with what its docstring says of each."""
    hints = get_type_hints(RunConfig, include_extras=True)
    helps = described_arguments(RunConfig.__doc__ or "")
    return tuple(
        Option(f.name, hints[f.name], _default(f), helps[f.name])
        for f in dataclasses.fields(RunConfig)
    )


def _default(own: dataclasses.Field[Any]) -> Any:
    if own.default_factory is not dataclasses.MISSING:
        return own.default_factory()
    return REQUIRED if own.default is dataclasses.MISSING else own.default


def merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Merge settings, of which later ones replace earlier ones; steps replace epochs, too."""
    whole: dict[str, Any] = {}
    for layer in layers:
        for name, other in (("steps", "epochs"), ("epochs", "steps")):
            if layer.get(name) is not None:
                whole.pop(other, None)
        whole |= layer
    return whole


def checked_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return some settings of `RunConfig` as their types have them.

    Raises:
        InputError: there is none of that name, or it has the wrong type or is out of range.
    """
    known = {option.name: option for option in settings_of_a_run()}
    for name in settings:
        if name not in known:
            like = did_you_mean(name, known) or f" There are {', '.join(known)}."
            raise InputError(f"Expected settings of a run, but got `{name}`.{like}")
    return {name: known[name].checked(value) for name, value in settings.items()}
