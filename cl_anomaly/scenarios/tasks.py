"""Building blocks of tasks: classes, the places of their samples, and what is kept aside."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.labels import Label, find_label, listed, same_label
from cl_anomaly.core.randomness import generator
from cl_anomaly.data.dataset import Dataset
from cl_anomaly.scenarios.base import Task, TestGroup


def known_labels(dataset: Dataset, labels: Sequence[Label], setting: str) -> list[Label]:
    """Return classes as the dataset calls them; `setting` is for the message.

    Raises:
        InputError: one of them does not exist.
    """
    known = []
    for label in labels:
        if (match := find_label(label, dataset.classes)) is None:
            raise InputError(
                setting=setting,
                expected=f"to be a class of {dataset.name} ({listed(dataset.classes)})",
                got=label,
            )
        known.append(match)
    return known


def places_of(dataset: Dataset, labels: Tensor, classes: Sequence[Label]) -> Tensor:
    """Find the samples of some classes by the training or test labels: (n,), int64, ascending."""
    return torch.isin(labels, dataset.codes(classes)).nonzero().squeeze(1)


def ordered_classes(
    normal: Sequence[Label],
    task_order: str | Sequence[Label],
    seed: int,
    anomaly_class: Label | None = None,
) -> list[Label]:
    """Put normal classes into the order in which they arrive.

    Args:
        normal: all of them.
        task_order: "ascending"; "random", drawn from `seed`; or classes in order.
        seed: of a random order.
        anomaly_class: for the message.

    Raises:
        InputError: it is no order, or names a class twice or one that does not exist.
    """
    if task_order == "ascending":
        return list(normal)
    if task_order == "random":
        order = torch.randperm(len(normal), generator=generator(seed, "task order"))
        return [normal[place] for place in order.tolist()]
    if isinstance(task_order, str):
        raise InputError(
            setting="task_order",
            expected="to be ascending, random or classes",
            got=repr(task_order),
        )
    if not task_order or len(set(task_order)) < len(task_order):
        raise InputError(
            setting="task_order", expected="to name each class once", got=f"[{listed(task_order)}]"
        )
    matches = [find_label(label, normal) for label in task_order]
    for label, match in zip(task_order, matches, strict=True):
        if anomaly_class is not None and same_label(label, anomaly_class):
            raise InputError(
                setting="task_order",
                expected=f"without the anomaly class {anomaly_class}, which is never trained on",
                got=listed(task_order),
            )
        if match is None:
            raise InputError(
                setting="task_order", expected=f"to name classes from {listed(normal)}", got=label
            )
    return [match for match in matches if match is not None]


def make_task(
    dataset: Dataset, number: int, classes: Sequence[Label], seed: int, calibration: float
) -> Task:
    """Make the task with a number, from 1, of some classes.

    A share of each class's training samples is kept aside for calibration.

    Raises:
        InputError: a class has no training samples, or none would be left.
    """
    aside = []
    for label in classes:
        places = places_of(dataset, dataset.train_labels, [label])
        if not len(places):
            raise InputError(
                f"Expected class {label} (task {number}) of {dataset.name} to have training "
                f"samples, but it has none."
            )
        aside.append(_kept_aside(places, label, seed, calibration))
        if len(aside[-1]) == len(places):
            raise InputError(
                setting="calibration",
                expected=f"to leave samples of class {label} (task {number}) of "
                f"{dataset.name} to train on",
                but=f"{calibration} of {len(places)} is all of them",
            )
    indices = places_of(dataset, dataset.train_labels, classes)
    held_aside = torch.cat(aside).sort().values
    group = TestGroup({c: places_of(dataset, dataset.test_labels, [c]) for c in classes})
    return Task(
        number, tuple(classes), indices[~torch.isin(indices, held_aside)], group, held_aside
    )


def check_share(calibration: float) -> None:
    """Refuse a share that is not in [0, 1)."""
    if not 0 <= calibration < 1:
        raise InputError(
            setting="calibration", expected="to be a share from 0 up to 1", got=calibration
        )


def check_tested(dataset: Dataset, classes: Sequence[Label]) -> None:
    """Refuse classes without test samples."""
    for label in classes:
        if not len(places_of(dataset, dataset.test_labels, [label])):
            raise InputError(f"Expected class {label} of {dataset.name} to have test samples.")


def _kept_aside(places: Tensor, label: Label, seed: int, share: float) -> Tensor:
    """Draw the part of a class's training samples that is kept aside, the same in any task."""
    order = torch.randperm(len(places), generator=generator(seed, "calibration", label))
    return places[order[: math.ceil(share * len(places))]]
