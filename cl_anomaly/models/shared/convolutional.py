"""Networks of convolutional autoencoders: an encoder of convolutions, and a mirrored decoder."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from cl_anomaly.core.errors import InputError
from cl_anomaly.models.shared.autoencoder import Autoencoder
from cl_anomaly.models.shared.conv_layers import Conv2d, ConvTranspose2d, halved
from cl_anomaly.models.shared.layers import Linear

_SMALLEST_SIDE = 4
# Bytes of a float32 and its gradient, before and after a ReLU.
_BYTES_PER_ACTIVATION = 16


class Convolutional(Autoencoder):
    """Mixin with 3×3 convolutions of stride 2 in place of dense hidden layers.

    Its `hidden_sizes` are the channels after each convolution. Samples (H, W) have one channel,
    (C, H, W) have C.
    """

    def make_encoder(
        self, hidden_sizes: tuple[int, ...], outputs: int, generators: Sequence[torch.Generator]
    ) -> nn.Sequential:
        """Make convolutions, and a dense layer to (R, B, outputs)."""
        stages = self._stages(hidden_sizes)
        layers: list[nn.Module] = []
        for before, after in pairwise(stages):
            layers += [Conv2d(before[0], after[0], generators), nn.ReLU()]
        return nn.Sequential(
            *layers, nn.Flatten(2), Linear(math.prod(stages[-1]), outputs, generators)
        )

    def make_decoder(
        self, latent_size: int, hidden_sizes: tuple[int, ...], generators: Sequence[torch.Generator]
    ) -> nn.Sequential:
        """Make a dense layer, and transposed convolutions to the channels of a sample."""
        stages = self._stages(hidden_sizes[::-1])[::-1]
        layers: list[nn.Module] = [
            Linear(latent_size, math.prod(stages[0]), generators),
            nn.Unflatten(2, stages[0]),
        ]
        for before, after in pairwise(stages):
            layers += [nn.ReLU(), ConvTranspose2d(before[0], after[0], after[1:], generators)]
        return nn.Sequential(*layers)

    def shaped(self, x: Tensor) -> Tensor:
        """Reshape samples (R, B, *features) to (R, B, C, H, W)."""
        return x.flatten(2).unflatten(2, image_shape(self.features))

    def training_bytes(self, batch_size: int) -> int:
        """Return the bytes that a step of one replica reads and writes, with activations."""
        channels = tuple(m.weight.shape[1] for m in self.encoder if isinstance(m, Conv2d))
        one_way = sum(math.prod(stage) for stage in self._stages(channels))
        activations = _BYTES_PER_ACTIVATION * 2 * one_way * batch_size
        return super().training_bytes(batch_size) + activations

    def _stages(self, channels: tuple[int, ...]) -> list[tuple[int, int, int]]:
        """Return (C, H, W) before the first convolution, and after each."""
        stages = [image_shape(self.features)]
        for after in channels:
            stages.append((after, *halved(stages[-1][1:])))
        return stages


def image_shape(features: tuple[int, ...]) -> tuple[int, int, int]:
    """Return (C, H, W) of image samples.

    Raises:
        InputError: the samples are not images, or too small.
    """
    image = (1, *features) if len(features) == 2 else features
    if len(image) != 3 or min(image[1:]) < _SMALLEST_SIDE:
        raise InputError(
            f"Expected images for convolutions, (H, W) or (C, H, W) with sides of "
            f"{_SMALLEST_SIDE} pixels or more, but got samples of the shape {features}. Choose a "
            f"model of dense layers, such as `--model vae` or `--model ae`."
        )
    return image[0], image[1], image[2]
