"""The convolutional variational autoencoder."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from cl_anomaly.models.shared.autoencoder import check_sizes
from cl_anomaly.models.shared.convolutional import Convolutional
from cl_anomaly.models.vae import VAE


class ConvVAE(Convolutional, VAE):
    """Convolutional variational autoencoder, for images.

    Kingma & Welling, "Auto-Encoding Variational Bayes" (ICLR 2014), with 3×3 convolutions of stride
    2, a dense layer to mean and log variance, and a mirrored decoder of transposed convolutions.

    Args:
        features: shape of one sample, (H, W) or (C, H, W), with sides of 4 pixels or more.
        latent_size: dimensions of the latent space.
        channels: after each of the encoder's convolutions; the decoder's are the same, mirrored.
        beta: weight of the KL term (Higgins et al., "beta-VAE", ICLR 2017, eq. 4).
        reconstruction: the decoder's distribution: Bernoulli (bce), Gaussian (mse) or Laplace (l1).
        pixel_weights: weight of each feature in the reconstruction loss; empty for 1 each.

    Raises:
        InputError: the samples are not images, a size is below 1, beta is below 0, or the weights
            do not fit the features.
    """

    name: ClassVar[str] = "conv-vae"

    def __init__(
        self,
        features: tuple[int, ...],
        seeds: Sequence[int],
        latent_size: int = 16,
        channels: tuple[int, ...] = (32, 64),
        beta: float = 1.0,
        reconstruction: Literal["bce", "mse", "l1"] = "bce",
        pixel_weights: tuple[float, ...] = (),
    ) -> None:
        check_sizes("channels", channels)
        super().__init__(
            features, seeds, latent_size, channels, beta, reconstruction, pixel_weights
        )
