"""Means and covariances: estimated, put together, kept as triangles, and distances by them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

# Of the mean variance: keeps a feature that is the same for all samples from having no inverse.
_LEAST_SHARE = 1e-6
# Of a feature's mean: float32 samples that are all the same deviate by no more than this.
_ROUNDING = 8 * torch.finfo(torch.float32).eps


@dataclass(frozen=True, eq=False)
class Moments:
    """What is known of some samples; all in float64.

    Attributes:
        count: n, how many there are.
        mean: (F,).
        covariance: (F, F), by n and not by n − 1.
    """

    count: float
    mean: Tensor
    covariance: Tensor


def moments_of(x: Tensor) -> Moments:
    """Take samples (n, F), n of 1 or more."""
    x = x.double()
    mean = x.mean(0)
    away = x - mean
    return Moments(float(len(x)), mean, away.mT @ away / len(x))


def together(one: Moments, other: Moments) -> Moments:
    """Return the moments of two sets of samples in one.

    Chan et al., "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances" (1979),
    eq. 2.1: the sums of squares add up, and n₁ n₂ / (n₁ + n₂) (μ₁ − μ₂)(μ₁ − μ₂)ᵀ on top.
    """
    count = one.count + other.count
    share, step = other.count / count, other.mean - one.mean
    covariance = (1 - share) * one.covariance + share * other.covariance
    covariance = covariance + share * (1 - share) * torch.outer(step, step)
    return Moments(count, one.mean + share * step, covariance)


def least_variance(variances: Tensor, mean: Tensor) -> Tensor:
    """Compute the variance that is added in every direction: a millionth of the mean variance.

    It is a share, so that features in other units have the same distances. Samples that are all the
    same have no variance to take a share of: theirs is one of their mean square, or of 1 if they
    are zero.

    Args:
        variances: (F,), of each feature.
        mean: (F,), of each feature.

    Returns:
        A number, more than 0.
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

    With C = L Lᵀ it is L⁻ᵀ. Where rounding has left a covariance without an inverse, its smallest
    variances are taken as a millionth of its largest one.
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
        f: the samples.
        mean: (F,), μ.
        white: (F, F), W of `whitening`.
    """
    return ((f - mean) @ white).square().sum(-1)


@dataclass(frozen=True, eq=False)
class Compared:
    """What a set of samples is compared by: each of many with each other takes few operations.

    Attributes:
        moments: theirs, with `least_variance` in every direction: what does not vary at all is
            compared by that.
        precision: Σ⁻¹ of their shrunk covariance, (F, F).
        own: tr(Σ⁻¹ C), how far they are from their own Gaussian on average; at most F.
    """

    moments: Moments
    precision: Tensor
    own: Tensor

    @classmethod
    def of(cls, moments: Moments, shrinkage: float) -> Compared:
        """Invert the covariance once."""
        white, covariance = whitening(shrunk(moments, shrinkage)), moments.covariance
        least = least_variance(covariance.diagonal(), moments.mean)
        known = covariance + least * torch.eye(len(covariance)).to(covariance)
        precision = white @ white.mT
        trace = (precision * known).sum()
        return cls(replace(moments, covariance=known), precision, trace)

    def distance_of(self, moments: Moments) -> Tensor:
        """Compute the mean squared distance of samples with such moments from this Gaussian.

        tr(Σ⁻¹ C) + (μ − m)ᵀ Σ⁻¹ (μ − m), where C and m are theirs.
        """
        step = moments.mean - self.moments.mean
        return (self.precision * moments.covariance).sum() + step @ self.precision @ step


def unlikeness(one: Compared, other: Compared) -> float:
    """Compute how many times farther samples are from the other's Gaussian than from their own.

    With the mean squared distance a(i, j) of samples i from the Gaussian of j, this is the larger
    one of a(1, 2) / a(1, 1) and a(2, 1) / a(2, 2): 1 where the two coincide.
    """
    there, back = other.distance_of(one.moments), one.distance_of(other.moments)
    return float(torch.maximum(there / one.own, back / other.own))


def packed(correlations: Tensor, dtype: torch.dtype) -> Tensor:
    """Keep what is below the diagonal of (F, F), (F (F − 1) / 2,)."""
    rows, columns = _below(len(correlations), correlations.device)
    return correlations[rows, columns].to(dtype)


def unpacked(triangle: Tensor, size: int) -> Tensor:
    """Return the symmetric matrix (F, F), float64, with a diagonal of 1, of what `packed` kept."""
    rows, columns = _below(size, triangle.device)
    whole = torch.eye(size, dtype=torch.float64, device=triangle.device)
    whole[rows, columns] = triangle.double()
    whole[columns, rows] = triangle.double()
    return whole


def _below(size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    rows, columns = torch.tril_indices(size, size, -1, device=device)
    return rows, columns
