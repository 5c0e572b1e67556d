"""Blurred boundaries: a share of the next task's samples arrives early."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from cl_anomaly.core.randomness import generator
from cl_anomaly.scenarios.base import Task


def blurred(tasks: Sequence[Task], share: float, seed: int) -> tuple[Task, ...]:
    """Let a share of each task's training samples arrive with the task before.

    Every sample still arrives once. Test groups, and what is kept aside for thresholds, stay as
    they are.

    Args:
        tasks: in order.
        share: of each task's training samples, in [0, 1); rounded to whole samples.
        seed: of which ones.
    """
    parts = [_parted(task, share, seed) for task in tasks]
    arriving = [late for _, late in parts]
    for number, (early, _) in enumerate(parts[1:]):
        arriving[number] = torch.cat([arriving[number], early]).sort().values
    return tuple(
        replace(task, indices=indices) for task, indices in zip(tasks, arriving, strict=True)
    )


def _parted(task: Task, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """Part a task's samples into those that come early and the rest; none of the first task."""
    count = 0 if task.number == 1 else round(share * len(task.indices))
    count = min(count, len(task.indices) - 1)
    order = torch.randperm(
        len(task.indices), generator=generator(seed, "blur", *map(str, task.classes))
    )
    return task.indices[order[:count]], task.indices[order[count:].sort().values]
