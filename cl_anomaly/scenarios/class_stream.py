"""The continual stream: which class is the anomaly, and in what order the others arrive."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from cl_anomaly.data.datasets import Dataset
from cl_anomaly.errors import InputError
from cl_anomaly.randomness import generator
from cl_anomaly.scenarios.base import Replica, Scenario, Task, TestGroup


def build_scenario(
    dataset: Dataset,
    anomaly_class: int = 0,
    task_order: str | Sequence[int] = "ascending",
    classes_per_task: int = 1,
    seed: int = 0,
    calibration: float = 0.0,
) -> Scenario:
    """Split a dataset into tasks of normal classes and one anomaly class.

    Args:
        dataset: what is split.
        anomaly_class: the class held out from training.
        task_order: "ascending"; "random", drawn from `seed`; or the normal classes in order. A
            class left out of the list is neither trained nor tested on.
        classes_per_task: how many classes arrive together; the last task takes what is left.
        seed: of a random order, and of what is kept aside.
        calibration: share of each class's training samples that is kept aside, in [0, 1).

    Raises:
        InputError: a class does not exist or has no samples, the anomaly class is also a task, or
            nothing would be left to train on.
    """
    if not 0 <= calibration < 1:
        raise InputError(
            f"Expected `calibration` to be a share from 0 up to 1, but got {calibration}."
        )
    known = known_classes(dataset)
    _check_known(dataset, known, [anomaly_class])
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
        _task(dataset, number, order[start : start + classes_per_task], seed, calibration)
        for number, start in enumerate(starts, 1)
    )
    for label in (anomaly_class, *order):
        if not (dataset.test_labels == label).any():
            raise InputError(f"Expected class {label} of {dataset.name} to have test samples.")
    test_indices = _places(dataset.test_labels, (anomaly_class, *order))
    anomalies = _places(dataset.test_labels, [anomaly_class])
    return Scenario(dataset, anomaly_class, tasks, test_indices, anomalies)


def scenario_of(
    dataset: Dataset, replica: Replica, classes_per_task: int = 1, calibration: float = 0.0
) -> Scenario:
    """Split a dataset as one replica of a run sees it, see `build_scenario`."""
    anomaly, order = replica.anomaly_class, replica.task_order
    return build_scenario(dataset, anomaly, order, classes_per_task, replica.seed, calibration)  # type: ignore[arg-type]


def anomaly_classes(dataset: Dataset, wanted: int | str | Sequence[int]) -> list[int]:
    """List the classes that are the anomaly in turn.

    Args:
        dataset: what they are classes of.
        wanted: one, several, or "all".

    Raises:
        InputError: one of them does not exist.
    """
    known = known_classes(dataset)
    if wanted == "all":
        return known
    classes = [wanted] if isinstance(wanted, int) else [int(label) for label in wanted]
    _check_known(dataset, known, classes)
    return classes


def _check_known(dataset: Dataset, known: list[int], classes: Sequence[int]) -> None:
    for label in classes:
        if label not in known:
            raise InputError(
                f"Expected `anomaly_class` to be a class of {dataset.name} ({_listed(known)}), but "
                f"got {label}."
            )


def known_classes(dataset: Dataset) -> list[int]:
    """List all classes of a dataset, ascending."""
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


def _task(
    dataset: Dataset, number: int, classes: Sequence[int], seed: int, calibration: float
) -> Task:
    aside = []
    for label in classes:
        places = _places(dataset.train_labels, [label])
        if not len(places):
            raise InputError(
                f"Expected class {label} (task {number}) of {dataset.name} to have training "
                f"samples, but it has none."
            )
        aside.append(_kept_aside(places, label, seed, calibration))
        if len(aside[-1]) == len(places):
            raise InputError(
                f"Expected `calibration` to leave samples of class {label} (task {number}) of "
                f"{dataset.name} to train on, but {calibration} of {len(places)} is all of them."
            )
    indices, kept = _places(dataset.train_labels, classes), torch.cat(aside).sort().values
    group = TestGroup({label: _places(dataset.test_labels, [label]) for label in classes})
    return Task(number, tuple(classes), indices[~torch.isin(indices, kept)], group, kept)


def _kept_aside(places: Tensor, label: int, seed: int, share: float) -> Tensor:
    """Draw the part of a class's training samples that is kept aside, whatever its task is."""
    order = torch.randperm(len(places), generator=generator(seed, "calibration", label))
    return places[order[: math.ceil(share * len(places))]]


def _places(labels: Tensor, classes: Sequence[int]) -> Tensor:
    return torch.isin(labels, torch.tensor(list(classes))).nonzero().squeeze(1)


def _listed(classes: Sequence[int]) -> str:
    return ", ".join(str(label) for label in classes)
