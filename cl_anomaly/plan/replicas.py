"""The tasks that each replica of a run sees."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from cl_anomaly.data.dataset import Dataset
from cl_anomaly.data.held_out import held_out
from cl_anomaly.models.shared.frozen_features import with_frozen_features
from cl_anomaly.plan.agnostic import DEFAULT_PORTION, is_agnostic
from cl_anomaly.scenarios.base import Replica, Scenario, scaled
from cl_anomaly.scenarios.by_replica import builder_of, scenario_of
from cl_anomaly.scenarios.clusters import clustered, standardised
from cl_anomaly.scenarios.portions import arrival_of, in_portions, scaled_by_first_portion
from cl_anomaly.scenarios.tasks import known_labels
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


def chosen_functions(config: RunConfig, replicas: Sequence[Replica]) -> list[Callable[..., Any]]:
    """List the functions that make tasks of the dataset as the configuration says."""
    chosen: list[Callable[..., Any]] = [builder_of(replicas[0])]
    if config.held_out:
        chosen.append(held_out)
    if config.frozen_features != "pixels":
        chosen.append(with_frozen_features)
    if config.scenario == "clusters":
        chosen.append(clustered)
    if is_agnostic(config):
        chosen.append(in_portions)
    return chosen
