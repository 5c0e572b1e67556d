"""How each task is trained: epochs or steps, learning rate, and which samples are in a batch."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from cl_anomaly.core.randomness import ShuffledIndices, generator
from cl_anomaly.scenarios.class_stream import Task

# Of a task with a fixed number of steps, which has no epochs.
_PARTS = 10
# Steps whose batches are looked up together: many cost as much as one.
_BLOCK_STEPS = 64


@dataclass(frozen=True)
class TrainingSettings:
    """How each task is trained.

    Attributes:
        epochs: passes over each task's visible samples; None where `fixed_steps` is given.
        batch_size: visible samples in a batch, or all of a task that has fewer of its own.
        learning_rate: of Adam.
        precision: what the factors of matrix products are rounded to; weights and losses are
            float32.
        sample_weights: (N,), what the loss of each training sample is multiplied by; None for 1.
        fixed_steps: of each replica in each task, however many samples it sees; None for epochs.
    """

    epochs: int | None
    batch_size: int
    learning_rate: float
    precision: torch.dtype
    sample_weights: Tensor | None = field(default=None, compare=False)
    fixed_steps: int | None = None

    @property
    def parts(self) -> int:
        """Parts of a task whose mean losses are recorded: its epochs, or ten parts of its steps."""
        return self.epochs or min(_PARTS, self.fixed_steps or 1)

    def steps(self, visible: int) -> int:
        """Count the steps of a replica that sees this many samples, in full batches, rounded up."""
        if self.epochs is None:
            return self.fixed_steps or 0
        return math.ceil(self.epochs * visible / self.batch_size)

    def for_task(self, tasks: Sequence[Task]) -> "TrainingSettings":
        """Return settings whose batches are no larger than a task, as each replica sees it.

        Raises:
            ValueError: replicas that train side by side would need different sizes.
        """
        sizes = {min(self.batch_size, len(task.indices)) for task in tasks}
        if len(sizes) > 1:
            raise ValueError(f"Expected replicas with one batch size, but got {sorted(sizes)}.")
        return replace(self, batch_size=sizes.pop())


def shuffled_batches(
    indices: Sequence[Tensor], seeds: Sequence[int], number: int, size: int, steps: range
) -> Iterator[Tensor]:
    """Yield the places of each batch's samples, (R, size), in shuffled passes of each replica.

    Args:
        indices: R tensors (n_r,), int64, on the training device.
        seeds: one for each replica.
        number: of the task, from 1.
        size: of a batch.
        steps: from the first to yield, counted from 0, to the task's last.
    """
    streams = [
        ShuffledIndices(visible, generator(seed, "order", number, device=visible.device))
        for visible, seed in zip(indices, seeds, strict=True)
    ]
    for stream in streams:
        stream.skip(steps.start * size)
    for start in steps[::_BLOCK_STEPS]:
        count = min(_BLOCK_STEPS, steps.stop - start)
        block = torch.stack([stream.take(count * size) for stream in streams])
        yield from block.unflatten(1, (count, size)).unbind(1)
