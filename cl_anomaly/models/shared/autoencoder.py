"""Parts of autoencoders: an encoder, a decoder, and a reconstruction loss by name."""

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor, nn

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.randomness import Draws, generator
from cl_anomaly.models.base import HIDDEN, RECONSTRUCT, Generator, Model, Reconstruction
from cl_anomaly.models.shared.layers import mlp
from cl_anomaly.models.shared.logistic import sigmoid
from cl_anomaly.models.shared.losses import RECONSTRUCTION_LOSSES

LossName = Literal["bce", "mse", "l1"]


class Decoder(Generator):
    """The decoder, from codes to samples.

    Args:
        layers: map (R, B, latent) to (R, B, ...), as many numbers as a sample has.
        latent_size: dimensions of a code.
        is_linear: whether the layers return means; otherwise they return logits.
    """

    def __init__(
        self, layers: nn.Sequential, latent_size: int, features: tuple[int, ...], is_linear: bool
    ) -> None:
        super().__init__()
        self.latent_size = latent_size
        self._features, self._is_linear = features, is_linear
        self.layers = layers

    def forward(self, z: Tensor) -> Tensor:
        """Map (R, B, latent) to means or logits, (R, B, *features)."""
        return self.layers(z).flatten(2).unflatten(2, self._features)

    def means(self, z: Tensor) -> Tensor:
        """Map (R, B, latent) to means, (R, B, *features), float32."""
        return self.means_of(self(z).float())

    def means_of(self, output: Tensor) -> Tensor:
        """Turn the layers' output into means; in [0, 1], unless the decoder is linear."""
        return output if self._is_linear else sigmoid(output)

    def generate(self, count: int, random: Draws) -> Tensor:
        """Return the means at z ~ N(0, I), (R, count, *features), float32, see `cut`."""
        return self.from_codes(random.normal(count, self.latent_size))

    def from_codes(self, z: Tensor) -> Tensor:
        """Return the means (R, count, *features), float32, at codes (R, count, latent)."""
        means = self.means(z)
        return self.cut(means) if self._is_linear else means


class Autoencoder(Model):
    """An encoder and a decoder, dense by default, with a reconstruction loss by name.

    Args:
        latent_size: dimensions of the code.
        hidden_sizes: features of the encoder's hidden layers; the decoder's are the same, mirrored.
        reconstruction: "bce", "mse" or "l1", see `losses`.
        pixel_weights: weight of each feature, in the order of a flattened sample; empty for 1 each.

    Raises:
        InputError: a size is below 1, a weight is below 0, or not every feature has one.
    """

    abilities = frozenset({RECONSTRUCT, HIDDEN})
    _numbers_per_latent = 1  # outputs of the encoder for each dimension of the code
    pixel_weights: Tensor | None

    def __init__(
        self,
        features: tuple[int, ...],
        seeds: Sequence[int],
        latent_size: int,
        hidden_sizes: tuple[int, ...],
        reconstruction: LossName,
        pixel_weights: tuple[float, ...],
    ) -> None:
        super().__init__(features, seeds)
        if latent_size < 1:
            raise InputError(setting="latent_size", expected="to be 1 or more", got=latent_size)
        check_sizes("hidden_sizes", hidden_sizes)
        self.reconstruction = reconstruction
        weights = _pixel_weights(pixel_weights, features)
        self.register_buffer("pixel_weights", weights, persistent=False)
        generators = [generator(seed, "model") for seed in seeds]
        outputs = self._numbers_per_latent * latent_size
        self.encoder = self.make_encoder(hidden_sizes, outputs, generators)
        layers = self.make_decoder(latent_size, hidden_sizes[::-1], generators)
        self.decoder = Decoder(layers, latent_size, features, reconstruction != "bce")

    def make_encoder(
        self, hidden_sizes: tuple[int, ...], outputs: int, generators: Sequence[torch.Generator]
    ) -> nn.Sequential:
        """Make layers from the output of `shaped` to (R, B, outputs), with ReLU between them."""
        return mlp((math.prod(self.features), *hidden_sizes, outputs), generators)

    def make_decoder(
        self, latent_size: int, hidden_sizes: tuple[int, ...], generators: Sequence[torch.Generator]
    ) -> nn.Sequential:
        """Make layers from (R, B, latent) to as many numbers as a sample has."""
        return mlp((latent_size, *hidden_sizes, math.prod(self.features)), generators)

    def shaped(self, x: Tensor) -> Tensor:
        """Reshape samples (R, B, *features) for the encoder."""
        return x.flatten(2)

    def hidden(self, x: Tensor) -> list[Tensor]:
        """Return the flat output of each of the encoder's ReLUs for samples, and the code."""
        outputs, x = [], self.shaped(x)
        for layer in self.encoder:
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                outputs.append(x.float().flatten(2))
        return [*outputs, x.float()[..., : self.decoder.latent_size]]

    def reconstruction_loss(self, output: Tensor, x: Tensor) -> Tensor:
        """Compute the reconstruction loss, (R, B), in nats. Override it for another loss.

        Args:
            output: (R, B, *features), float32, of the decoder's layers: logits for "bce", means for
                "mse" and "l1".
            x: (R, B, *features).
        """
        return RECONSTRUCTION_LOSSES[self.reconstruction](output, x, self.pixel_weights)


class Decoded(Reconstruction):
    """Mixin for reconstructions by autoencoders; `code` is (R, B, latent)."""

    model: Autoencoder
    code: Tensor

    @cached_property
    def decoded(self) -> Tensor:
        """The output of the decoder's layers, (R, B, *features), see `reconstruction_loss`."""
        return self.model.decoder(self.code).float()

    @cached_property
    def means(self) -> Tensor:
        """The decoder's means, (R, B, *features); in [0, 1] with the loss "bce"."""
        return self.model.decoder.means_of(self.decoded)

    @cached_property
    def hidden(self) -> list[Tensor]:
        """Activations of the encoder's layers for the samples, and the code."""
        return self.model.hidden(self.x)

    @cached_property
    def hidden_of_means(self) -> list[Tensor]:
        """The same for the decoder's means."""
        return self.model.hidden(self.means)


def check_sizes(option: str, sizes: tuple[int, ...]) -> None:
    """Refuse sizes below 1."""
    if min(sizes, default=1) < 1:
        raise InputError(setting=option, expected="of 1 or more", got=sizes)


def check_weight(option: str, weight: float) -> None:
    """Refuse a negative or infinite weight in a loss."""
    if not 0 <= weight < math.inf:
        raise InputError(setting=option, expected="to be 0 or more", got=weight)


def _pixel_weights(weights: tuple[float, ...], features: tuple[int, ...]) -> Tensor | None:
    if not weights:
        return None
    if len(weights) != math.prod(features):
        raise InputError(
            setting="pixel_weights",
            expected=f"for each of the {math.prod(features)} features",
            got=len(weights),
        )
    for weight in weights:
        check_weight("pixel_weights", weight)
    return torch.tensor(weights).view(features)
