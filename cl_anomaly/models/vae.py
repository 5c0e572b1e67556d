"""The variational autoencoder."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor, nn

from cl_anomaly.errors import InputError
from cl_anomaly.models.layers import mlp
from cl_anomaly.models.losses import bernoulli_negative_log_likelihood, kl_to_standard_normal
from cl_anomaly.randomness import generator


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """What a sample becomes when it goes through the model, float32.

    Attributes:
        x: (R, B, *features), the samples.
        logits: (R, B, *features), of the decoder's means at the posterior mean.
        mean: (R, B, latent), of the posterior q(z|x).
        log_variance: (R, B, latent), of the posterior.
        means: (R, B, *features), the decoder's, in [0, 1].
        negative_log_likelihood: (R, B), of the samples under the decoder, in nats.
        kl: (R, B), KL(q(z|x) ‖ N(0, I)), in nats.
    """

    x: Tensor
    logits: Tensor
    mean: Tensor
    log_variance: Tensor

    # Several scores need the same of these; each is computed when it is first asked for.
    @cached_property
    def means(self) -> Tensor:  # noqa: D102
        return self.logits.sigmoid()

    @cached_property
    def negative_log_likelihood(self) -> Tensor:  # noqa: D102
        return bernoulli_negative_log_likelihood(self.logits, self.x)

    @cached_property
    def kl(self) -> Tensor:  # noqa: D102
        return kl_to_standard_normal(self.mean, self.log_variance)


class Decoder(nn.Module):
    """From the latent space to the means of Bernoulli variables.

    Args:
        sizes: features at the input (latent), after each hidden layer, and at the output.
        features: shape of one sample.
        generators: one for each replica, which draw its first weights.
    """

    def __init__(
        self, sizes: Sequence[int], features: tuple[int, ...], generators: Sequence[torch.Generator]
    ) -> None:
        super().__init__()
        self.latent_size = sizes[0]
        self._features = features
        self.layers = mlp(sizes, generators)

    def forward(self, z: Tensor) -> Tensor:
        """Map (R, B, latent) to logits, (R, B, *features)."""
        return self.layers(z).unflatten(2, self._features)

    def means(self, z: Tensor) -> Tensor:
        """Map (R, B, latent) to means in [0, 1], (R, B, *features), float32."""
        return torch.sigmoid(self(z).float())


class VAE(nn.Module):
    """Variational autoencoder of fully connected layers, with a Bernoulli decoder.

    Kingma & Welling, "Auto-Encoding Variational Bayes" (ICLR 2014). R replicas side by side.

    Args:
        features: shape of one sample.
        seeds: one for each replica, from which its first weights are drawn.
        latent_size: dimensions of the latent space.
        hidden_sizes: features of the encoder's hidden layers; the decoder's are the same, mirrored.
        beta: weight of the KL term (Higgins et al., "beta-VAE", ICLR 2017, eq. 4).

    Raises:
        InputError: a size is below 1, or beta below 0.
    """

    name: ClassVar[str] = "vae"

    def __init__(
        self,
        features: tuple[int, ...],
        seeds: Sequence[int],
        latent_size: int = 16,
        hidden_sizes: tuple[int, ...] = (400, 400),
        beta: float = 1.0,
    ) -> None:
        super().__init__()
        if min((latent_size, *hidden_sizes)) < 1:
            raise InputError(f"Expected `hidden_sizes` of 1 or more, but got {hidden_sizes}.")
        if not 0 <= beta < math.inf:
            raise InputError(f"Expected `beta` to be 0 or more, but got {beta}.")
        generators = [generator(seed, "model") for seed in seeds]
        inputs = math.prod(features)
        self.beta = beta
        self.encoder = mlp((inputs, *hidden_sizes, 2 * latent_size), generators)
        self.decoder = Decoder((latent_size, *hidden_sizes[::-1], inputs), features, generators)

    @property
    def latent_size(self) -> int:
        """Standard normal numbers that `loss` takes for each sample."""
        return self.decoder.latent_size

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map samples (R, B, *features) to mean and log σ² of q(z|x), each (R, B, latent)."""
        mean, log_variance = self.encoder(x.flatten(2)).float().chunk(2, dim=2)
        return mean, log_variance

    def loss(self, x: Tensor, noise: Tensor) -> Tensor:
        """Negative evidence lower bound of each sample, with one draw from the posterior.

        Args:
            x: (R, B, *features), in [0, 1].
            noise: (R, B, latent), standard normal: z = mean + σ · noise.

        Returns:
            (R, B), float32, in nats: Σ BCE(x, x̂) + β · KL(q(z|x) ‖ N(0, I)).
        """
        mean, log_variance = self.encode(x)
        logits = self.decoder(mean + (0.5 * log_variance).exp() * noise).float()
        reconstruction = bernoulli_negative_log_likelihood(logits, x)
        return reconstruction + self.beta * kl_to_standard_normal(mean, log_variance)

    def reconstruct(self, x: Tensor) -> Reconstruction:
        """Pass samples (R, B, *features) through the posterior mean: nothing is drawn."""
        mean, log_variance = self.encode(x)
        return Reconstruction(x, self.decoder(mean).float(), mean, log_variance)
