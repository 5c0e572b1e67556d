"""A Gaussian for each task over the code, and the distance to the nearest of them."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from cl_anomaly.models.base import HIDDEN, Reconstruction
from cl_anomaly.models.shared.covariances import least_variance
from cl_anomaly.scores.base import LearntScore
from cl_anomaly.scores.distances import least, two_nearest


class Mahalanobis(LearntScore):
    """Squared Mahalanobis distance of the code from the nearest task's Gaussian.

    After Lee et al., "A Simple Unified Framework for Detecting Out-of-Distribution Samples and
    Adversarial Attacks" (NeurIPS 2018), eq. 2: minₜ (h − μₜ)ᵀ Cₜ⁻¹ (h − μₜ), where h is the code
    (of a posterior, its mean), and μₜ and Cₜ are those of task t's samples just after it was
    learnt. Each task has its own covariance, because other tasks' samples are not available then;
    the paper's classes share one. It is shrunk, and so has an inverse for any number of samples,
    see `shrunk_covariance`. The Gaussians of earlier tasks stay the same while the encoder changes.
    """

    name = "mahalanobis"
    needs = frozenset({HIDDEN})
    statistics = "C² + C for each task, C = the code's size"

    @torch.no_grad()
    def learn(self, batches: Iterable[tuple[Reconstruction, Tensor]]) -> None:  # noqa: D102
        parts = [(output.hidden[-1].flatten(2), counts) for output, counts in batches]
        codes, counts = (torch.cat(batch, dim=1) for batch in zip(*parts, strict=True))
        # Replicas have tasks of different lengths.
        each = [_gaussian(code[counted]) for code, counted in zip(codes, counts, strict=True)]
        means, precisions = (torch.stack(part)[:, None].float() for part in zip(*each, strict=True))

        if self._statistics:
            means = torch.cat([self._statistics["means"], means], dim=1)
            precisions = torch.cat([self._statistics["precisions"], precisions], dim=1)
        self._statistics = {"means": means, "precisions": precisions}

    def __call__(self, output: Any) -> Tensor:  # noqa: D102
        return least(self._distances(output))

    def nearest(self, output: Any) -> Tensor:  # noqa: D102
        return two_nearest(self._distances(output))[1]

    def _distances(self, output: Any) -> Tensor:
        """Return squared distances from each task's Gaussian, (R, B, T)."""
        means, precisions = self._statistic("means"), self._statistic("precisions")
        code = output.hidden[-1].flatten(2)
        distances = []
        for task in range(means.shape[1]):
            away = code - means[:, task, None]
            distances.append(((away @ precisions[:, task]) * away).sum(2))
        return torch.stack(distances, dim=2)


def _gaussian(codes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean (C,) and the inverse covariance (C, C) of codes (n, C), in float64."""
    # A failed replica has no finite codes, and its covariance no inverse.
    codes = codes.double().nan_to_num(0.0, 0.0, 0.0)
    return codes.mean(0), torch.linalg.inv(shrunk_covariance(codes))


def shrunk_covariance(x: Tensor) -> Tensor:
    """Estimate a covariance, shrunk towards equal variances the more, the fewer samples there are.

    Ledoit & Wolf, "A Well-Conditioned Estimator for Large-Dimensional Covariance Matrices" (2004),
    eq. 14: (1 − s) S + s m I, where S is the samples' covariance, m the mean of its diagonal, and
    s = min(b², d²) / d² with d² = ‖S − m I‖² / C and b² = Σₖ ‖xₖ xₖᵀ − S‖² / (n² C), for centred
    x.

    Args:
        x: (n, C), n of 1 or more.

    Returns:
        (C, C), always with an inverse.
    """
    count, size = x.shape
    centre = x.mean(0)
    x = x - centre
    empirical, identity = x.mT @ x / count, torch.eye(size, dtype=x.dtype, device=x.device)
    mean = empirical.trace() / size
    distance = (empirical - mean * identity).square().sum()
    # Σₖ ‖xₖ xₖᵀ − S‖² = Σₖ ‖xₖ‖⁴ − n ‖S‖²
    spread = (x.square().sum(1).square().sum() - count * empirical.square().sum()) / count**2
    shrinkage = (spread.clamp(min=0) / distance).clamp(max=1) if distance > 0 else 1.0
    least = least_variance(empirical.diagonal(), centre)
    return (1 - shrinkage) * empirical + (shrinkage * mean + least) * identity
