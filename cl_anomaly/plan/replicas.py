"""The tasks that each replica of a run sees."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.dataset import Dataset
from cl_anomaly.data.held_out import held_out
from cl_anomaly.models.frozen_features import with_frozen_features
from cl_anomaly.plan.agnostic import DEFAULT_PORTION, is_agnostic
from cl_anomaly.scenarios.base import Replica, Scenario
from cl_anomaly.scenarios.class_stream import scenario_of
from cl_anomaly.scenarios.clusters import clustered, standardised
from cl_anomaly.scenarios.portions import arrival_of, in_portions, scaled_by_first_portion
from cl_anomaly.scenarios.stream_scaling import scaled
from cl_anomaly.scenarios.tasks import known_labels, places_of
from cl_anomaly.settings.run_config import RunConfig


def as_stream(config: RunConfig, dataset: Dataset) -> Dataset:
    """Return the dataset that a scenario splits into tasks.

    Args:
        config: whose classes are known.
        dataset: as it was loaded.

    Returns:
        It, with a held-out part of the training set in place of the test set, with frozen features
        in place of the samples, and with clusters as its classes, as far as `config` says so.

    Raises:
        InputError: there are too few samples for so many clusters, anomalies have no training
            samples, or samples that are no images have no such features.
    """
    if config.held_out:
        dataset = held_out(dataset, config.held_out)
    if config.frozen_features != "pixels":
        dataset = with_frozen_features(dataset, config.frozen_features)
    if config.scenario != "clusters":
        return dataset
    brings_own = config.cluster_anomalies == "own"
    anomalous = tuple(config.anomaly_classes)
    return clustered(dataset, anomalous, config.concepts, config.cluster_scaling, brings_own)


def make_scenarios(
    config: RunConfig, dataset: Dataset, replicas: Sequence[Replica]
) -> list[Scenario]:
    """Split the dataset as each replica sees it.

    Raises:
        InputError: it cannot be split so.
    """
    together = None if config.scenario == "joint" else config.classes_per_task
    agnostic = is_agnostic(config)
    aside = 0.0 if agnostic else config.calibration
    found = [scenario_of(dataset, replica, together, aside, config.blur) for replica in replicas]
    by_first = config.scenario == "clusters" and config.cluster_scaling == "first"
    if agnostic:
        return _as_portions(config, dataset, replicas, found, standardised if by_first else scaled)
    return [standardised(own) for own in found] if by_first else found


def _as_portions(
    config: RunConfig,
    dataset: Dataset,
    replicas: Sequence[Replica],
    scenarios: Sequence[Scenario],
    scale: Callable[[Scenario], Scenario],
) -> list[Scenario]:
    """Cut each replica's stream into portions.

    Args:
        config: with a `portion`.
        dataset: as it was before scenarios scaled it.
        replicas: R of them.
        scenarios: one for each replica, with nothing kept aside.
        scale: scales a scenario by its first task.

    Raises:
        InputError: nothing of a portion would be left to train on.
    """
    found: list[Scenario] = []
    for replica, scenario in zip(replicas, scenarios, strict=True):
        order, size = arrival_of(scenario, replica.seed), config.portion or DEFAULT_PORTION
        cut = in_portions(scenario, order, size, replica.seed, config.calibration)
        found.append(scaled_by_first_portion(cut, dataset, scale))
    return found


def sample_weights(config: RunConfig, dataset: Dataset) -> Tensor | None:
    """Return the weight of each training sample by its class, (N,); None where all have the same.

    Raises:
        InputError: the dataset has no such class.
    """
    if not config.class_weights:
        return None
    labels = known_labels(dataset, list(config.class_weights), "class_weights")
    weights = torch.ones(len(dataset.train_labels))
    for code, weight in zip(dataset.codes(labels), config.class_weights.values(), strict=True):
        weights[dataset.train_labels == code] = weight
    return weights


def check_weights(config: RunConfig, dataset: Dataset, scenarios: Sequence[Scenario]) -> None:
    """Refuse the weight of a class that no replica trains on, such as the only anomaly class.

    Args:
        config: with its weights.
        dataset: as it was loaded.
        scenarios: one for each replica.

    Raises:
        InputError: there is one, or the dataset has no such class.
    """
    for label in known_labels(dataset, list(config.class_weights), "class_weights"):
        places = places_of(dataset, dataset.train_labels, [label])
        trained = (task.indices for own in scenarios for task in own.tasks)
        if not any(torch.isin(places, indices).any() for indices in trained):
            anomalous = any(own.is_anomalous(label) for own in scenarios)
            why = "it is the anomaly class" if anomalous else "it has no training samples in a task"
            raise InputError(
                f"Expected `class_weights` of classes that are trained on, but got {label}: "
                f"its weight does nothing because {why}."
            )
