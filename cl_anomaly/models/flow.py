"""The normalising flow."""

import math
from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor, nn

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.randomness import Draws, generator
from cl_anomaly.models.base import DENSITY, GENERATE, Density, Generator, Model
from cl_anomaly.models.shared.autoencoder import check_sizes, check_weight
from cl_anomaly.models.shared.layers import mlp

# log σ of a coupling stays within ±2, so that no outlier overflows.
_LARGEST_LOG_SCALE = 2.0
# Samples in [0, 1] are stretched to [-2, 2], about the width of a standard normal.
_STRETCH = 4.0


class Coupling(nn.Module):
    """A coupling: one half of the features scaled and shifted by a network of the other half.

    Dinh et al., "Density estimation using Real NVP" (ICLR 2017), eq. 4 and 5, with x₁ and x₂ for
    the halves: y₁ = x₁, y₂ = x₂ · exp(s(x₁)) + t(x₁).

    Args:
        order: (D,), int64, a permutation of the features; the first half is x₁.
        hidden_sizes: features of the hidden layers of the network for s and t.
        generators: one for each replica, which draw its initial weights.
    """

    order: Tensor
    places: Tensor

    def __init__(
        self, order: Tensor, hidden_sizes: tuple[int, ...], generators: Sequence[torch.Generator]
    ) -> None:
        super().__init__()
        self.register_buffer("order", order, persistent=False)
        self.register_buffer("places", order.argsort(), persistent=False)
        self._half = len(order) // 2
        changed = len(order) - self._half
        self.network = mlp((self._half, *hidden_sizes, 2 * changed), generators)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map (R, B, D) to (R, B, D), and return log |det ∂y/∂x|, (R, B)."""
        fixed, changed = self._halves(x)
        log_scale, shift = self._scale_and_shift(fixed)
        y = torch.cat([fixed, changed * log_scale.exp() + shift], dim=2)
        return y[..., self.places], log_scale.sum(2)

    def inverse(self, y: Tensor) -> Tensor:
        """Map (R, B, D) back to (R, B, D)."""
        fixed, changed = self._halves(y)
        log_scale, shift = self._scale_and_shift(fixed)
        x = torch.cat([fixed, (changed - shift) * (-log_scale).exp()], dim=2)
        return x[..., self.places]

    def _halves(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = x[..., self.order]
        return x[..., : self._half], x[..., self._half :]

    def _scale_and_shift(self, fixed: Tensor) -> tuple[Tensor, Tensor]:
        raw, shift = self.network(fixed).float().chunk(2, dim=2)
        return _LARGEST_LOG_SCALE * torch.tanh(raw / _LARGEST_LOG_SCALE), shift


class Couplings(Generator):
    """Couplings one after another, from samples to a standard normal and back.

    Each pair of couplings splits the features at random, and changes one half, then the other. The
    split is part of the model, and the same for every seed.

    Args:
        hidden_sizes: features of the hidden layers of each coupling's network.
        generators: one for each replica, which draw its initial weights.
    """

    def __init__(
        self,
        features: tuple[int, ...],
        count: int,
        hidden_sizes: tuple[int, ...],
        generators: Sequence[torch.Generator],
    ) -> None:
        super().__init__()
        self._features, self._size = features, math.prod(features)
        divisions = generator(0, "flow")
        orders: list[Tensor] = []
        while len(orders) < count:
            order = torch.randperm(self._size, generator=divisions)
            orders += [order, order.flip(0)]
        self.layers = nn.ModuleList(
            Coupling(order, hidden_sizes, generators) for order in orders[:count]
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map samples (R, B, *features) to z (R, B, D), and return log |det ∂z/∂x|, (R, B)."""
        z = _STRETCH * (x.flatten(2) - 0.5)
        log_determinant = torch.full_like(z[..., 0], self._size * math.log(_STRETCH))
        for layer in self.layers:
            z, more = layer(z)
            log_determinant = log_determinant + more
        return z, log_determinant

    def inverse(self, z: Tensor) -> Tensor:
        """Map z (R, B, D) to samples (R, B, *features)."""
        for layer in reversed(self.layers):
            if isinstance(layer, Coupling):
                z = layer.inverse(z)
        return (z / _STRETCH + 0.5).unflatten(2, self._features)

    def generate(self, count: int, random: Draws) -> Tensor:
        """Return the samples of z ~ N(0, I), (R, count, *features), float32, see `cut`."""
        return self.cut(self.inverse(random.normal(count, self._size)))


class FlowDensity(Density):
    """A flow's density of samples (R, B, *features)."""

    def __init__(self, model: "Flow", x: Tensor) -> None:
        super().__init__(x)
        self._model = model

    @cached_property
    def negative_log_likelihood(self) -> Tensor:
        """−log p(x), exact, (R, B), in nats."""
        return self._model.negative_log_likelihood(self.x)


class Flow(Model):
    """Normalising flow of RealNVP couplings: an exact likelihood.

    Dinh et al., "Density estimation using Real NVP" (ICLR 2017). Pixels that are always black would
    have an infinite density, so noise is added to every training sample: the learnt density is that
    of x + σ · ε, with ε ~ N(0, I). Scores use samples without noise.

    Args:
        features: shape of one sample, of two numbers or more.
        couplings: number of couplings in a row.
        hidden_sizes: features of the hidden layers of each coupling's network.
        noise: σ, standard deviation of the noise added to each feature in training.

    Raises:
        InputError: a sample is a single number, there are fewer than two couplings, a size is below
            1, or noise is below 0.
    """

    name: ClassVar[str] = "flow"
    abilities = frozenset({DENSITY, GENERATE})
    default_score: ClassVar[str] = "nll"

    def __init__(
        self,
        features: tuple[int, ...],
        seeds: Sequence[int],
        couplings: int = 6,
        hidden_sizes: tuple[int, ...] = (256, 256),
        noise: float = 0.1,
    ) -> None:
        super().__init__(features, seeds)
        if math.prod(features) < 2:
            raise InputError(
                "Expected samples of two numbers or more for a flow, which transforms one half by "
                "the other, but got samples of one. Choose another `--model`."
            )
        if couplings < 2:
            raise InputError(
                setting="couplings",
                expected="to be 2 or more, so that all features change",
                got=couplings,
            )
        check_sizes("hidden_sizes", hidden_sizes)
        check_weight("noise", noise)
        self.noise = noise
        generators = [generator(seed, "model") for seed in seeds]
        self.couplings = Couplings(features, couplings, hidden_sizes, generators)

    def negative_log_likelihood(self, x: Tensor) -> Tensor:
        """Return −log p(x) of samples (R, B, *features): (R, B), in nats.

        By the change of variables, Dinh et al. (2017), eq. 2: −log N(z; 0, I) − log |det ∂z/∂x|.
        """
        z, log_determinant = self.couplings(x)
        normal = 0.5 * (z.square() + math.log(2 * math.pi)).sum(2)
        return normal - log_determinant

    def loss(self, x: Tensor, random: Draws) -> Tensor:
        """Return the negative log-likelihood of each sample with noise, (R, B), in nats.

        Args:
            x: (R, B, *features).
            random: draws ε, (R, B, *features), standard normal.
        """
        return self.negative_log_likelihood(x + self.noise * random.normal(*x.shape[1:]))

    def reconstruct(self, x: Tensor) -> FlowDensity:
        """Pass samples (R, B, *features) through the couplings."""
        return FlowDensity(self, x)

    def generator(self) -> Couplings:
        """Return the couplings, which generate samples backwards."""
        return self.couplings
