"""Choose how a dataset is split: by the replica of a run that sees it."""

from collections.abc import Callable

from cl_anomaly.core.labels import OWN
from cl_anomaly.data.dataset import Dataset
from cl_anomaly.scenarios.base import Replica, Scenario
from cl_anomaly.scenarios.class_stream import build_scenario
from cl_anomaly.scenarios.concepts import build_concepts
from cl_anomaly.scenarios.one_class import build_one_class


def builder_of(replica: Replica) -> Callable[..., Scenario]:
    """Choose what splits the dataset for a replica.

    That is `build_one_class` if the replica has a normal class, `build_concepts` if each concept
    has its own anomalies, and otherwise `build_scenario`.
    """
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
