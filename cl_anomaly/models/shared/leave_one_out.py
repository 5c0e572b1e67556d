"""Leave-one-out distances: from Gaussians as if they had been learnt without the sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from cl_anomaly.models.shared.covariances import least_variance
from cl_anomaly.models.shared.stored_covariances import Spectrum

_FEWEST = 3
_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Fitted:
    """The Gaussian of a part of a task.

    Attributes:
        mean: (F,).
        spectrum: the axes of its covariance C', before shrinking.
        count: n, the number of samples it was learnt from.
    """

    mean: Tensor
    spectrum: Spectrum
    count: float


def distances_left_out(
    f: Tensor, part: int, parts: Sequence[Fitted], pooling: float, shrinkage: float
) -> list[Tensor]:
    """Compute each sample's squared distances from the parts of its task, learnt without it.

    Without a sample at d from the mean of its part, this mean moves by −d / (n − 1) and the part's
    covariance becomes a C − (a / (n − 1)) d dᵀ, with a = n / (n − 1). Parts share the covariance W
    within all N samples of the task, C' = (1 − λ) C + λ W, and W becomes
    N / (N − 1) W − (a / (N − 1)) d dᵀ. So each C' becomes m C' − g d dᵀ, see `_without`.

    This is exact for one part, up to the form of stored covariances. It ignores that without the
    sample, the parts might differ, and the largest axes would turn a little.

    Args:
        f: (n, F), samples of one part.
        pooling: λ; 0 for a single part.
        shrinkage: s.

    Returns:
        For each part (n,); infinite for the samples' own part if it has fewer than two others.
    """
    fitted_part, whole = parts[part], sum(each.count for each in parts)
    if fitted_part.count < _FEWEST:
        return [f.new_full((len(f),), float("inf")) for _ in parts]
    away, grown = (f - fitted_part.mean).double(), fitted_part.count / (fitted_part.count - 1)
    shared = pooling * whole / (whole - 1)
    removed, result = pooling * grown / (whole - 1), []
    for place, each in enumerate(parts):
        if place == part:
            scale = (1 - pooling) * grown + shared
            less = removed + (1 - pooling) * grown / (fitted_part.count - 1)
            distances = _without(each, away * grown, away, scale, less, shrinkage)
        else:
            off = (f - each.mean).double()
            distances = _without(each, off, away, 1 - pooling + shared, removed, shrinkage)
        result.append(distances.to(f.dtype))
    return result


def _without(
    fitted: Fitted, off: Tensor, away: Tensor, scale: float, removed: float, shrinkage: float
) -> Tensor:
    """Compute eᵀ Σ⁻¹ e, (n,), with the covariance m C − g d dᵀ, shrunk.

    With M = (1 − s) m C + (s tr(m C − g d dᵀ) / F + ε) I, Sherman and Morrison's formula gives
    eᵀ M⁻¹ e + h (eᵀ M⁻¹ d)² / (1 − h dᵀ M⁻¹ d), h = (1 − s) g. If a covariance is stored by a few
    axes, ‖d‖² in all other directions is subtracted evenly from their common variance.

    Args:
        own: the Gaussian with the covariance C.
        off: (n, F), e.
        away: (n, F), d.
        scale: m.
        removed: g.
        shrinkage: s.
    """
    variances, axes, rest = fitted.spectrum
    size, rank = axes.shape
    of_features = axes.square() @ (variances - rest) + rest
    level = scale * of_features.mean() - removed * away.square().sum(1) / size
    # The least variance is that of all samples: a millionth, with or without one of them.
    floor = shrinkage * level.clamp(min=0) + least_variance(of_features, fitted.mean.double())
    e, d = off @ axes, away @ axes
    beyond_e, beyond_d = (x.square().sum(1) - y.square().sum(1) for x, y in ((off, e), (away, d)))
    rest = (scale * rest - removed * beyond_d / max(size - rank, 1)).clamp(min=0)
    within = (1 - shrinkage) * scale * variances + floor[:, None]
    less, both = (1 - shrinkage) * removed, (e * d / within).sum(1)
    from_it = (e.square() / within).sum(1) + beyond_e.clamp(min=0) / (
        (1 - shrinkage) * rest + floor
    )
    left = (1 - less * (d.square() / within).sum(1)).clamp(min=_TINY)
    return from_it + less * both.square() / left
