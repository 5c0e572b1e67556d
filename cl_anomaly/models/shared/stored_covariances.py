"""Stored covariances: a triangle of correlations, or the largest axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor

from cl_anomaly.models.shared.covariances import (
    Moments,
    least_variance,
    packed,
    shrunk,
    squared_distance,
    unpacked,
    whitening,
)

Distance = Callable[[Tensor], Tensor]
"""Returns the squared distances (n,) of samples (n, F), float32."""

Stored = Literal["float16", "float32"]


class Operations(NamedTuple):
    """Floating-point operations of a form, to leading order; a product and a sum count as two.

    Attributes:
        keep: operations to decompose a covariance.
        prepare: operations before the first distance.
        distance: operations for one sample.
    """

    keep: int
    prepare: int
    distance: int


class Spectrum(NamedTuple):
    """The axes of a covariance: C = U Λ Uᵀ + r (I − U Uᵀ), float64.

    Attributes:
        variances: Λ, (k,).
        axes: U, (F, k), orthogonal.
        rest: r, the variance in all other directions.
    """

    variances: Tensor
    axes: Tensor
    rest: Tensor


class Form(Protocol):
    """A form of a stored covariance (F, F), as tensors by name."""

    def shapes(self) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
        """Return the shape and the type of each tensor."""
        ...

    def keep(self, covariance: Tensor) -> dict[str, Tensor]:
        """Convert a covariance, float64, to tensors."""
        ...

    def covariance(self, kept: dict[str, Tensor]) -> Tensor:
        """Return the covariance, float64, up to rounding and the parts that the form omits."""
        ...

    def spectrum(self, kept: dict[str, Tensor]) -> Spectrum:
        """Return the covariance's axes."""
        ...

    def distance(self, kept: dict[str, Tensor], mean: Tensor, shrinkage: float) -> Distance:
        """Return a function of distances from a mean (F,) by the covariance after `shrunk`."""
        ...

    def operations(self) -> Operations:
        """Count the operations of `keep`, `distance` and the returned function."""
        ...


class Triangle:
    """Standard deviations, and the correlations below the diagonal.

    Args:
        size: F.
        stored: number type of the correlations.
    """

    def __init__(self, size: int, stored: Stored) -> None:
        self._size, self._dtype = size, getattr(torch, stored)

    def shapes(self) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:  # noqa: D102
        below = self._size * (self._size - 1) // 2
        return {
            "deviations": ((self._size,), torch.float32),
            "correlations": ((below,), self._dtype),
        }

    def keep(self, covariance: Tensor) -> dict[str, Tensor]:  # noqa: D102
        spread = covariance.diagonal().sqrt()
        # A feature that never varies has no correlation.
        scale = torch.where(spread > 0, 1 / spread, 0.0)
        correlations = packed(covariance * torch.outer(scale, scale), self._dtype)
        return {"deviations": spread.float(), "correlations": correlations}

    def covariance(self, kept: dict[str, Tensor]) -> Tensor:  # noqa: D102
        spread = kept["deviations"].double()
        return unpacked(kept["correlations"], self._size) * torch.outer(spread, spread)

    def spectrum(self, kept: dict[str, Tensor]) -> Spectrum:  # noqa: D102
        variances, axes = torch.linalg.eigh(self.covariance(kept))
        return Spectrum(variances.clamp(min=0), axes, variances.new_zeros(()))

    def distance(self, kept: dict[str, Tensor], mean: Tensor, shrinkage: float) -> Distance:  # noqa: D102
        return dense_distance(self.covariance(kept), mean, shrinkage)

    def operations(self) -> Operations:
        """Count F³/3 of Cholesky's factor and F³ of its inverse; 2 F² for each sample."""
        return Operations(0, 4 * self._size**3 // 3, 2 * self._size**2)


class Axes:
    """The axes with the largest variances, and one variance for all other directions.

    Tipping & Bishop, "Probabilistic Principal Component Analysis" (1999), eq. 7 and 8:
    C ≈ U (Λ − σ²) Uᵀ + σ² I, with the mean variance σ² of the axes that are left out.

    Args:
        size: F.
        rank: number of axes, fewer than F.
        stored: number type of the axes.
    """

    def __init__(self, size: int, rank: int, stored: Stored) -> None:
        self._size, self._rank, self._dtype = size, rank, getattr(torch, stored)

    def shapes(self) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:  # noqa: D102
        return {
            "axes": ((self._size, self._rank), self._dtype),
            "variances": ((self._rank,), torch.float32),
            "rest": ((), torch.float32),
        }

    def keep(self, covariance: Tensor) -> dict[str, Tensor]:  # noqa: D102
        variances, axes = torch.linalg.eigh(covariance)
        variances = variances.clamp(min=0)
        return {
            "axes": axes[:, -self._rank :].to(self._dtype),
            "variances": variances[-self._rank :].float(),
            "rest": variances[: -self._rank].mean().float(),
        }

    def covariance(self, kept: dict[str, Tensor]) -> Tensor:  # noqa: D102
        variances, axes, rest = self.spectrum(kept)
        identity = torch.eye(self._size, dtype=torch.float64, device=axes.device)
        return (axes * (variances - rest)) @ axes.mT + rest * identity

    def spectrum(self, kept: dict[str, Tensor]) -> Spectrum:  # noqa: D102
        # Rounding has made the axes not quite orthogonal.
        axes = torch.linalg.qr(kept["axes"].double()).Q
        return Spectrum(kept["variances"].double(), axes, kept["rest"].double())

    def distance(self, kept: dict[str, Tensor], mean: Tensor, shrinkage: float) -> Distance:  # noqa: D102
        variances, axes, rest = self.spectrum(kept)
        of_features = axes.square() @ (variances - rest) + rest
        floor = shrinkage * of_features.mean() + least_variance(of_features, mean.double())
        within = ((1 - shrinkage) * variances + floor).float()
        beyond = ((1 - shrinkage) * rest + floor).float()
        axes = axes.float()

        def distance(f: Tensor) -> Tensor:
            away = f - mean
            along = (away @ axes).square()
            left = (away.square().sum(1) - along.sum(1)).clamp(min=0)
            return (along / within).sum(1) + left / beyond

        return distance

    def operations(self) -> Operations:
        """Count 9 F³ to find all axes, 4 r² (F − r/3) to orthogonalise r, 2 F r for each sample.

        Golub & Van Loan, "Matrix Computations" (4th edition, 2013), sections 8.3 and 5.2.
        """
        size, rank = self._size, self._rank
        return Operations(9 * size**3, 4 * rank**2 * (3 * size - rank) // 3, 2 * size * rank)


def dense_distance(covariance: Tensor, mean: Tensor, shrinkage: float) -> Distance:
    """Return a function of distances from a mean (F,) by a covariance (F, F), shrunk."""
    white = whitening(shrunk(Moments(0, mean.double(), covariance), shrinkage)).float()
    return lambda f: squared_distance(f, mean, white)


def form_for(size: int, rank: int, stored: Stored) -> Form:
    """Choose the form: the whole covariance if `rank` is 0, or at least the number of features."""
    return Triangle(size, stored) if not 0 < rank < size else Axes(size, rank, stored)
