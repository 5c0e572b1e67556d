"""A run's whole configuration; the command line, `config.json` and the suites are read from it."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import field
from functools import cache
from typing import Any, Self, get_type_hints

from pydantic import ValidationError, model_validator
from pydantic.dataclasses import dataclass
from pydantic_core import ArgsKwargs

from cl_anomaly.core.errors import InputError, UnknownSetting
from cl_anomaly.core.labels import Label, parse_labels
from cl_anomaly.settings.field_types import (
    AnomaliesOf,
    Classes,
    ClassWeights,
    Count,
    DeviceName,
    Features,
    ImageSize,
    Name,
    PrecisionName,
    Rate,
    ScaledBy,
    ScenarioName,
    Scores,
    Seeds,
    Share,
    StreamName,
    TaskOrder,
    parse_seeds,
)
from cl_anomaly.settings.options import REQUIRED, Option, alike, described_arguments
from cl_anomaly.settings.python_values import plain_settings
from cl_anomaly.settings.values import STRICT

DEFAULT_STRATEGIES = ("upper", "gr", "ewc", "lower")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RunConfig:
    """One strategy on one scenario, trained with one or more seeds side by side.

    Attributes:
        strategy: name from `list strategies`, FILE.py:CLASS, or avalanche:NAME, such as
            avalanche:EWC. In Python you can also pass a class or an instance.
        strategy_options: the strategy's keyword arguments.
        dataset: name from `list datasets`, or FILE.npz, FILE.csv, FILE.parquet, folder:DIR or
            concepts:FILE.npz. Default: MNIST, or `digits` if MNIST is unavailable.
        data_root: folder that holds the datasets: searched first, and downloaded to.
        image_size: size to which a folder's images are resized: 32 (32x32) or HEIGHTxWIDTH.
            Default: their own size, if all have the same.
        label_column: column of a table that holds the labels.
        split_column: column of a table that says train or test. Default: 30 % of each class is held
            out for testing, copies of a row together.
        held_out: share of each class's training samples that replaces the test set, which is then
            not looked at: for choosing options. Anomaly classes need training samples for that.
        frozen_features: fixed transformation of every sample: "pixels" (none), "hog" (histograms of
            gradient directions) or "random" (random convolutions, the same for all seeds). For
            images only.
        scenario: "class-stream" (classes arrive task by task), "one-class" (one is normal),
            "joint" (all normal ones at once), "clusters" (k-means clusters of the normal samples
            arrive task by task) or "concepts" (each concept brings its own anomalies). Default:
            class-stream; one-class if `normal_class` is given or the data has one class to train
            on; concepts if they bring their own anomalies.
        concepts: for clusters: the largest number of clusters.
        cluster_scaling: for clusters: samples whose mean and deviation standardise the features
            that a detector sees: those of the first task, or of all tasks, which no detector may
            know.
        cluster_anomalies: for clusters: "shared" (all anomalies belong to all concepts) or "own"
            (each concept brings a cluster of anomalies).
        blur: share of each task's samples that arrives with the task before.
        stream: what the detector is told. In "concept-incremental" it is told when a task begins
            and ends; in "concept-agnostic" it is not. In "concept-aware" it is also told which
            concept each test sample belongs to, if concepts bring their own anomalies.
        portion: samples in each portion of a "concept-agnostic" stream, which is cut wherever
            concepts end. Default: 128.
        normal_class: for one-class: the class to train on. Give several (`1,3`) or `all` to train
            on each in its own replica. Default: the only class that the data has.
        anomaly_class: class that is never trained on, and is the anomaly at test time. Give several
            (`0,4`) or `all` to hold out each in its own replica. With one-class they are anomalous
            together. Default: 0; for one-class, all others.
        task_order: "ascending", "random" (drawn for each seed), or classes such as 3,1,2.
        classes_per_task: number of normal classes that arrive with each task.
        model: name from `list models`. In Python you can also pass a class.
        model_options: the model's keyword arguments.
        calibration: share of each task's training samples that is kept aside, never trained on, and
            sets the thresholds after each task.
        epochs: passes over each task's samples. Default: the dataset's, see `list datasets`. In a
            concept-agnostic stream, passes over each portion; default: 1.
        steps: optimisation steps in each task, instead of epochs: as many for a strategy that
            sees all past samples as for one that sees the new ones. In a concept-agnostic stream,
            steps in each portion.
        batch_size: new samples in each batch; a task that has fewer trains with all of them.
            Default: the dataset's, see `list datasets`.
        learning_rate: step size of Adam.
        class_weights: loss weight per class, e.g. `3=2,5=0.5`. All others weigh 1, and so do
            replayed samples.
        score: anomaly score. Of several (mse,sap,nap) the first is shown and plotted; all are
            recorded, and the cheap ones in any case. Default: the model's, see `list models`; mse
            for tables and for data outside [0, 1].
        seeds: number of seeds (5 means 0 to 4), or a list of them (3,7; "7," is seed 7 alone).
        device: where to train. "auto" takes a GPU if there is one.
        precision: number format of training. "auto" takes bfloat16 if the device multiplies it
            fast.
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

    @model_validator(mode="wrap")
    @classmethod
    def _checked(cls, given: ArgsKwargs, validate: Callable[[ArgsKwargs], Self]) -> Self:
        """Check what can be checked without the data.

        Raises:
            InputError: a value has the wrong type, is out of range, or is not a list of seeds or
                classes; or both epochs and steps are given.
        """
        plain = plain_settings(given.kwargs or {})
        try:
            config = validate(ArgsKwargs(given.args, plain))
        except ValidationError as error:
            raise _explained(error, plain) from None
        if config.epochs is not None and config.steps is not None:
            raise InputError(
                setting="epochs",
                expected="or {steps}",
                got=f"both: {config.epochs} epochs and {config.steps} steps",
                hint="Leave one out.",
            )
        return config

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
        return [self.score] if isinstance(self.score, str) else self.score or []

    def to_dict(self) -> dict[str, Any]:
        """Everything needed to run it again, as JSON can hold it."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(RunConfig)}

    def fingerprint(self, **more: Any) -> str:
        """Eight hexadecimal digits that name this configuration.

        Args:
            more: what else the results depend on.
        """
        return fingerprint({k: v for k, v in self.to_dict().items() if k != "data_root"} | more)


@dataclass(frozen=True, kw_only=True, config=STRICT)
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


def _default(setting: dataclasses.Field[Any]) -> Any:
    if setting.default_factory is not dataclasses.MISSING:
        return setting.default_factory()
    return REQUIRED if setting.default is dataclasses.MISSING else setting.default


def _explained(error: ValidationError, given: Mapping[str, Any]) -> InputError:
    """Turn pydantic's error into ours: about the first setting that is at fault."""
    name = str(error.errors(include_url=False, include_context=False)[0]["loc"][0])
    option = next((each for each in settings_of_a_run() if each.name == name), None)
    if option is None:
        return _unknown(name)
    return option.refused(given[name])


def _unknown(name: str) -> UnknownSetting:
    known = [option.name for option in settings_of_a_run()]
    like = alike(name, known)
    hint = "" if like else f"There are {', '.join(known)}."
    return UnknownSetting(name, expected="settings of a run", like=like, hint=hint)


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
            raise _unknown(name)
    return {name: known[name].checked(value) for name, value in settings.items()}
