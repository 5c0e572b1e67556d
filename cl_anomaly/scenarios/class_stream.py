"""The continual stream: one class is the anomaly, the others arrive task by task."""

from collections.abc import Sequence

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.labels import Label
from cl_anomaly.data.dataset import Dataset
from cl_anomaly.scenarios.base import Scenario, Task, scaled
from cl_anomaly.scenarios.blur import blurred
from cl_anomaly.scenarios.tasks import (
    check_share,
    check_tested,
    known_labels,
    make_task,
    ordered_classes,
    places_of,
)

__all__ = ["Scenario", "Task", "anomaly_classes", "build_scenario"]


def build_scenario(
    dataset: Dataset,
    anomaly_class: Label = 0,
    task_order: str | Sequence[Label] = "ascending",
    classes_per_task: int | None = 1,
    seed: int = 0,
    calibration: float = 0.0,
    blur: float = 0.0,
) -> Scenario:
    """Split a dataset into tasks of normal classes and one anomaly class.

    Args:
        dataset: with two classes or more.
        anomaly_class: held out from training.
        task_order: "ascending"; "random", drawn from `seed`; or the normal classes in order. A
            class left out of the list is neither trained nor tested on.
        classes_per_task: how many classes arrive together; the last task takes the rest. None puts
            all of them into one task.
        seed: of a random order, and of what is kept aside.
        calibration: share of each class's training samples that is kept aside, in [0, 1).
        blur: share of each task's training samples that arrives with the task before.

    Raises:
        InputError: a class does not exist or has no samples, the anomaly class is also a task, or
            nothing would be left to train on.
    """
    check_share(calibration)
    (anomaly_class,) = known_labels(dataset, [anomaly_class], "anomaly_class")
    normal = [label for label in dataset.classes if label != anomaly_class]
    order = ordered_classes(normal, task_order, seed, anomaly_class)
    if not order:
        raise InputError(f"Expected {dataset.name} to have a class beside the anomaly class.")
    together = len(order) if classes_per_task is None else classes_per_task
    if together > len(order):
        raise InputError(
            setting="classes_per_task",
            expected=f"to be at most the number of normal classes, {len(order)}",
            got=together,
        )
    starts = range(0, len(order), together)
    tasks = tuple(
        make_task(dataset, number, order[start : start + together], seed, calibration)
        for number, start in enumerate(starts, 1)
    )
    check_tested(dataset, (anomaly_class, *order))
    test_indices = places_of(dataset, dataset.test_labels, (anomaly_class, *order))
    anomalies = places_of(dataset, dataset.test_labels, [anomaly_class])
    tasks = blurred(tasks, blur, seed)
    return scaled(Scenario(dataset, anomaly_class, tasks, test_indices, anomalies))


def anomaly_classes(dataset: Dataset, labels: Label | Sequence[Label]) -> list[Label]:
    """List the classes that are the anomaly in turn, given one, several, or "all".

    Raises:
        InputError: one of them does not exist.
    """
    if labels == "all":
        return list(dataset.classes)
    classes = [labels] if isinstance(labels, int | str) else list(labels)
    return known_labels(dataset, classes, "anomaly_class")
