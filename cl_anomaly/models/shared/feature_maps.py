"""Fixed feature maps for closed-form learning, from samples (B, *features) to (B, size), float32.

They are the same for all tasks, and never trained.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor, nn

from cl_anomaly.models.shared.convolutional import image_shape

# σ of the pooling Gaussian, in grid cells: 3.2 pixels if a cell has 5.6.
_POOLING = 3.2 / 5.6
# Gradients below a thousandth of the range from black to white are noise.
_LEAST_GRADIENT = 1e-3


class FeatureMap(Protocol):
    """A fixed map from samples to features.

    Attributes:
        size: number of features.
        is_drawn: whether each replica draws its own map from its seed.
    """

    size: int
    is_drawn: bool

    def __call__(self, x: Tensor, replica: int) -> Tensor:
        """Map samples (B, *features) of a replica to (B, size), float32."""
        ...


def is_image(features: tuple[int, ...]) -> bool:
    """Return whether a shape is an image's: (H, W) or (C, H, W), with sides of 4 or more."""
    return len(features) in (2, 3) and min(features[-2:]) >= 4


class Pixels(nn.Module):
    """The samples themselves, flat."""

    is_drawn = False

    def __init__(self, features: tuple[int, ...]) -> None:
        super().__init__()
        self.size = math.prod(features)

    def forward(self, x: Tensor, replica: int) -> Tensor:  # noqa: D102
        return x.flatten(1)


class Pooling(nn.Module):
    """Sums of a map (…, H, W) under Gaussians on a grid of places, (…, grid²).

    P o Pᵀ with P_ip = exp(−(p − c_i)² / 2σ²) / (σ √2π), c_i = (H / grid)(i + ½) − ½ and
    σ = 4/7 · H / grid, and the same for the columns.

    Args:
        height: H.
        width: W.
        grid: places in each direction.
    """

    rows: Tensor
    columns: Tensor

    def __init__(self, height: int, width: int, grid: int) -> None:
        super().__init__()
        self.register_buffer("rows", _gaussians(height, grid), persistent=False)
        self.register_buffer("columns", _gaussians(width, grid).T.contiguous(), persistent=False)

    def forward(self, o: Tensor) -> Tensor:  # noqa: D102
        return (self.rows @ (o @ self.columns)).flatten(-2)


def _gaussians(side: int, grid: int) -> Tensor:
    cell = side / grid
    centres = cell * (torch.arange(grid, dtype=torch.float64) + 0.5) - 0.5
    away = (torch.arange(side, dtype=torch.float64) - centres[:, None]) / (_POOLING * cell)
    return ((-0.5 * away.square()).exp() / (_POOLING * cell * math.sqrt(2 * math.pi))).float()


class Histograms(nn.Module):
    """Histograms of gradient directions on a grid, smooth in place and direction (HOG).

    After Dalal & Triggs, "Histograms of Oriented Gradients for Human Detection" (CVPR 2005). With
    the gradient (u, v) by derivatives of a Gaussian, and m its length plus 10⁻³, direction θⱼ has
    oⱼ = relu(u cos θⱼ + v sin θⱼ)² / m at each pixel. These are pooled on the grid and raised to
    the power 0.35. Of several channels, the one with the strongest gradient counts.

    Unless `curvatures` is 0, lines are added: the second derivative along n directions of the half
    circle, cos² θ Lxx + sin² θ Lyy + 2 cos θ sin θ Lxy (Freeman & Adelson, "The Design and Use of
    Steerable Filters", 1991), treated as the gradient is, with its negative and positive parts
    separate, and m the length of (Lxx, Lyy, √2 Lxy) plus 10⁻³.

    Args:
        features: shape of one sample, (H, W) or (C, H, W).
        grid: places in each direction.
        directions: number of gradient directions, around the circle.
        curvatures: n, directions of the second derivative; each adds 2 · grid² features.
        power: exponent of the pooled values.
    """

    is_drawn = False
    down: Tensor
    across: Tensor
    circle: Tensor
    lines: Tensor

    def __init__(
        self,
        features: tuple[int, ...],
        grid: int,
        directions: int,
        curvatures: int = 0,
        power: float = 0.35,
    ) -> None:
        super().__init__()
        self._shape, self._power = image_shape(features), power
        _, height, width = self._shape
        self.size = (directions + 2 * curvatures) * grid**2
        for name, side in (("down", height), ("across", width)):
            self.register_buffer(name, torch.stack(_derivatives(side)), persistent=False)
        self.register_buffer("circle", _directions(2 * math.pi, directions), persistent=False)
        self.register_buffer("lines", _directions(math.pi, curvatures), persistent=False)
        self.pooling = Pooling(height, width, grid)

    def forward(self, x: Tensor, replica: int) -> Tensor:  # noqa: D102
        x = x.reshape(len(x), *self._shape)
        parts = [self._edges(x), *([self._lines(x)] if len(self.lines) else [])]
        return self.pooling(torch.cat(parts, dim=1)).flatten(1).pow(self._power)

    def _edges(self, x: Tensor) -> Tensor:
        """Return the gradient of images (B, C, H, W) in each direction, (B, directions, H, W)."""
        u, v = _of_the_strongest(self._slope(x, 0, 1), self._slope(x, 1, 0))
        length = (u.square() + v.square()).sqrt() + _LEAST_GRADIENT
        cos, sin = (column[:, None, None] for column in self.circle.unbind(1))
        return (u[:, None] * cos + v[:, None] * sin).relu_().square_() / length[:, None]

    def _lines(self, x: Tensor) -> Tensor:
        """Return bright and dark lines in each direction, (B, 2 · curvatures, H, W)."""
        slopes = self._slope(x, 0, 2), self._slope(x, 2, 0), 2**0.5 * self._slope(x, 1, 1)
        xx, yy, xy = _of_the_strongest(*slopes)
        length = (xx.square() + yy.square() + xy.square()).sqrt() + _LEAST_GRADIENT
        cos, sin = (part[:, None, None] for part in self.lines.unbind(1))
        line = xx[:, None] * cos**2 + yy[:, None] * sin**2 + 2**0.5 * xy[:, None] * cos * sin
        both = torch.cat([(-line).relu(), line.relu()], dim=1)
        return both.square_() / length[:, None]

    def _slope(self, x: Tensor, down: int, across: int) -> Tensor:
        """Differentiate images `down` times along columns and `across` times along rows."""
        return self.down[down] @ x @ self.across[across].T


def _of_the_strongest(*slopes: Tensor) -> tuple[Tensor, ...]:
    """Select slopes (B, C, H, W) of the channel where their length is greatest, (B, H, W)."""
    if slopes[0].shape[1] == 1:
        return tuple(slope[:, 0] for slope in slopes)
    strongest = torch.stack(slopes).square().sum(0).argmax(1, keepdim=True)
    return tuple(slope.gather(1, strongest)[:, 0] for slope in slopes)


def _directions(circle: float, count: int) -> Tensor:
    """Return (cos, sin) of directions evenly spaced on a part of a circle, (count, 2)."""
    angles = circle * torch.arange(count, dtype=torch.float64) / max(count, 1)
    return torch.stack([angles.cos(), angles.sin()], dim=1).float()


def _derivatives(side: int) -> list[Tensor]:
    """Return a Gaussian of 7 taps with σ = 1 and its derivatives, as matrices (side, side).

    The derivatives are −t and t² − 1 times the Gaussian. Each matrix convolves a row or a column,
    padded with 0.
    """
    t = torch.arange(-3, 4, dtype=torch.float64)
    g = (-0.5 * t.square()).exp()
    g /= g.sum()
    places = torch.arange(side)
    offset = places - places[:, None]
    inside = offset.abs() <= 3
    taps = (offset + 3).clamp(0, 6)
    zero = torch.zeros((), dtype=torch.float64)
    kernels = (g, -t * g, (t.square() - 1) * g)
    return [torch.where(inside, kernel[taps], zero).float() for kernel in kernels]
