"""The parts of a task, found by k-means, and their moments."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from cl_anomaly.models.shared.covariances import Moments, moments_of

_ROUNDS = 30
# With fewer samples than this share of its features, a part's covariance would be chance.
_FEWEST = 10


def components_of(x: Tensor, most: int, pooling: float, numbers: torch.Generator) -> list[Moments]:
    """Compute the moments of the parts of samples, independently of the samples' order.

    Args:
        x: (n, F).
        most: greatest number of parts; there are fewer if a part would have under ten samples.
        pooling: share of the covariance within all parts together in each part's covariance.
        numbers: draws the initial centres.
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
    """Compute the moments of the samples (n, F) nearest to each centre (k, F), or None.

    See `components_of`.
    """
    parts = nearest_centres(x, centres)
    places = parts.unique().tolist()
    pooled = _pooled([moments_of(x[parts == part]) for part in places], pooling)
    by_place = dict(zip(places, pooled, strict=True))
    return [by_place.get(place) for place in range(len(centres))]


def _pooled(parts: list[Moments], pooling: float) -> list[Moments]:
    """Move each part's covariance towards that within all parts together.

    Friedman, "Regularized Discriminant Analysis" (1989), eq. 12: (1 − λ) Cⱼ + λ Σⱼ nⱼ Cⱼ / n.
    """
    within = sum(part.count * part.covariance for part in parts) / sum(part.count for part in parts)
    return [
        replace(part, covariance=(1 - pooling) * part.covariance + pooling * within)
        for part in parts
    ]


def k_means(x: Tensor, count: int, numbers: torch.Generator) -> Tensor:
    """Find centres (count, F) of samples (n, F) by Lloyd's algorithm, started by k-means++.

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
    """Return the index of the centre (k, F) nearest to each sample (n, F): (n,), int64."""
    return (centres.square().sum(1) - 2 * x @ centres.mT).argmin(1)


def _careful_start(x: Tensor, count: int, numbers: torch.Generator) -> Tensor:
    """Draw samples with a chance proportional to the squared distance from the earlier ones."""
    place = int(torch.randint(len(x), (1,), generator=numbers))
    centres, least = [x[place]], (x - x[place]).square().sum(1)
    for _ in range(count - 1):
        reach = least.double().cumsum(0)
        at = float(torch.rand(1, generator=numbers)) * float(reach[-1])
        place = min(int(torch.searchsorted(reach, at)), len(x) - 1)
        centres.append(x[place])
        least = torch.minimum(least, (x - x[place]).square().sum(1))
    return torch.stack(centres)
