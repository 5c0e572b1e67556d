"""A stream without boundaries: samples in their order of arrival, cut into portions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import torch
from torch import Tensor

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.randomness import generator
from cl_anomaly.data.dataset import Dataset
from cl_anomaly.scenarios.base import Scenario, Task, TestGroup
from cl_anomaly.scenarios.tasks import check_share


@dataclass(frozen=True, eq=False)
class Portioned(Scenario):
    """A scenario whose training samples arrive in portions that know nothing of its tasks.

    Attributes:
        portions: what training sees in place of tasks, without classes or test samples.
        ends: for each task, the portion, from 1, with which the last of its samples arrives.
    """

    portions: tuple[Task, ...] = ()
    ends: tuple[int, ...] = ()

    def as_trained(self) -> Scenario:
        """Return the scenario that training sees: its tasks are the portions."""
        return Scenario(
            self.dataset,
            self.anomaly_class,
            self.portions,
            self.test_indices,
            self.anomalies,
            self.anomalous,
        )


def arrival_of(scenario: Scenario, seed: int) -> Tensor:
    """Draw the order in which a scenario's training samples arrive, (n,), int64.

    Each task's samples come after those of the task before. Within a task, each sample has a rank
    that is drawn for the whole training set, so it depends neither on labels nor on boundaries.
    """
    count = len(scenario.dataset.train)
    rank = torch.randperm(count, generator=generator(seed, "arrival"))
    return torch.cat([task.indices[rank[task.indices].argsort()] for task in scenario.tasks])


def in_portions(
    scenario: Scenario, arrival: Tensor, size: int, seed: int, calibration: float = 0.0
) -> Portioned:
    """Cut a stream into portions, wherever its tasks end.

    Args:
        scenario: whose tasks decide when to evaluate, and nothing else.
        arrival: (n,), int64, its tasks' training samples in order of arrival.
        size: samples in a portion. A smaller rest joins the last portion.
        seed: of what is kept aside.
        calibration: share of each portion that is kept aside, in [0, 1).

    Raises:
        InputError: nothing of a portion would be left to train on.
    """
    check_share(calibration)
    count = max(1, len(arrival) // size)
    parts = arrival.tensor_split([size * number for number in range(1, count)])
    portions = tuple(_portion(n, part, seed, calibration) for n, part in enumerate(parts, 1))
    place = torch.empty(len(scenario.dataset.train), dtype=torch.int64)
    place[arrival] = torch.arange(len(arrival))
    last = (int(place[task.indices].max()) for task in scenario.tasks)
    ends = tuple(accumulate((min(arrived // size + 1, count) for arrived in last), max))
    aside = torch.cat([portion.calibration for portion in portions])
    tasks = tuple(_parted(task, aside) for task in scenario.tasks)
    return Portioned(
        scenario.dataset,
        scenario.anomaly_class,
        tasks,
        scenario.test_indices,
        scenario.anomalies,
        scenario.anomalous,
        portions,
        ends,
    )


def _portion(number: int, arrived: Tensor, seed: int, calibration: float) -> Task:
    count = math.ceil(calibration * len(arrived))
    if count == len(arrived):
        raise InputError(
            setting="calibration",
            expected="to leave samples of each portion to train on",
            but=f"{calibration} of {count} is all of them",
            hint="Make `portion` larger.",
        )
    order = torch.randperm(len(arrived), generator=generator(seed, "calibration", number))
    is_aside = torch.zeros(len(arrived), dtype=torch.bool)
    is_aside[order[:count]] = True
    return Task(number, (), arrived[~is_aside], TestGroup({}), arrived[is_aside])


def _parted(task: Task, aside: Tensor) -> Task:
    """Divide a task's samples into those that are trained on and those that are kept aside."""
    is_aside = torch.isin(task.indices, aside)
    return replace(task, indices=task.indices[~is_aside], calibration=task.indices[is_aside])


def scaled_by_first_portion(
    portioned: Portioned, dataset: Dataset, scale: Callable[[Scenario], Scenario]
) -> Portioned:
    """Scale a stream's samples by its first portion, as other streams are by the first task.

    Args:
        portioned: the stream.
        dataset: its dataset before a scenario scaled it.
        scale: scales a scenario by its first task.
    """
    scaled = scale(replace(portioned.as_trained(), dataset=dataset))
    return replace(portioned, dataset=scaled.dataset)


def as_trained(scenarios: Sequence[Scenario]) -> list[Scenario]:
    """Return scenarios as training sees them: with portions, if there are any, as tasks."""
    return [
        scenario.as_trained() if isinstance(scenario, Portioned) else scenario
        for scenario in scenarios
    ]


def rhythm(scenario: Scenario) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Return what replicas must share to be trained and evaluated side by side, or None.

    These are the portions with which tasks end, and how many samples each portion has.
    """
    if not isinstance(scenario, Portioned):
        return None
    return scenario.ends, tuple(len(portion.indices) for portion in scenario.portions)
