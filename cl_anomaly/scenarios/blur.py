"""Blurred boundaries: a share of the next task's samples arrives early."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from cl_anomaly.core.randomness import generator
from cl_anomaly.scenarios.base import Task


def blurred(tasks: Sequence[Task], share: float, seed: int) -> tuple[Task, ...]:
    """Let a share of each task's training samples arrive with the task before.

    The share is in [0, 1), rounded to whole samples. Every sample still arrives once. Test groups,
    and what is kept aside for thresholds, stay as they are.
    """
    parts = [_parted(task, share, seed) for task in tasks]
    arriving = [late for _, late in parts]
    for number, (early, _) in enumerate(parts[1:]):
        arriving[number] = torch.cat([arriving[number], early]).sort().values
    return tuple(
        replace(task, indices=indices) for task, indices in zip(tasks, arriving, strict=True)
    )


def _parted(task: Task, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """Divide a task's samples into those that come early, if it is not the first, and the rest."""
    count = 0 if task.number == 1 else round(share * len(task.indices))
    count = min(count, len(task.indices) - 1)
    numbers = generator(seed, "blur", *map(str, task.classes))
    order = torch.randperm(len(task.indices), generator=numbers)
    return task.indices[order[:count]], task.indices[order[count:].sort().values]
