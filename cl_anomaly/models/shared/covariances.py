"""Means and covariances: estimate, merge, shrink, store as triangles, and measure distances."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

# Share of the mean variance, so that the covariance has an inverse even with constant features.
_LEAST_SHARE = 1e-6
# Share of a feature's mean: equal float32 samples deviate from it by no more.
_ROUNDING = 8 * torch.finfo(torch.float32).eps


@dataclass(frozen=True, eq=False)
class Moments:
    """Number, mean and covariance of samples, in float64.

    Attributes:
        count: n.
        mean: (F,).
        covariance: (F, F), divided by n, not n − 1.
    """

    count: float
    mean: Tensor
    covariance: Tensor


def moments_of(x: Tensor) -> Moments:
    """Compute the moments of samples (n, F), n of 1 or more."""
    x = x.double()
    mean = x.mean(0)
    away = x - mean
    return Moments(float(len(x)), mean, away.mT @ away / len(x))


def together(one: Moments, other: Moments) -> Moments:
    """Return the moments of the union of two sets of samples.

    Chan et al., "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances" (1979),
    eq. 2.1: the sum of both sums of squares and n₁ n₂ / (n₁ + n₂) (μ₁ − μ₂)(μ₁ − μ₂)ᵀ.
    """
    count = one.count + other.count
    share, step = other.count / count, other.mean - one.mean
    covariance = (1 - share) * one.covariance + share * other.covariance
    covariance = covariance + share * (1 - share) * torch.outer(step, step)
    return Moments(count, one.mean + share * step, covariance)


def least_variance(variances: Tensor, mean: Tensor) -> Tensor:
    """Compute the variance to add in every direction: a millionth of the mean variance.

    As a share, it leaves distances independent of the features' units. For equal samples, which
    have no variance, it is a share of their mean square, or of 1 if they are zero.

    Args:
        variances: (F,), variance of each feature.
        mean: (F,), mean of each feature.

    Returns:
        A scalar above 0.
    """
    if bool((variances > (_ROUNDING * mean).square()).any()):
        return _LEAST_SHARE * variances.mean()
    square = mean.square().mean()
    return _LEAST_SHARE * torch.where(square > 0, square, 1.0)


def shrunk(moments: Moments, shrinkage: float) -> Tensor:
    """Move a covariance towards equal variances: (1 − s) C + (s tr C / F + ε) I, (F, F).

    ε is `least_variance`.
    """
    covariance, variances = moments.covariance, moments.covariance.diagonal()
    level = shrinkage * variances.mean() + least_variance(variances, moments.mean)
    return (1 - shrinkage) * covariance + level * torch.eye(len(covariance)).to(covariance)


def whitening(covariance: Tensor) -> Tensor:
    """Compute W, (F, F), with W Wᵀ = C⁻¹, so that ‖(f − μ) W‖² = (f − μ)ᵀ C⁻¹ (f − μ).

    With C = L Lᵀ it is L⁻ᵀ. If rounding has made a covariance singular, its smallest variances are
    raised to a millionth of its largest one.
    """
    lower, failed = torch.linalg.cholesky_ex(covariance)
    if failed:
        variances, axes = torch.linalg.eigh(covariance)
        return axes / variances.clamp(min=float(variances[-1]) * _LEAST_SHARE).sqrt()
    identity = torch.eye(len(covariance), dtype=covariance.dtype, device=covariance.device)
    return torch.linalg.solve_triangular(lower, identity, upper=False).mT


def squared_distance(f: Tensor, mean: Tensor, white: Tensor) -> Tensor:
    """Return the squared Mahalanobis distance of samples (n, F) from a Gaussian, (n,).

    Args:
        mean: (F,), μ.
        white: (F, F), W of `whitening`.
    """
    return ((f - mean) @ white).square().sum(-1)


@dataclass(frozen=True, eq=False)
class Compared:
    """A set of samples, prepared for fast comparison with many others.

    Attributes:
        moments: moments, with `least_variance` in every direction for directions without spread.
        precision: Σ⁻¹ of the shrunk covariance, (F, F).
        spread: tr(Σ⁻¹ C), mean squared distance from their own Gaussian; at most F.
    """

    moments: Moments
    precision: Tensor
    spread: Tensor

    @classmethod
    def of(cls, moments: Moments, shrinkage: float) -> Compared:
        """Prepare samples with such moments, inverting the covariance once."""
        white, covariance = whitening(shrunk(moments, shrinkage)), moments.covariance
        least = least_variance(covariance.diagonal(), moments.mean)
        known = covariance + least * torch.eye(len(covariance)).to(covariance)
        precision = white @ white.mT
        trace = (precision * known).sum()
        return cls(replace(moments, covariance=known), precision, trace)

    def distance_of(self, moments: Moments) -> Tensor:
        """Compute the mean squared distance of other samples from this Gaussian.

        tr(Σ⁻¹ C) + (μ − m)ᵀ Σ⁻¹ (μ − m), with the other samples' covariance C and mean m.
        """
        step = moments.mean - self.moments.mean
        return (self.precision * moments.covariance).sum() + step @ self.precision @ step


def unlikeness(one: Compared, other: Compared) -> float:
    """Compute how many times farther samples are from the other's Gaussian than from their own.

    With the mean squared distance a(i, j) of samples i from the Gaussian of j, this is the larger
    of a(1, 2) / a(1, 1) and a(2, 1) / a(2, 2); 1 if the two coincide.
    """
    there, back = other.distance_of(one.moments), one.distance_of(other.moments)
    return float(torch.maximum(there / one.spread, back / other.spread))


def packed(correlations: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the entries below the diagonal of (F, F), (F (F − 1) / 2,)."""
    rows, columns = _below(len(correlations), correlations.device)
    return correlations[rows, columns].to(dtype)


def unpacked(triangle: Tensor, size: int) -> Tensor:
    """Return the symmetric matrix (F, F), float64, with a diagonal of 1, from `packed` entries."""
    rows, columns = _below(size, triangle.device)
    whole = torch.eye(size, dtype=torch.float64, device=triangle.device)
    whole[rows, columns] = triangle.double()
    whole[columns, rows] = triangle.double()
    return whole


def _below(size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    rows, columns = torch.tril_indices(size, size, -1, device=device)
    return rows, columns
