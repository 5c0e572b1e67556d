"""One class is normal, learnt in a single task; others are anomalous together."""

from collections.abc import Sequence

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.labels import Label, listed
from cl_anomaly.data.dataset import Dataset
from cl_anomaly.scenarios.base import Replica, Scenario, scaled
from cl_anomaly.scenarios.tasks import check_share, check_tested, known_labels, make_task, places_of

OTHERS = "not "
"""Begins the label of anomalies that are all classes but one, as in "not good"."""


def build_one_class(
    dataset: Dataset,
    normal_class: Label,
    anomalies: Sequence[Label] | None = None,
    seed: int = 0,
    calibration: float = 0.0,
) -> Scenario:
    """Train on one class of a dataset, and find others.

    Args:
        dataset: with both.
        normal_class: the one that is trained on.
        anomalies: the classes that are anomalous together. Default: all others.
        seed: of what is kept aside.
        calibration: share of the training samples that is kept aside, in [0, 1).

    Raises:
        InputError: a class does not exist or has no samples, or is both normal and anomalous.
    """
    check_share(calibration)
    (normal,) = known_labels(dataset, [normal_class], "normal_class")
    if anomalies is None:
        anomalous = [label for label in dataset.classes if label != normal]
        anomalous = [c for c in anomalous if len(places_of(dataset, dataset.test_labels, [c]))]
    else:
        anomalous = known_labels(dataset, anomalies, "anomaly_class")
    if normal in anomalous:
        raise InputError(
            setting="anomaly_class",
            expected=f"without the normal class {normal}",
            got=listed(anomalous),
        )
    if not anomalous:
        raise InputError(f"Expected {dataset.name} to have test samples beside class {normal}.")
    task = make_task(dataset, 1, [normal], seed, calibration)
    check_tested(dataset, (normal, *anomalous))
    label = anomaly_label(normal, anomalies)
    return scaled(
        Scenario(
            dataset,
            label,
            (task,),
            places_of(dataset, dataset.test_labels, (normal, *anomalous)),
            places_of(dataset, dataset.test_labels, anomalous),
            tuple(anomalous),
        )
    )


def anomaly_label(normal_class: Label, anomalies: Sequence[Label] | None) -> Label:
    """Name the anomalies: 9, "2+9", or "not 1" for all but class 1."""
    if anomalies is None:
        return f"{OTHERS}{normal_class}"
    return anomalies[0] if len(anomalies) == 1 else "+".join(map(str, anomalies))


def one_class_replicas(
    seeds: Sequence[int], normal_classes: Sequence[Label], anomalies: Sequence[Label] | None
) -> list[Replica]:
    """List a replica for each normal class with each seed, class after class."""
    together = None if anomalies is None else tuple(anomalies)
    several = len(normal_classes) > 1 and anomalies is not None
    return [
        Replica(
            seed,
            # Rows of different normal classes must not be taken for each other.
            f"{anomaly_label(c, anomalies)} beside {c}" if several else anomaly_label(c, anomalies),
            normal_class=c,
            anomalies=together,
        )
        for c in normal_classes
        for seed in seeds
    ]
