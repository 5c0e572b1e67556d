"""How each task is trained: epochs or steps, batches, learning rate."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from cl_anomaly.scenarios.class_stream import Task

# Of a task trained by a fixed number of steps, which has no epochs.
_PARTS = 10


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
        """Count the steps of a replica that sees so many samples, in full batches, rounded up."""
        if self.epochs is None:
            return self.fixed_steps or 0
        return math.ceil(self.epochs * visible / self.batch_size)

    def for_task(self, tasks: Sequence[Task]) -> "TrainingSettings":
        """Return these with the batch size of a task: no more than it has samples.

        Args:
            tasks: the task as each replica sees it.

        Raises:
            ValueError: replicas that train side by side would need different sizes.
        """
        sizes = {min(self.batch_size, len(task.indices)) for task in tasks}
        if len(sizes) > 1:
            raise ValueError(f"Expected replicas with one batch size, but got {sorted(sizes)}.")
        return replace(self, batch_size=sizes.pop())
