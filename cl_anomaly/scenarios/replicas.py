"""The replicas of a run, from its settings."""

from cl_anomaly.core.labels import OWN, parse_labels
from cl_anomaly.scenarios.base import Replica
from cl_anomaly.scenarios.clusters import ANOMALY
from cl_anomaly.scenarios.one_class import one_class_replicas
from cl_anomaly.settings.run_config import RunConfig


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
        anomaly = OWN if config.cluster_anomalies == "own" else ANOMALY
        return [Replica(seed, anomaly, order) for seed in config.seed_list]
    return [Replica(seed, c, order) for c in config.anomaly_classes for seed in config.seed_list]
