"""The variational autoencoder."""

from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar, Literal

from torch import Tensor

from cl_anomaly.core.randomness import Draws
from cl_anomaly.models.base import (
    GENERATE,
    HIDDEN,
    LIKELIHOOD,
    POSTERIOR,
    RECONSTRUCT,
    Posterior,
)
from cl_anomaly.models.shared.autoencoder import Autoencoder, Decoded, Decoder, check_weight
from cl_anomaly.models.shared.losses import kl_to_standard_normal


class VAEReconstruction(Decoded, Posterior):
    """Reconstruction of samples (R, B, *features) from the mean of their posterior."""

    def __init__(self, model: "VAE", x: Tensor) -> None:
        Posterior.__init__(self, x, *model.encode(x))
        self.model, self.code, self._beta = model, self.mean, model.beta

    @cached_property
    def negative_log_likelihood(self) -> Tensor:
        """−log p(x|z) at the posterior's mean, (R, B), in nats."""
        return self.model.reconstruction_loss(self.decoded, self.x)

    @property
    def loss(self) -> Tensor:
        """The model's loss with z = the posterior's mean, (R, B), in nats."""
        return self.negative_log_likelihood + self._beta * self.kl

    def negative_log_likelihood_at(self, z: Tensor) -> Tensor:
        """Compute −log p(x|z) at codes z (R, B, latent): (R, B), in nats."""
        return self.model.reconstruction_loss(self.model.decoder(z), self.x)


class VAE(Autoencoder):
    """Variational autoencoder of fully connected layers.

    Kingma & Welling, "Auto-Encoding Variational Bayes" (ICLR 2014).

    Args:
        latent_size: dimensions of the latent space.
        hidden_sizes: features of the encoder's hidden layers; the decoder's are the same, mirrored.
        beta: weight of the KL term (Higgins et al., "beta-VAE", ICLR 2017, eq. 4).
        reconstruction: the decoder's distribution: Bernoulli (bce), Gaussian (mse) or Laplace (l1).
        pixel_weights: weight of each feature in the reconstruction loss; empty for 1 each.

    Raises:
        InputError: a size is below 1, beta is below 0, or the weights do not fit the features.
    """

    name: ClassVar[str] = "vae"
    abilities = frozenset({RECONSTRUCT, GENERATE, HIDDEN, LIKELIHOOD, POSTERIOR})
    _numbers_per_latent = 2  # mean and log σ²
    default_score: ClassVar[str] = "mse"

    def __init__(
        self,
        features: tuple[int, ...],
        seeds: Sequence[int],
        latent_size: int = 16,
        hidden_sizes: tuple[int, ...] = (400, 400),
        beta: float = 1.0,
        reconstruction: Literal["bce", "mse", "l1"] = "bce",
        pixel_weights: tuple[float, ...] = (),
    ) -> None:
        super().__init__(features, seeds, latent_size, hidden_sizes, reconstruction, pixel_weights)
        check_weight("beta", beta)
        self.beta = beta

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map samples (R, B, *features) to mean and log σ² of q(z|x), each (R, B, latent)."""
        mean, log_variance = self.encoder(self.shaped(x)).float().chunk(2, dim=2)
        return mean, log_variance

    def loss(self, x: Tensor, random: Draws) -> Tensor:
        """Compute each sample's negative evidence lower bound, with one draw from the posterior.

        Args:
            x: (R, B, *features), in [0, 1].
            random: draws ε, (R, B, latent), standard normal: z = mean + σ · ε.

        Returns:
            (R, B), float32, in nats: the reconstruction loss + β · KL(q(z|x) ‖ N(0, I)).
        """
        mean, log_variance = self.encode(x)
        noise = random.normal(x.shape[1], self.decoder.latent_size)
        output = self.decoder(mean + (0.5 * log_variance).exp() * noise).float()
        reconstruction = self.reconstruction_loss(output, x)
        return reconstruction + self.beta * kl_to_standard_normal(mean, log_variance)

    def reconstruct(self, x: Tensor) -> VAEReconstruction:
        """Reconstruct samples (R, B, *features) from the posterior's mean."""
        return VAEReconstruction(self, x)

    def generator(self) -> Decoder:
        """Return the decoder."""
        return self.decoder
