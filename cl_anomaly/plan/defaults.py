"""Defaults that depend on the data: the scenario, its classes, batches, the score, the decoder."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.labels import OWN, Label, listed, parse_labels
from cl_anomaly.data.dataset import Dataset
from cl_anomaly.data.datasets import DATASETS
from cl_anomaly.models import Model
from cl_anomaly.models.shared.closed_form import ClosedForm
from cl_anomaly.plan.agnostic import is_agnostic
from cl_anomaly.plan.check import check_scenario
from cl_anomaly.scenarios.base import Scenario
from cl_anomaly.scenarios.class_stream import anomaly_classes
from cl_anomaly.scenarios.concepts import is_of_concepts
from cl_anomaly.scenarios.tasks import known_labels
from cl_anomaly.scores import SCORES
from cl_anomaly.settings.catalogue import OF_THE_RUN
from cl_anomaly.settings.options import fill, options_of
from cl_anomaly.settings.run_config import RunConfig

# Tasks that a note names.
_NAMED_TASKS = 5


def with_classes(config: RunConfig, dataset: Dataset) -> RunConfig:
    """Choose the scenario, where it is open, and name its classes.

    Raises:
        InputError: the dataset has no such class, or a class has to be named.
    """
    scenario = config.scenario or _fitting_scenario(config, dataset)
    config = replace(config, scenario=scenario)
    check_scenario(config)
    given = config.anomaly_class
    if scenario == "one-class":
        anomaly: Any = given
        if given not in (None, "all"):
            anomaly = known_labels(dataset, parse_labels(given), "anomaly_class")
        normal = _normal_classes(config, dataset)
        return replace(config, normal_class=normal, anomaly_class=anomaly or "all")
    if scenario == "concepts":
        return replace(config, anomaly_class=OWN)
    if scenario == "clusters":
        return replace(config, anomaly_class=_anomalous_classes(config, dataset))
    wanted = _default_anomaly(config, dataset) if given is None else given
    return replace(config, anomaly_class=anomaly_classes(dataset, wanted))


def _fitting_scenario(config: RunConfig, dataset: Dataset) -> str:
    if config.normal_class is None and is_of_concepts(dataset):
        return "concepts"
    is_one = config.normal_class is not None or len(dataset.trained_classes) == 1
    return "one-class" if is_one else "class-stream"


def _normal_classes(config: RunConfig, dataset: Dataset) -> list[Label]:
    if config.normal_class is None and len(dataset.trained_classes) > 1:
        raise InputError(
            setting="normal_class",
            expected=f", the class of {dataset.name} to train on, one of "
            f"{listed(dataset.trained_classes)}, or all in turn",
            got="none",
            hint="Name it with `--normal-class`.",
        )
    if config.normal_class in (None, "all"):
        return dataset.trained_classes
    return known_labels(dataset, parse_labels(config.normal_class), "normal_class")


def _anomalous_classes(config: RunConfig, dataset: Dataset) -> list[Label]:
    """Return the classes that are anomalous together; by default those without training samples."""
    given = config.anomaly_class
    if given in (None, "all"):
        untrained = [own for own in dataset.classes if own not in dataset.trained_classes]
        if given is None and untrained:
            return untrained
        raise InputError(
            setting="anomaly_class",
            expected=f", the classes of {dataset.name} ({listed(dataset.classes)}) that"
            " are anomalous",
            got=given or "none",
            hint="Name them with `--anomaly-class`.",
        )
    found = known_labels(dataset, parse_labels(given), "anomaly_class")
    if len(found) == len(dataset.classes):
        raise InputError(
            setting="anomaly_class",
            expected=f"to leave {dataset.name} a normal class",
            got=f"all: {listed(found)}",
        )
    return found


def _default_anomaly(config: RunConfig, dataset: Dataset) -> Label:
    first = dataset.classes[0]
    if first == 0 or config.dataset in DATASETS:
        return first
    raise InputError(
        setting="anomaly_class",
        expected=f", a class of {dataset.name} ({listed(dataset.classes)})",
        got="none",
        hint="Name it with `--anomaly-class`.",
    )


def with_length(
    config: RunConfig, default: int, model: type[Model]
) -> tuple[RunConfig, str | None]:
    """Choose how long tasks are trained, where it is open; in closed form it is one look.

    Args:
        config: whose epochs or steps may be given.
        default: epochs, where neither is.
        model: the class.

    Returns:
        The configuration with epochs or steps, and a sentence for the user where they do not apply.
    """
    if not issubclass(model, ClosedForm):
        epochs = config.epochs or (default if config.steps is None else None)
        return replace(config, epochs=epochs), None
    return replace(config, epochs=1, steps=None), (
        f"{model.name} learns each task in closed form, from one look at its samples: epochs, "
        f"steps, batch size and learning rate do not apply."
    )


def with_batch_size(
    config: RunConfig, default: int, scenarios: Sequence[Scenario]
) -> tuple[RunConfig, str | None]:
    """Choose the size of a batch, where it is open.

    A task that has fewer samples trains with all of them in each batch, see `batch_sizes`: what a
    replica does depends on its own tasks alone.

    Returns:
        The configuration, and a sentence for the user where tasks have fewer.
    """
    size = config.batch_size or default
    few: dict[int, list[int]] = {}
    for task in (task for scenario in scenarios for task in scenario.tasks):
        if len(task.indices) < size:
            few.setdefault(task.number, []).append(len(task.indices))
    config = replace(config, batch_size=size)
    if not few:
        return config, None
    named = [f"task {number} ({_range(few[number])})" for number in sorted(few)]
    more = len(named) - _NAMED_TASKS
    listed_tasks = ", ".join(named[:_NAMED_TASKS]) + (f" and {more} more" if more > 0 else "")
    return config, (
        f"Batches hold {size} samples, and all samples of tasks that have fewer: {listed_tasks}."
    )


def _range(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return str(low) if low == high else f"{low} to {high}"


def batch_sizes(size: int, scenario: Scenario) -> tuple[int, ...]:
    """List the batch size of each of a replica's tasks: no more than the task has samples."""
    return tuple(min(size, len(task.indices)) for task in scenario.tasks)


def fitting_defaults(dataset: Dataset, model: type[Model]) -> dict[str, Any]:
    """Choose by the data what a user leaves open.

    A Bernoulli decoder fits pixels between black and white. The features of a table, and what lies
    outside [0, 1], are better told by their squared distance, which is a Gaussian decoder's.

    Returns:
        The `score`: the model's own default, but mse where no Bernoulli decoder fits and the model
        reconstructs; and options of the model where it has some that depend on the data.
    """
    is_table = len(dataset.features) == 1 and dataset.train.stored.dtype != torch.uint8
    is_bernoulli = dataset.train.is_bounded and not is_table
    fits = not is_bernoulli and SCORES["mse"].needs <= model.abilities
    score = "mse" if fits else model.default_score
    named = {option.name for option in options_of(model, OF_THE_RUN)}
    if is_bernoulli or "reconstruction" not in named:
        return {"score": score}
    return {"score": score, "reconstruction": "mse"}


def standardised_by(config: RunConfig) -> str:
    """Name the samples that standardise the features in the scenario clusters."""
    whose = "task 1's" if config.cluster_scaling == "first" else "all normal"
    return f"{whose} training samples"


def with_fitting_defaults(
    config: RunConfig, dataset: Dataset, model: type[Model]
) -> tuple[RunConfig, list[str]]:
    """Fill in score and options of the model that are open.

    Returns:
        The configuration, and sentences for the user where the data has a say.
    """
    defaults, said = fitting_defaults(dataset, model), []
    own = "least" if config.stream == "concept-aware" else defaults.pop("score")
    score = config.score or own
    if config.score is None and score != model.default_score:
        said.append(f"score {score}")
    options = {k: v for k, v in defaults.items() if k not in {"score", *config.model_options}}
    said += [f"{name} {value}" for name, value in options.items()]
    known = options_of(model, OF_THE_RUN)
    options = fill(known, options | config.model_options, model.name)
    notes = [f"Default for such data: {' and '.join(said)}."] if said else []
    if config.scenario == "clusters":
        whose = standardised_by(config)
        notes.insert(0, f"Features of {dataset.name} are standardised by {whose}.")
    elif not dataset.train.is_bounded:
        whose = "each feature" if len(dataset.features) == 1 else "all pixels together"
        first = "portion" if is_agnostic(config) else "task"
        notes.insert(
            0,
            f"Values of {dataset.name} lie outside [0, 1]: {whose} are scaled so that {first} 1's "
            f"training samples reach from 0 to 1.".replace("each feature are", "each feature is"),
        )
    return replace(config, score=score, model_options=options), notes
