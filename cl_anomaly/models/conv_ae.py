"""The convolutional autoencoder."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from cl_anomaly.models.ae import AE
from cl_anomaly.models.shared.autoencoder import check_sizes
from cl_anomaly.models.shared.convolutional import Convolutional


class ConvAE(Convolutional, AE):
    """Convolutional autoencoder, for images.

    Masci et al., "Stacked Convolutional Auto-Encoders for Hierarchical Feature Extraction" (ICANN
    2011), here with 3×3 convolutions of stride 2 in place of pooling, all layers trained at once.

    Args:
        features: shape of one sample, (H, W) or (C, H, W), with sides of 4 pixels or more.
        latent_size: dimensions of the code.
        channels: after each of the encoder's convolutions; the decoder's are the same, mirrored.
        reconstruction: the loss: cross-entropy (bce), ½ Σ (x − x̂)² (mse) or Σ |x − x̂| (l1).
        pixel_weights: weight of each feature in the reconstruction loss; empty for 1 each.

    Raises:
        InputError: the samples are not images, a size is below 1, or the weights do not fit the
            features.
    """

    name: ClassVar[str] = "conv-ae"

    def __init__(
        self,
        features: tuple[int, ...],
        seeds: Sequence[int],
        latent_size: int = 16,
        channels: tuple[int, ...] = (32, 64),
        reconstruction: Literal["bce", "mse", "l1"] = "bce",
        pixel_weights: tuple[float, ...] = (),
    ) -> None:
        check_sizes("channels", channels)
        super().__init__(features, seeds, latent_size, channels, reconstruction, pixel_weights)
