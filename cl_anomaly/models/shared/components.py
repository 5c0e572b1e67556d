"""The parts of a task: k-means, and the moments of each part."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from cl_anomaly.models.shared.covariances import Moments, moments_of

_ROUNDS = 30
# A part of fewer samples than this share of its features would be described by chance.
_FEWEST = 10


def components_of(x: Tensor, most: int, pooling: float, numbers: torch.Generator) -> list[Moments]:
    """Compute the moments of the parts of samples, in whatever order these come.

    Args:
        x: (n, F).
        most: how many parts; where one has fewer than ten samples, there are fewer parts.
        pooling: share of the covariance within all parts together in that of each.
        numbers: draws where k-means begins.
    """
    if most == 1 or len(x) < 2 * _FEWEST:
        return [moments_of(x)]
    line = torch.randn(x.shape[1], generator=numbers, dtype=torch.float64).to(x.device)
    return _parts_of(x[(x.double() @ line).argsort(stable=True)], most, pooling, numbers)


def _parts_of(x: Tensor, most: int, pooling: float, numbers: torch.Generator) -> list[Moments]:
    parts = nearest_centres(x, k_means(x, most, numbers))
    sizes = torch.bincount(parts, minlength=most)
    if most > 1 and (sizes < _FEWEST).any():
        fewer = int((sizes >= _FEWEST).sum().clamp(min=1, max=most - 1))
        return _parts_of(x, fewer, pooling, numbers)
    return _pooled([moments_of(x[parts == part]) for part in range(most)], pooling)


def shares_of(x: Tensor, centres: Tensor, pooling: float) -> list[Moments | None]:
    """Compute the moments of the samples (n, F) nearest to each centre (k, F); None where none is.

    See `components_of`.
    """
    parts = nearest_centres(x, centres)
    places = parts.unique().tolist()
    pooled = _pooled([moments_of(x[parts == part]) for part in places], pooling)
    by_place = dict(zip(places, pooled, strict=True))
    return [by_place.get(place) for place in range(len(centres))]


def _pooled(parts: list[Moments], pooling: float) -> list[Moments]:
    """Move the covariance of each part towards that within all parts together.

    Friedman, "Regularized Discriminant Analysis" (1989), eq. 12: (1 − λ) Cⱼ + λ Σⱼ nⱼ Cⱼ / n.
    """
    within = sum(part.count * part.covariance for part in parts) / sum(part.count for part in parts)
    return [
        replace(part, covariance=(1 - pooling) * part.covariance + pooling * within)
        for part in parts
    ]


def k_means(x: Tensor, count: int, numbers: torch.Generator) -> Tensor:
    """Find centres (count, F) of samples (n, F): Lloyd's rounds from a start by k-means++.

    Arthur & Vassilvitskii, "k-means++: The Advantages of Careful Seeding" (SODA 2007).
    """
    centres = _careful_start(x, count, numbers)
    for _ in range(_ROUNDS):
        parts = nearest_centres(x, centres)
        sizes = torch.bincount(parts, minlength=count)[:, None]
        sums = torch.zeros_like(centres).index_add_(0, parts, x)
        moved = torch.where(sizes > 0, sums / sizes.clamp(min=1), centres)
        if torch.equal(moved, centres):
            break
        centres = moved
    return centres


def nearest_centres(x: Tensor, centres: Tensor) -> Tensor:
    """Return which centre (k, F) is nearest to each sample (n, F): (n,), int64."""
    return (centres.square().sum(1) - 2 * x @ centres.mT).argmin(1)


def _careful_start(x: Tensor, count: int, numbers: torch.Generator) -> Tensor:
    """Draw samples, each with a chance that grows with its squared distance from those before."""
    place = int(torch.randint(len(x), (1,), generator=numbers))
    centres, least = [x[place]], (x - x[place]).square().sum(1)
    for _ in range(count - 1):
        reach = least.double().cumsum(0)
        at = float(torch.rand(1, generator=numbers)) * float(reach[-1])
        place = min(int(torch.searchsorted(reach, at)), len(x) - 1)
        centres.append(x[place])
        least = torch.minimum(least, (x - x[place]).square().sum(1))
    return torch.stack(centres)
