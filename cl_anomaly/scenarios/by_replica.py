"""The replicas of a run, and how each splits the dataset."""

from collections.abc import Callable

from cl_anomaly.core.labels import OWN, parse_labels
from cl_anomaly.data.dataset import Dataset
from cl_anomaly.scenarios.base import Replica, Scenario
from cl_anomaly.scenarios.class_stream import build_scenario
from cl_anomaly.scenarios.clusters import ANOMALY
from cl_anomaly.scenarios.concepts import build_concepts
from cl_anomaly.scenarios.one_class import build_one_class, one_class_replicas
from cl_anomaly.settings.run_config import RunConfig


def make_replicas(config: RunConfig) -> list[Replica]:
    """List a run's replicas: each anomaly class with each seed, class after class.

    With one-class, it is each normal class with each seed. The classes in `config` must be known.
    """
    if config.scenario == "one-class":
        anomalies = None if config.anomaly_class == "all" else config.anomaly_classes
        return one_class_replicas(config.seed_list, parse_labels(config.normal_class), anomalies)
    order = config.task_order if isinstance(config.task_order, str) else tuple(config.task_order)
    if config.scenario == "clusters":
        anomaly = OWN if config.cluster_anomalies == "own" else ANOMALY
        return [Replica(seed, anomaly, order) for seed in config.seed_list]
    return [Replica(seed, c, order) for c in config.anomaly_classes for seed in config.seed_list]


def builder_of(replica: Replica) -> Callable[..., Scenario]:
    """Return the function that splits the dataset for a replica."""
    if replica.normal_class is not None:
        return build_one_class
    return build_concepts if replica.anomaly_class == OWN else build_scenario


def scenario_of(
    dataset: Dataset,
    replica: Replica,
    classes_per_task: int | None = 1,
    calibration: float = 0.0,
    blur: float = 0.0,
) -> Scenario:
    """Split a dataset as one replica of a run sees it; see `builder_of`."""
    build, seed, order = builder_of(replica), replica.seed, replica.task_order
    if build is build_one_class:
        return build(dataset, replica.normal_class, replica.anomalies, seed, calibration)
    if build is build_concepts:
        return build(dataset, order, seed, calibration, blur)
    return build(dataset, replica.anomaly_class, order, classes_per_task, seed, calibration, blur)
