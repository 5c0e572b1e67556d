"""Models that learn in closed form: from one look at each sample of a task, without gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.randomness import Draws
from cl_anomaly.models.base import Model

# Beside few weights, replicas share what a processor's cache holds of a batch's features.
_BYTES_PER_REPLICA = 2**20


class ClosedForm(Model):
    """A model that learns a task in closed form. Subclass it in a file of its own.

    For each replica, all samples of a task that its strategy shows are turned into features once,
    and the task is learnt from these. There is no loss, no step, and nothing that is drawn for a
    step: epochs, batch size and learning rate do not apply.
    """

    keeps_tasks_apart: ClassVar[bool] = True

    def features_of(self, x: Tensor, replica: int) -> Tensor:
        """Return what the task is learnt from, (n, F), of a replica's samples (n, *features)."""
        raise NotImplementedError(f"{type(self).__name__} should have `features_of`.")

    def learn(self, replica: int, features: Sequence[Tensor], anew: bool) -> None:
        """Learn a replica's next task.

        Args:
            replica: its place.
            features: (n, F) each, of one or more batches, all that is visible in the task.
            anew: whether all samples of all earlier tasks are among them, so that they are learnt
                as one, and nothing else is kept.
        """
        raise NotImplementedError(f"{type(self).__name__} should `learn`.")

    def loss(self, x: Tensor, random: Draws) -> Tensor:
        """Refuse: there is none.

        Raises:
            InputError: always.
        """
        raise InputError(f"Expected a model with a loss, but {self.name} learns in closed form.")

    def scoring_flops(self, tasks: int) -> int | None:
        """Count the floating-point operations of scoring one sample, its features included.

        Args:
            tasks: that have been learnt.

        Returns:
            Those of matrix products; None where they are not known.
        """
        return None

    def learning_flops(self, samples: Sequence[int], replicas: int) -> int | None:
        """Count the floating-point operations of learning, all replicas together.

        Args:
            samples: looked at in each task, of all replicas.
            replicas: how many.

        Returns:
            Those of matrix products and factorisations; None where they are not known.
        """
        return None

    def training_bytes(self, batch_size: int) -> int:  # noqa: D102
        return _BYTES_PER_REPLICA
