"""One replica of a detector's model and its loss, as Avalanche calls models and criteria."""

from typing import Any, Self

import torch
from torch import Tensor, nn

from cl_anomaly.core.randomness import ReplicaRandom
from cl_anomaly.models import Model


class Noise:
    """What a model draws from; its copies share it, for generators cannot be copied.

    Attributes:
        training: for the loss.
        replay: for samples that are generated.
    """

    training: ReplicaRandom
    replay: ReplicaRandom

    def __deepcopy__(self, memo: Any) -> Self:
        """Return itself."""
        return self


class OneReplica(nn.Module):
    """One replica of a model, without the replica axis: its output is each sample's loss.

    Args:
        model: with one replica.
        noise: what it draws from.
    """

    def __init__(self, model: Model, noise: Noise) -> None:
        super().__init__()
        self.model, self.noise = model, noise

    def forward(self, x: Tensor) -> Tensor:
        """Return the loss of each sample (B, *features), (B,)."""
        return self.model.loss(x[None], self.noise.training)[0]

    # Avalanche's plugin would compute gradients of the old generator, and throw them away.
    @torch.no_grad()
    def generate(self, batch_size: int) -> Tensor:
        """Draw samples, (batch_size, *features)."""
        return self.model.generator().generate(batch_size, self.noise.replay)[0]


class Loss(nn.Module):
    """The mean of what `OneReplica` gives; targets, which are the inputs, say nothing new."""

    reduction = "mean"  # which one of Avalanche's plugins sets to "none" for a moment

    def forward(self, losses: Tensor, x: Tensor) -> Tensor:
        """Return the mean over the batch of the losses (B,), or these themselves."""
        return losses.mean() if self.reduction == "mean" else losses
