"""The replicas of a run, and the tasks that each of them sees."""

from collections.abc import Sequence

import torch
from torch import Tensor

from cl_anomaly.config import RunConfig
from cl_anomaly.data.samples import Dataset
from cl_anomaly.errors import InputError
from cl_anomaly.labels import parse_labels
from cl_anomaly.runs.agnostic import as_portions, is_agnostic
from cl_anomaly.scenarios.base import Replica, Scenario
from cl_anomaly.scenarios.class_stream import scenario_of
from cl_anomaly.scenarios.clusters import ANOMALY, clustered
from cl_anomaly.scenarios.one_class import one_class_replicas
from cl_anomaly.scenarios.tasks import known_labels, places_of


def as_stream(config: RunConfig, dataset: Dataset) -> Dataset:
    """Give the dataset that a scenario splits into tasks: of clusters, one that has them.

    Args:
        config: whose classes are known.
        dataset: as it was loaded.

    Raises:
        InputError: there are too few samples for so many clusters.
    """
    if config.scenario != "clusters":
        return dataset
    return clustered(dataset, tuple(config.anomaly_classes), config.concepts)


def about_clusters(config: RunConfig, dataset: Dataset) -> str | None:
    """Say it where a scenario has fewer clusters than were asked for; None where it has not."""
    found = len(dataset.trained_classes)
    if config.scenario != "clusters" or found == config.concepts:
        return None
    return (
        f"Of {config.concepts} clusters of {dataset.name}, {config.concepts - found} had too few "
        f"samples, which have joined others: there are {found} concepts."
    )


def make_replicas(config: RunConfig) -> list[Replica]:
    """List a run's replicas: each anomaly class with each seed, class after class.

    In the scenario of one class, it is each normal class.

    Args:
        config: whose classes are known.
    """
    if config.scenario == "one-class":
        anomalies = None if config.anomaly_class == "all" else config.anomaly_classes
        return one_class_replicas(config.seed_list, parse_labels(config.normal_class), anomalies)
    order = config.task_order if isinstance(config.task_order, str) else tuple(config.task_order)
    if config.scenario == "clusters":
        return [Replica(seed, ANOMALY, order) for seed in config.seed_list]
    return [Replica(seed, c, order) for c in config.anomaly_classes for seed in config.seed_list]


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
    return as_portions(config, dataset, replicas, found) if agnostic else found


def sample_weights(config: RunConfig, dataset: Dataset) -> Tensor | None:
    """Give the weight of each training sample by its class, (N,); None where all have the same.

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
