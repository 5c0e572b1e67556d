"""One replica of a detector's model and its loss, as Avalanche calls models and criteria."""

from typing import Any, Self

import torch
from torch import Tensor, nn

from cl_anomaly.core.randomness import ReplicaRandom
from cl_anomaly.models import Model


class Noise:
    """Random numbers for the loss and for replay; copies share it, as generators have none."""

    training: ReplicaRandom
    replay: ReplicaRandom

    def __deepcopy__(self, memo: Any) -> Self:
        """Return itself."""
        return self


class OneReplica(nn.Module):
    """A model with one replica, without the replica axis: its output is each sample's loss."""

    def __init__(self, model: Model, noise: Noise) -> None:
        super().__init__()
        self.model, self.noise = model, noise

    def forward(self, x: Tensor) -> Tensor:
        """Return the loss of each sample (B, *features), (B,)."""
        return self.model.loss(x[None], self.noise.training)[0]

    # Avalanche's plugin would compute gradients of the old generator, and discard them.
    @torch.no_grad()
    def generate(self, batch_size: int) -> Tensor:
        """Draw samples, (batch_size, *features)."""
        return self.model.generator().generate(batch_size, self.noise.replay)[0]


class Loss(nn.Module):
    """The mean of the outputs of `OneReplica`; targets, which are the inputs, are not needed."""

    reduction = "mean"  # one of Avalanche's plugins sets it to "none" temporarily

    def forward(self, losses: Tensor, x: Tensor) -> Tensor:
        """Return the mean over the batch of the losses (B,), or these themselves."""
        return losses.mean() if self.reduction == "mean" else losses
