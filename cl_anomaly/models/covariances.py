"""Means and covariances: estimated, put together, kept as triangles, and distances by them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

# Of a feature's variance: keeps one that is the same for all samples from having no inverse.
LEAST_VARIANCE = 1e-6


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
    """Give the moments of two sets of samples in one.

    Chan et al., "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances" (1979),
    eq. 2.1: the sums of squares add up, and n₁ n₂ / (n₁ + n₂) (μ₁ − μ₂)(μ₁ − μ₂)ᵀ on top.
    """
    count = one.count + other.count
    own, step = other.count / count, other.mean - one.mean
    covariance = (1 - own) * one.covariance + own * other.covariance
    covariance = covariance + own * (1 - own) * torch.outer(step, step)
    return Moments(count, one.mean + own * step, covariance)


def shrunk(covariance: Tensor, shrinkage: float) -> Tensor:
    """Move a covariance (F, F) towards equal variances: (1 − s) C + s (tr C / F) I."""
    size = len(covariance)
    mean = covariance.diagonal().sum() / size
    floor = torch.eye(size, dtype=covariance.dtype, device=covariance.device)
    return (1 - shrinkage) * covariance + (shrinkage * mean + LEAST_VARIANCE) * floor


def whitening(covariance: Tensor) -> Tensor:
    """Give W, (F, F), with W Wᵀ = C⁻¹, so that ‖(f − μ) W‖² = (f − μ)ᵀ C⁻¹ (f − μ).

    With C = L Lᵀ it is L⁻ᵀ. Where rounding has left a covariance without an inverse, its smallest
    variances are taken as a millionth of its largest one.
    """
    lower, failed = torch.linalg.cholesky_ex(covariance)
    if failed:
        variances, axes = torch.linalg.eigh(covariance)
        return axes / variances.clamp(min=float(variances[-1]) * LEAST_VARIANCE).sqrt()
    identity = torch.eye(len(covariance), dtype=covariance.dtype, device=covariance.device)
    return torch.linalg.solve_triangular(lower, identity, upper=False).mT


def squared_distance(f: Tensor, mean: Tensor, white: Tensor) -> Tensor:
    """Give the squared Mahalanobis distance of samples (n, F) from a Gaussian, (n,).

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
        moments: theirs.
        precision: Σ⁻¹ of their shrunk covariance, (F, F).
        own: tr(Σ⁻¹ C), how far they are from their own Gaussian on average.
    """

    moments: Moments
    precision: Tensor
    own: Tensor

    @classmethod
    def of(cls, moments: Moments, shrinkage: float) -> Compared:
        """Invert the covariance once."""
        white = whitening(shrunk(moments.covariance, shrinkage))
        precision = white @ white.mT
        return cls(moments, precision, (precision * moments.covariance).sum())


def unlikeness(one: Compared, other: Compared) -> float:
    """Say how many times farther samples are from the other's Gaussian than from their own.

    The mean squared distance of samples with moments i from the Gaussian of j is
    a(i, j) = tr(Σⱼ⁻¹ Cᵢ) + (μᵢ − μⱼ)ᵀ Σⱼ⁻¹ (μᵢ − μⱼ), where Σ is shrunk. This is the larger one of
    a(1, 2) / a(1, 1) and a(2, 1) / a(2, 2): 1 where the two coincide.
    """
    step = one.moments.mean - other.moments.mean

    def ratio(samples: Compared, gaussian: Compared) -> Tensor:
        spread = (gaussian.precision * samples.moments.covariance).sum()
        return (spread + step @ gaussian.precision @ step) / samples.own

    return float(torch.maximum(ratio(one, other), ratio(other, one)))


def packed(correlations: Tensor, dtype: torch.dtype) -> Tensor:
    """Keep what is below the diagonal of (F, F), (F (F − 1) / 2,)."""
    rows, columns = _below(len(correlations), correlations.device)
    return correlations[rows, columns].to(dtype)


def unpacked(triangle: Tensor, size: int) -> Tensor:
    """Give the symmetric matrix (F, F), float64, with a diagonal of 1, of what `packed` kept."""
    rows, columns = _below(size, triangle.device)
    whole = torch.eye(size, dtype=torch.float64, device=triangle.device)
    whole[rows, columns] = triangle.double()
    whole[columns, rows] = triangle.double()
    return whole


def _below(size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    rows, columns = torch.tril_indices(size, size, -1, device=device)
    return rows, columns
