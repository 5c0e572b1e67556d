"""Random feature maps, which each replica draws from its seed and never trains."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from cl_anomaly.core.randomness import generator
from cl_anomaly.models.shared.convolutional import image_shape
from cl_anomaly.models.shared.feature_maps import Pooling


class RandomConvolutions(nn.Module):
    """Random 5×5 convolutions, rectified, pooled on a grid, and raised to the power 0.35.

    Each filter has mean 0 and length 1 over all channels.

    Args:
        features: shape of one sample, (H, W) or (C, H, W).
        grid: places in each direction.
        size: desired number of features; the result is the number of filters times grid².
        seeds: one for each replica, which draw its filters.
    """

    is_drawn = True
    filters: Tensor

    def __init__(
        self, features: tuple[int, ...], grid: int, size: int, seeds: Sequence[int]
    ) -> None:
        super().__init__()
        self._shape = image_shape(features)
        channels, height, width = self._shape
        count = max(1, round(size / grid**2))
        self.size = count * grid**2
        drawn = [
            torch.randn(count, channels, 5, 5, generator=generator(seed, "features"))
            for seed in seeds
        ]
        filters = torch.stack(drawn)
        filters -= filters.mean((2, 3, 4), keepdim=True)
        filters /= filters.square().sum((2, 3, 4), keepdim=True).sqrt()
        self.register_buffer("filters", filters, persistent=False)
        self.pooling = Pooling(height, width, grid)

    def forward(self, x: Tensor, replica: int) -> Tensor:  # noqa: D102
        filtered = conv2d(x.reshape(len(x), *self._shape), self.filters[replica], padding=2)
        return self.pooling(filtered.relu_()).flatten(1).pow(0.35)


class RandomUnits(nn.Module):
    """Random rectified units, relu(W x + b), with W ~ N(0, 1/d) and b ~ N(0, 1/4).

    Args:
        features: shape of one sample, d values in all.
        seeds: one for each replica, which draw its units.

    """

    is_drawn = True
    weights: Tensor
    biases: Tensor

    def __init__(self, features: tuple[int, ...], size: int, seeds: Sequence[int]) -> None:
        super().__init__()
        self.size, inputs = size, math.prod(features)
        weights, biases = [], []
        for seed in seeds:
            numbers = generator(seed, "features")
            weights.append(torch.randn(inputs, size, generator=numbers) / math.sqrt(inputs))
            biases.append(torch.randn(1, size, generator=numbers) / 2)
        self.register_buffer("weights", torch.stack(weights), persistent=False)
        self.register_buffer("biases", torch.stack(biases), persistent=False)

    def forward(self, x: Tensor, replica: int) -> Tensor:  # noqa: D102
        return (x.flatten(1) @ self.weights[replica] + self.biases[replica]).relu()
