"""One replica of a detector's model and its loss, as Avalanche calls models and criteria."""

from typing import Any, Self

import torch
from torch import Tensor, nn

from cl_anomaly.models import VAE
from cl_anomaly.models.losses import bernoulli_negative_log_likelihood, kl_to_standard_normal
from cl_anomaly.randomness import ReplicaRandom


class Noise:
    """What a model draws from; its copies share it, for generators cannot be copied.

    Attributes:
        posterior: for the step from mean to latent, in training.
        prior: for samples that are generated.
    """

    posterior: ReplicaRandom
    prior: ReplicaRandom

    def __deepcopy__(self, memo: Any) -> Self:
        """Give itself."""
        return self


class OneReplica(nn.Module):
    """One replica of the VAE, without the replica axis.

    Its output is one tensor (B, D + 2 latent), since Avalanche's plugins know no other: the logits
    of D features, the posterior's mean and its log σ².

    Args:
        vae: with one replica.
        noise: what it draws from.
    """

    def __init__(self, vae: VAE, noise: Noise) -> None:
        super().__init__()
        self.vae, self.noise = vae, noise

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct samples (B, *features): from a draw of the posterior where gradients are on.

        Not `self.training` decides: EWC takes its gradients in evaluation mode.
        """
        mean, log_variance = self.vae.encode(x[None])
        z = mean
        if torch.is_grad_enabled():
            drawn = self.noise.posterior.normal(len(x), self.vae.latent_size)
            z = mean + (0.5 * log_variance).exp() * drawn
        logits = self.vae.decoder(z).float()
        return torch.cat([logits.flatten(2), mean, log_variance], dim=2)[0]

    # Avalanche's plugin would compute gradients of the old generator, and throw them away.
    @torch.no_grad()
    def generate(self, batch_size: int) -> Tensor:
        """Draw samples, (batch_size, *features): the decoder's means at z ~ N(0, I)."""
        return self.vae.decoder.means(self.noise.prior.normal(batch_size, self.vae.latent_size))[0]


class Loss(nn.Module):
    """The VAE's loss from what `OneReplica` gives; the targets are the inputs.

    Args:
        vae: whose loss it is.
    """

    reduction = "mean"  # which one of Avalanche's plugins sets to "none" for a moment

    def __init__(self, vae: VAE) -> None:
        super().__init__()
        self._latent_size, self._beta = vae.latent_size, vae.beta

    def forward(self, output: Tensor, x: Tensor) -> Tensor:
        """Mean over the batch of the negative evidence lower bound.

        Args:
            output: (B, D + 2 latent).
            x: (B, *features), in [0, 1].
        """
        sizes = [x[0].numel(), self._latent_size, self._latent_size]
        logits, mean, log_variance = output[None].split(sizes, dim=2)
        loss = bernoulli_negative_log_likelihood(logits, x.flatten(1)[None])
        loss = (loss + self._beta * kl_to_standard_normal(mean, log_variance))[0]
        return loss.mean() if self.reduction == "mean" else loss
