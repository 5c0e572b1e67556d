"""Scores of models that say how far a sample is from each task: rules that make one number of it.

D₁ ≤ D₂ ≤ … are a sample's squared distances from its nearest task, the second nearest, and so on.
Tasks that a detector knows to be the same concept count as one: all but the first of them are
infinitely far from everything.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from cl_anomaly.models.base import BACKGROUND, DISTANCES, Reconstruction
from cl_anomaly.scores.base import LearntScore, Score

# Of a task's samples, whose margin is below the cap. It was chosen on held-out training samples of
# MNIST and on four tables, see benchmarks/NOTES.md.
_SHARE = 0.2
_TINY = torch.finfo(torch.float32).tiny


def two_nearest(distances: Tensor) -> tuple[Tensor, Tensor]:
    """Return distances (…, 2) from the nearest task and the second, and their numbers, from 1.

    Where there is no second, its distance is infinite and its number 0.

    Args:
        distances: (…, T), T of 1 or more.
    """
    if distances.shape[-1] == 1:
        distances = torch.nn.functional.pad(distances, (0, 1), value=float("inf"))
    nearest = distances.topk(2, dim=-1, largest=False)
    return nearest.values, (nearest.indices + 1).where(nearest.values.isfinite(), 0)


def least(distances: Tensor) -> Tensor:
    """Return D₁, (…), of distances (…, T)."""
    return distances.amin(-1)


def log_margin(distances: Tensor) -> Tensor:
    """Return 2 log D₁ − log D₂, (…), of distances (…, T); log D₁ where there is one task."""
    values, _ = two_nearest(distances)
    logs = values.clamp(min=_TINY).log()
    return torch.where(logs[..., 1].isinf(), logs[..., 0], 2 * logs[..., 0] - logs[..., 1])


def margin(distances: Tensor) -> Tensor:
    """Return log D₂ − log D₁, (…), of distances (…, T); infinite where there is one task."""
    values, _ = two_nearest(distances)
    return values[..., 1].clamp(min=_TINY).log() - values[..., 0].clamp(min=_TINY).log()


def capped_margin(distances: Tensor, cap: Tensor) -> Tensor:
    """Return log D₁ − min(log D₂ − log D₁, cap), (…), of distances (…, T).

    Args:
        distances: squared; log D₁ counts alone while there is one task.
        cap: that can be spread over (…).
    """
    margins, near = margin(distances), least(distances).clamp(min=_TINY).log()
    return near - torch.where(margins.isinf(), 0.0, torch.minimum(margins, cap))


def softmin(distances: Tensor) -> Tensor:
    """Return −2 log Σₜ exp(−Dₜ / 2), (…), of distances (…, T)."""
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

    def of_task(self, output: Any, tasks: Tensor) -> Tensor:
        """Return the squared distance from a sample's own task.

        As long as that has not been learnt, and where it is the same concept as an earlier one, it
        is the least.
        """
        distances = output.distances
        places = (tasks - 1).clamp(max=distances.shape[-1] - 1)
        of_task = distances.gather(-1, places[..., None])[..., 0]
        is_known = (tasks <= distances.shape[-1]) & of_task.isfinite()
        return torch.where(is_known, of_task, least(distances))


class LogMargin(DistanceRule):
    """Near one task and far from the second: 2 log D₁ − log D₂.

    What lies between two tasks is suspicious: it scores higher than what is as far from one task
    and farther from all others.
    """

    name = "log-margin"

    def __call__(self, output: Any) -> Tensor:  # noqa: D102
        return log_margin(output.distances)


class AutoMargin(LearntScore, DistanceRule):
    """`log-margin` where a sample is nearer to a second task than normal ones are, else `least`.

    log D₁ − min(m, c), where m = log D₂ − log D₁. For the cap c, each task's own samples say, just
    after it was learnt, which margin four in five of them exceed, and c is the smallest of these
    numbers. They are as far from their task as if it had been learnt without them, where the model
    can tell that (`Distances.left_out`): from what was fitted to them they are nearer than others.
    Where tasks lie apart, as classes of images do, c is large, and most of the margin counts. Where
    they touch, as parts of one cloud do, normal samples lie between them, c is small, and little
    more than log D₁ is left. It is learnt from normal samples alone, and depends a little on the
    order of tasks: those of earlier ones are not there any more.
    """

    name = "auto-margin"
    is_cheap = True
    statistics = "1 for each task"

    @torch.no_grad()
    def learn(self, batches: Iterable[tuple[Reconstruction, Tensor]]) -> None:  # noqa: D102
        parts = [(margin(output.left_out), counts) for output, counts in batches]  # type: ignore[attr-defined]
        margins, counts = (torch.cat(own, dim=1) for own in zip(*parts, strict=True))
        each = [_exceeded(own[which]) for own, which in zip(margins, counts, strict=True)]
        caps = torch.stack(each)[:, None]
        self._kept = {"caps": torch.cat([self._kept.get("caps", caps[:, :0]), caps], dim=1)}

    def __call__(self, output: Any) -> Tensor:  # noqa: D102
        cap = self._statistic("caps").amin(1, keepdim=True)
        return capped_margin(output.distances, cap)


def _exceeded(margins: Tensor) -> Tensor:
    """Return what all but a share of margins (n,) exceed; of none that is finite, infinity."""
    finite = margins[margins.isfinite()]
    if not len(finite):
        return margins.new_tensor(float("inf"))
    return finite.kthvalue(math.ceil(_SHARE * len(finite))).values


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
