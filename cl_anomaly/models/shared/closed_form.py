"""Base class of models that learn in closed form, from one pass over a task, without gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.randomness import Draws
from cl_anomaly.models.base import Model

# With few weights, replicas share the CPU's cache for a batch's features.
_BYTES_PER_REPLICA = 2**20


class ClosedForm(Model):
    """A model that learns a task in closed form. Each subclass has its own file.

    For each replica, all samples of a task that the strategy shows are turned into features once,
    and the task is learnt from these. There is no loss and no step: epochs, batch size and learning
    rate do not apply.
    """

    keeps_tasks_apart: ClassVar[bool] = True

    def features_of(self, x: Tensor, replica: int) -> Tensor:
        """Return the features (n, F) of a replica's samples (n, *features)."""
        raise NotImplementedError(f"{type(self).__name__} should define `features_of`.")

    def learn(self, replica: int, features: Sequence[Tensor], anew: bool) -> None:
        """Learn a replica's next task.

        Args:
            features: (n, F) each, in one or more batches, of all visible samples of the task.
            anew: whether they include all samples of all earlier tasks, so that they are learnt as
                one task that replaces the others.
        """
        raise NotImplementedError(f"{type(self).__name__} should define `learn`.")

    def loss(self, x: Tensor, random: Draws) -> Tensor:
        """Raise InputError, because the model has no loss."""
        raise InputError(f"Expected a model with a loss, but {self.name} learns in closed form.")

    def scoring_flops(self, tasks: int) -> int | None:
        """Count the operations in matrix products to score one sample, its features included.

        Returns:
            The count; None if it is unknown.
        """
        return None

    def learning_flops(self, samples: Sequence[int], replicas: int) -> int | None:
        """Count the operations in matrix products and factorisations to learn, over all replicas.

        Args:
            samples: number of samples in each task, of all replicas.

        Returns:
            The count; None if it is unknown.
        """
        return None

    def training_bytes(self, batch_size: int) -> int:  # noqa: D102
        return _BYTES_PER_REPLICA
