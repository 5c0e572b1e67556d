"""Scenarios: a dataset, its tasks, and the test samples that each task is judged by."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch
from torch import Tensor

from cl_anomaly.core.labels import Label
from cl_anomaly.data.dataset import Dataset
from cl_anomaly.data.scaling import Scaling

__all__ = ["Label", "Replica", "Scenario", "Task", "TestGroup", "all_test_indices", "scaled"]


@dataclass(frozen=True)
class Replica:
    """One independent training of a run.

    Attributes:
        seed: of all its random numbers, whatever the anomaly class is.
        anomaly_class: never trained on, as a label for people.
        task_order: "ascending", "random" (drawn from the seed), or the normal classes in order.
        normal_class: with one-class, the only class that it is trained on.
        anomalies: with one-class, the classes that are anomalous together; None means all others.
    """

    seed: int
    anomaly_class: Label
    task_order: str | tuple[Label, ...] = "ascending"
    normal_class: Label | None = None
    anomalies: tuple[Label, ...] | None = None


@dataclass(frozen=True, eq=False)
class TestGroup:
    """The test samples that belong to a task.

    Attributes:
        normal: by class, (n,), int64, places of its normal samples in the dataset's test set.
        anomalies: (m,), int64, places of the anomalies that the task brings; None if it is judged
            by those of the scenario.
    """

    __test__: ClassVar[bool] = False  # no test for pytest

    normal: dict[Label, Tensor]
    anomalies: Tensor | None = None


def _none() -> Tensor:
    return torch.empty(0, dtype=torch.int64)


@dataclass(frozen=True, eq=False)
class Task:
    """The samples that arrive at one step.

    Attributes:
        number: its place in the stream, from 1.
        classes: its normal classes, as labels for people.
        indices: (n,), int64, places of its training samples in the dataset's training set.
        group: the test samples that belong to it.
        calibration: (c,), int64, places in the training set of samples that are kept aside to set a
            threshold, and never trained on.
    """

    number: int
    classes: tuple[Label, ...]
    indices: Tensor
    group: TestGroup
    calibration: Tensor = field(default_factory=_none)


@dataclass(frozen=True, eq=False)
class Scenario:
    """A dataset, what is anomalous, the ordered tasks, and the test set.

    Attributes:
        dataset: with the samples.
        anomaly_class: what is anomalous, as a label for people.
        tasks: in order of arrival.
        test_indices: (n,), int64, ascending, places in the dataset's test set of all samples of the
            tasks' groups and all anomalies.
        anomalies: (m,), int64, places in the test set of the anomalies that all groups share; None
            if each task brings its own.
        anomalous: the classes of these anomalies; None means `anomaly_class`.
    """

    dataset: Dataset
    anomaly_class: Label
    tasks: tuple[Task, ...]
    test_indices: Tensor
    anomalies: Tensor | None
    anomalous: tuple[Label, ...] | None = None

    @property
    def test_labels(self) -> Tensor:
        """Labels of the test set, (n,)."""
        return self.dataset.test_labels[self.test_indices]

    @property
    def all_anomalies(self) -> Tensor:
        """Places of all anomalies in the dataset's test set, (m,), int64, ascending."""
        by_task = [task.group.anomalies for task in self.tasks]
        parts = [places for places in (self.anomalies, *by_task) if places is not None]
        return torch.cat(parts).unique()

    def anomalies_of(self, task: Task) -> Tensor:
        """Places of the anomalies that a task's group is judged by, (m,), int64."""
        return self.all_anomalies if task.group.anomalies is None else task.group.anomalies

    def classes_of(self, places: Tensor) -> list[tuple[Label, int]]:
        """Count training samples at places (n,) by their classes; anomalies come first."""
        counts = Counter(self.dataset.named(self.dataset.train_labels[places]))
        return sorted(counts.items(), key=lambda item: (not self.is_anomalous(item[0]), item[0]))

    def is_anomalous(self, label: Label) -> bool:
        """Return whether a class is anomalous in all tasks."""
        anomalous = (self.anomaly_class,) if self.anomalous is None else self.anomalous
        return self.anomalies is not None and label in anomalous

    def tasks_of(self, places: Tensor) -> Tensor:
        """Return the task of each test sample, if each task brings its own anomalies.

        From places (n,) in the dataset's test set to task numbers from 1, (n,), int64.
        """
        numbers = torch.zeros(len(self.dataset.test_labels), dtype=torch.int64)
        for task in self.tasks:
            members = [*task.group.normal.values(), self.anomalies_of(task)]
            numbers[torch.cat(members)] = task.number
        return numbers[places]

    def task_of(self, label: Label) -> Task | None:
        """Return the task that a normal class arrives with, or None."""
        return next((task for task in self.tasks if label in task.classes), None)


def all_test_indices(scenarios: Sequence[Scenario]) -> Tensor:
    """Return the test samples of all scenarios of a dataset, each once: (n,), int64, ascending."""
    return torch.cat([scenario.test_indices for scenario in scenarios]).unique()


def scaled(scenario: Scenario) -> Scenario:
    """Scale a scenario's samples if its training set has values outside [0, 1].

    The range of the first task's training samples becomes [0, 1]: one for each feature of vectors,
    one for all of an image. Later tasks and the test set may lie outside, and are not looked at,
    nor is what is kept aside. Samples that are scaled already stay so.
    """
    dataset = scenario.dataset
    if dataset.train.scaling is not None or dataset.train.is_bounded:
        return scenario
    scaling = Scaling.of(dataset.train.stored[scenario.tasks[0].indices])
    train, test = dataset.train.scaled_by(scaling), dataset.test.scaled_by(scaling)
    return replace(scenario, dataset=replace(dataset, train=train, test=test))
