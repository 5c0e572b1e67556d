"""Scores of models that say how far a sample is from each task: rules that make one number of it.

D₁ ≤ D₂ ≤ … are a sample's squared distances from its nearest task, the second nearest, and so on.
Tasks that a detector knows to be the same concept count as one: all but the first of them are
infinitely far from everything.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from cl_anomaly.evaluation.scores.base import Score
from cl_anomaly.models.base import BACKGROUND, DISTANCES

_TINY = torch.finfo(torch.float32).tiny


def two_nearest(distances: Tensor) -> tuple[Tensor, Tensor]:
    """Give distances (…, 2) from the nearest task and the second, and their numbers, from 1.

    Where there is no second, its distance is infinite and its number 0.

    Args:
        distances: (…, T), T of 1 or more.
    """
    if distances.shape[-1] == 1:
        distances = torch.nn.functional.pad(distances, (0, 1), value=float("inf"))
    nearest = distances.topk(2, dim=-1, largest=False)
    return nearest.values, (nearest.indices + 1).where(nearest.values.isfinite(), 0)


def least(distances: Tensor) -> Tensor:
    """Give D₁, (…), of distances (…, T)."""
    return distances.amin(-1)


def log_margin(distances: Tensor) -> Tensor:
    """Give 2 log D₁ − log D₂, (…), of distances (…, T); log D₁ where there is one task."""
    values, _ = two_nearest(distances)
    logs = values.clamp(min=_TINY).log()
    return torch.where(logs[..., 1].isinf(), logs[..., 0], 2 * logs[..., 0] - logs[..., 1])


def softmin(distances: Tensor) -> Tensor:
    """Give −2 log Σₜ exp(−Dₜ / 2), (…), of distances (…, T)."""
    return -2 * (-distances / 2).logsumexp(-1)


class DistanceRule(Score):
    """A score that is made of the distances from each task."""

    needs = frozenset({DISTANCES})

    def nearest(self, output: Any) -> Tensor:  # noqa: D102
        return two_nearest(output.distances)[1]


class Least(DistanceRule):
    """Squared distance from the nearest task."""

    name = "least"

    def __call__(self, output: Any) -> Tensor:  # noqa: D102
        return least(output.distances)


class LogMargin(DistanceRule):
    """Near one task and far from the second: 2 log D₁ − log D₂.

    What lies between two tasks is suspicious: it scores higher than what is as far from one task
    and farther from all others.
    """

    name = "log-margin"

    def __call__(self, output: Any) -> Tensor:  # noqa: D102
        return log_margin(output.distances)


class Softmin(DistanceRule):
    """Soft minimum of the distances, −2 log Σₜ exp(−Dₜ / 2)."""

    name = "softmin"

    def __call__(self, output: Any) -> Tensor:  # noqa: D102
        return softmin(output.distances)


class Background(DistanceRule):
    """Squared distance from the nearest task, less that from all tasks as one.

    Ren et al., "A Simple Fix to Mahalanobis Distance for Improving Near-OOD Detection" (2021),
    eq. 3, the relative Mahalanobis distance: D₁ − D₀; D₁ while there is one task, which is all.
    """

    name = "background"
    needs = frozenset({DISTANCES, BACKGROUND})

    def __call__(self, output: Any) -> Tensor:  # noqa: D102
        values, _ = two_nearest(output.distances)
        is_alone = values[..., 1].isinf()
        return values[..., 0] - torch.where(is_alone, 0.0, output.background)
