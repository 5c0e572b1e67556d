"""The plain autoencoder."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from torch import Tensor

from cl_anomaly.core.randomness import Draws
from cl_anomaly.models.shared.autoencoder import Autoencoder, Decoded


class AEReconstruction(Decoded):
    """Reconstruction of samples (R, B, *features) from their code."""

    def __init__(self, model: "AE", x: Tensor) -> None:
        super().__init__(x)
        self.model, self.code = model, model.encode(x)


class AE(Autoencoder):
    """Autoencoder of fully connected layers.

    Hinton & Salakhutdinov, "Reducing the Dimensionality of Data with Neural Networks" (Science
    2006). It has no likelihood and cannot generate, because its code has no distribution.

    Args:
        latent_size: dimensions of the code.
        hidden_sizes: features of the encoder's hidden layers; the decoder's are the same, mirrored.
        reconstruction: the loss: cross-entropy (bce), ½ Σ (x − x̂)² (mse) or Σ |x − x̂| (l1).
        pixel_weights: weight of each feature in the reconstruction loss; empty for 1 each.

    Raises:
        InputError: a size is below 1, or the weights do not fit the features.
    """

    name: ClassVar[str] = "ae"
    default_score: ClassVar[str] = "mse"

    def __init__(
        self,
        features: tuple[int, ...],
        seeds: Sequence[int],
        latent_size: int = 16,
        hidden_sizes: tuple[int, ...] = (400, 400),
        reconstruction: Literal["bce", "mse", "l1"] = "bce",
        pixel_weights: tuple[float, ...] = (),
    ) -> None:
        super().__init__(features, seeds, latent_size, hidden_sizes, reconstruction, pixel_weights)

    def encode(self, x: Tensor) -> Tensor:
        """Map samples (R, B, *features) to codes (R, B, latent)."""
        return self.encoder(self.shaped(x)).float()

    def loss(self, x: Tensor, random: Draws) -> Tensor:
        """Return the reconstruction loss of each sample, (R, B), in nats."""
        return self.reconstruction_loss(self.decoder(self.encode(x)).float(), x)

    def reconstruct(self, x: Tensor) -> AEReconstruction:
        """Reconstruct samples (R, B, *features) from their codes."""
        return AEReconstruction(self, x)
