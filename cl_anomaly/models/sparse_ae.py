"""The sparse autoencoder."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from torch import Tensor

from cl_anomaly.core.randomness import Draws
from cl_anomaly.models.ae import AE
from cl_anomaly.models.shared.autoencoder import check_weight


class SparseAE(AE):
    """Sparse autoencoder: a large code with few active units for each sample.

    Goodfellow, Bengio & Courville, "Deep Learning" (2016), section 14.2.1: the loss is the
    reconstruction loss + λ Σ_k |z_k|.

    Args:
        latent_size: dimensions of the code.
        hidden_sizes: features of the encoder's hidden layers; the decoder's are the same, mirrored.
        sparsity: λ, weight of the code's activations.
        reconstruction: the loss: cross-entropy (bce), ½ Σ (x − x̂)² (mse) or Σ |x − x̂| (l1).
        pixel_weights: weight of each feature in the reconstruction loss; empty for 1 each.

    Raises:
        InputError: a size is below 1, sparsity is below 0, or the weights do not fit the features.
    """

    name: ClassVar[str] = "sparse-ae"

    def __init__(
        self,
        features: tuple[int, ...],
        seeds: Sequence[int],
        latent_size: int = 64,
        hidden_sizes: tuple[int, ...] = (400, 400),
        sparsity: float = 0.1,
        reconstruction: Literal["bce", "mse", "l1"] = "bce",
        pixel_weights: tuple[float, ...] = (),
    ) -> None:
        super().__init__(features, seeds, latent_size, hidden_sizes, reconstruction, pixel_weights)
        check_weight("sparsity", sparsity)
        self.sparsity = sparsity

    def loss(self, x: Tensor, random: Draws) -> Tensor:
        """Return each sample's reconstruction loss and penalty, (R, B), in nats."""
        code = self.encode(x)
        reconstruction = self.reconstruction_loss(self.decoder(code).float(), x)
        return reconstruction + self.sparsity * code.abs().sum(2)
