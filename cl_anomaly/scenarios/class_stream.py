"""The continual stream: which class is the anomaly, and in what order the others arrive."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cl_anomaly.data.datasets import Dataset
from cl_anomaly.errors import InputError
from cl_anomaly.randomness import generator


@dataclass(frozen=True, eq=False)
class Task:
    """What arrives at one step.

    Attributes:
        number: its place in the stream, from 1.
        classes: its normal classes.
        indices: (n,), int64, its training samples' places in the dataset's training set.
    """

    number: int
    classes: tuple[int, ...]
    indices: Tensor


@dataclass(frozen=True, eq=False)
class Scenario:
    """A dataset, the anomaly class, the ordered tasks, and the test set.

    Attributes:
        dataset: where the samples are.
        anomaly_class: never among the tasks.
        tasks: in the order in which they arrive.
        test_indices: (n,), int64, the samples of the anomaly class and of every task's classes,
            as places in the dataset's test set.
    """

    dataset: Dataset
    anomaly_class: int
    tasks: tuple[Task, ...]
    test_indices: Tensor

    @property
    def test_labels(self) -> Tensor:
        """Labels of the test set, (n,), int64."""
        return self.dataset.test_labels[self.test_indices]

    def seen_classes(self, task: Task) -> tuple[int, ...]:
        """Normal classes of the tasks up to and including this one."""
        return tuple(c for past in self.tasks[: task.number] for c in past.classes)


def build_scenario(
    dataset: Dataset,
    anomaly_class: int = 0,
    task_order: str | Sequence[int] = "ascending",
    classes_per_task: int = 1,
    seed: int = 0,
) -> Scenario:
    """Split a dataset into tasks of normal classes and one anomaly class.

    Args:
        dataset: what is split.
        anomaly_class: the class held out from training.
        task_order: "ascending"; "random", drawn from `seed`; or the normal classes in order. A
            class left out of the list is neither trained nor tested on.
        classes_per_task: how many classes arrive together; the last task takes what is left.
        seed: of a random order.

    Raises:
        InputError: a class does not exist or has no samples, or the anomaly class is also a task.
    """
    known = _known_classes(dataset)
    if anomaly_class not in known:
        raise InputError(
            f"Expected `anomaly_class` to be a class of {dataset.name} ({_listed(known)}), but got "
            f"{anomaly_class}."
        )
    order = _ordered_classes(known, anomaly_class, task_order, seed)
    if not order:
        raise InputError(f"Expected {dataset.name} to have a class beside the anomaly class.")
    if classes_per_task > len(order):
        raise InputError(
            f"Expected `classes_per_task` to be at most the number of normal classes, "
            f"{len(order)}, but got {classes_per_task}."
        )
    starts = range(0, len(order), classes_per_task)
    tasks = tuple(
        _task(dataset, number, tuple(order[start : start + classes_per_task]))
        for number, start in enumerate(starts, 1)
    )
    test_indices = _places(dataset.test_labels, (anomaly_class, *order))
    for label in (anomaly_class, *order):
        if not (dataset.test_labels == label).any():
            raise InputError(f"Expected class {label} of {dataset.name} to have test samples.")
    return Scenario(dataset, anomaly_class, tasks, test_indices)


def _known_classes(dataset: Dataset) -> list[int]:
    return torch.cat([dataset.train_labels, dataset.test_labels]).unique().tolist()


def _ordered_classes(
    known: list[int], anomaly_class: int, task_order: str | Sequence[int], seed: int
) -> list[int]:
    normal = [label for label in known if label != anomaly_class]
    if task_order == "ascending":
        return normal
    if task_order == "random":
        order = torch.randperm(len(normal), generator=generator(seed, "task order"))
        return [normal[place] for place in order.tolist()]
    if isinstance(task_order, str):
        raise InputError(
            f"Expected `task_order` to be ascending, random or classes, but got {task_order!r}."
        )
    if not task_order or len(set(task_order)) < len(task_order):
        raise InputError(
            f"Expected `task_order` to name each class once, but got [{_listed(task_order)}]."
        )
    for label in task_order:
        if label == anomaly_class:
            raise InputError(
                f"Expected `task_order` without the anomaly class {anomaly_class}, which is never "
                f"trained on, but got {_listed(task_order)}."
            )
        if label not in known:
            raise InputError(
                f"Expected `task_order` to name classes from {_listed(known)}, but got {label}."
            )
    return list(task_order)


def _task(dataset: Dataset, number: int, classes: tuple[int, ...]) -> Task:
    for label in classes:
        if not (dataset.train_labels == label).any():
            raise InputError(
                f"Expected class {label} (task {number}) of {dataset.name} to have training "
                f"samples, but it has none."
            )
    return Task(number, classes, _places(dataset.train_labels, classes))


def _places(labels: Tensor, classes: Sequence[int]) -> Tensor:
    return torch.isin(labels, torch.tensor(list(classes))).nonzero().squeeze(1)


def _listed(classes: Sequence[int]) -> str:
    return ", ".join(str(label) for label in classes)
