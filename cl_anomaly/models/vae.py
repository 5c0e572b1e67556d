"""The variational autoencoder."""

import math
from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor, nn

from cl_anomaly.errors import InputError
from cl_anomaly.models.base import (
    GENERATE,
    HIDDEN,
    LIKELIHOOD,
    POSTERIOR,
    RECONSTRUCT,
    Generator,
    Model,
    Posterior,
)
from cl_anomaly.models.layers import mlp
from cl_anomaly.models.losses import bernoulli_negative_log_likelihood, kl_to_standard_normal
from cl_anomaly.randomness import Draws, generator


class VAEReconstruction(Posterior):
    """What samples become under the mean of their posterior.

    Args:
        model: that they went through.
        x: (R, B, *features), the samples.
    """

    def __init__(self, model: "VAE", x: Tensor) -> None:
        super().__init__(x, *model.encode(x))
        self._model = model

    @cached_property
    def logits(self) -> Tensor:
        """Those of the decoder's means, (R, B, *features)."""
        return self._model.decoder(self.mean).float()

    @cached_property
    def means(self) -> Tensor:
        """The decoder's means, (R, B, *features), in [0, 1]."""
        return self.logits.sigmoid()

    @cached_property
    def hidden(self) -> list[Tensor]:
        """Activations of the encoder's layers for the samples, and the posterior's mean."""
        return self._model.hidden(self.x)

    @cached_property
    def hidden_of_means(self) -> list[Tensor]:
        """The same for the decoder's means."""
        return self._model.hidden(self.means)

    @cached_property
    def negative_log_likelihood(self) -> Tensor:
        """Of the samples under the decoder, (R, B), in nats."""
        return bernoulli_negative_log_likelihood(self.logits, self.x)

    @property
    def loss(self) -> Tensor:
        """The model's loss with z = the posterior's mean, (R, B), in nats."""
        return self.negative_log_likelihood + self._model.beta * self.kl

    def negative_log_likelihood_at(self, z: Tensor) -> Tensor:
        """Of the samples under the decoder at codes z (R, B, latent); (R, B), in nats."""
        return bernoulli_negative_log_likelihood(self._model.decoder(z), self.x)


class Decoder(Generator):
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

    def generate(self, count: int, random: Draws) -> Tensor:
        """Give the means at z ~ N(0, I), (R, count, *features), float32."""
        return self.means(random.normal(count, self.latent_size))


class VAE(Model):
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
    abilities = frozenset({RECONSTRUCT, GENERATE, HIDDEN, LIKELIHOOD, POSTERIOR})
    default_score: ClassVar[str] = "mse"

    def __init__(
        self,
        features: tuple[int, ...],
        seeds: Sequence[int],
        latent_size: int = 16,
        hidden_sizes: tuple[int, ...] = (400, 400),
        beta: float = 1.0,
    ) -> None:
        super().__init__(features, seeds)
        if latent_size < 1:
            raise InputError(f"Expected `latent_size` to be 1 or more, but got {latent_size}.")
        if min(hidden_sizes, default=1) < 1:
            raise InputError(f"Expected `hidden_sizes` of 1 or more, but got {hidden_sizes}.")
        if not 0 <= beta < math.inf:
            raise InputError(f"Expected `beta` to be 0 or more, but got {beta}.")
        generators = [generator(seed, "model") for seed in seeds]
        inputs = math.prod(features)
        self.beta = beta
        self.encoder = mlp((inputs, *hidden_sizes, 2 * latent_size), generators)
        self.decoder = Decoder((latent_size, *hidden_sizes[::-1], inputs), features, generators)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map samples (R, B, *features) to mean and log σ² of q(z|x), each (R, B, latent)."""
        mean, log_variance = self.encoder(x.flatten(2)).float().chunk(2, dim=2)
        return mean, log_variance

    def hidden(self, x: Tensor) -> list[Tensor]:
        """Send samples through the encoder: what each ReLU gives, and the posterior's mean."""
        given, x = [], x.flatten(2)
        for layer in self.encoder:
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                given.append(x.float())
        return [*given, x.float().chunk(2, dim=2)[0]]

    def loss(self, x: Tensor, random: Draws) -> Tensor:
        """Negative evidence lower bound of each sample, with one draw from the posterior.

        Args:
            x: (R, B, *features), in [0, 1].
            random: draws ε, (R, B, latent), standard normal: z = mean + σ · ε.

        Returns:
            (R, B), float32, in nats: Σ BCE(x, x̂) + β · KL(q(z|x) ‖ N(0, I)).
        """
        mean, log_variance = self.encode(x)
        noise = random.normal(x.shape[1], self.decoder.latent_size)
        logits = self.decoder(mean + (0.5 * log_variance).exp() * noise).float()
        reconstruction = bernoulli_negative_log_likelihood(logits, x)
        return reconstruction + self.beta * kl_to_standard_normal(mean, log_variance)

    def reconstruct(self, x: Tensor) -> VAEReconstruction:
        """Pass samples (R, B, *features) through the posterior mean: nothing is drawn."""
        return VAEReconstruction(self, x)

    def generator(self) -> Decoder:
        """Give the decoder."""
        return self.decoder
