"""The denoising autoencoder."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from torch import Tensor

from cl_anomaly.core.randomness import Draws
from cl_anomaly.models.ae import AE
from cl_anomaly.models.shared.autoencoder import check_weight


class DenoisingAE(AE):
    """Denoising autoencoder: noisy samples in, clean ones out.

    Vincent et al., "Stacked Denoising Autoencoders" (JMLR 2010), section 3: the input is x + σ · ε
    with ε ~ N(0, I), the target is x. Scores use samples without noise.

    Args:
        latent_size: dimensions of the code.
        hidden_sizes: features of the encoder's hidden layers; the decoder's are the same, mirrored.
        noise: σ, standard deviation of the noise added to each feature.
        reconstruction: the loss: cross-entropy (bce), ½ Σ (x − x̂)² (mse) or Σ |x − x̂| (l1).
        pixel_weights: weight of each feature in the reconstruction loss; empty for 1 each.

    Raises:
        InputError: a size is below 1, noise is below 0, or the weights do not fit the features.
    """

    name: ClassVar[str] = "denoising-ae"

    def __init__(
        self,
        features: tuple[int, ...],
        seeds: Sequence[int],
        latent_size: int = 16,
        hidden_sizes: tuple[int, ...] = (400, 400),
        noise: float = 0.3,
        reconstruction: Literal["bce", "mse", "l1"] = "bce",
        pixel_weights: tuple[float, ...] = (),
    ) -> None:
        super().__init__(features, seeds, latent_size, hidden_sizes, reconstruction, pixel_weights)
        check_weight("noise", noise)
        self.noise = noise

    def loss(self, x: Tensor, random: Draws) -> Tensor:
        """Return each sample's loss, (R, B), in nats, from its noisy copy.

        Args:
            x: (R, B, *features).
            random: draws ε, (R, B, *features), standard normal.
        """
        noisy = x + self.noise * random.normal(*x.shape[1:])
        return self.reconstruction_loss(self.decoder(self.encode(noisy)).float(), x)
