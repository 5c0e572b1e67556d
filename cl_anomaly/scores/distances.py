"""Scores made of a sample's distances from each task.

D₁ ≤ D₂ ≤ … are a sample's squared distances from its nearest task, the second nearest, and so on.
Tasks that a detector takes for the same concept count as one: all but the first are infinitely far.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from cl_anomaly.models.base import BACKGROUND, DISTANCES, Reconstruction
from cl_anomaly.scores.base import LearntScore, Score

# Share of a task's samples with a margin below the cap. It was chosen on held-out training samples
# of MNIST and on four tables, see benchmarks/NOTES.md.
_SHARE = 0.2
_TINY = torch.finfo(torch.float32).tiny


def two_nearest(distances: Tensor) -> tuple[Tensor, Tensor]:
    """Return distances (…, 2) from the nearest and the second task, and their numbers, from 1.

    With a single task, the second distance is infinite and its number 0.

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
    """Return 2 log D₁ − log D₂, (…), of distances (…, T); log D₁ for one task."""
    values, _ = two_nearest(distances)
    logs = values.clamp(min=_TINY).log()
    return torch.where(logs[..., 1].isinf(), logs[..., 0], 2 * logs[..., 0] - logs[..., 1])


def margin(distances: Tensor) -> Tensor:
    """Return log D₂ − log D₁, (…), of distances (…, T); infinite for one task."""
    values, _ = two_nearest(distances)
    return values[..., 1].clamp(min=_TINY).log() - values[..., 0].clamp(min=_TINY).log()


def capped_margin(distances: Tensor, cap: Tensor) -> Tensor:
    """Return log D₁ − min(log D₂ − log D₁, cap), (…), of distances (…, T).

    Args:
        distances: squared; with one task, the result is log D₁.
        cap: broadcastable to (…).
    """
    margins, near = margin(distances), least(distances).clamp(min=_TINY).log()
    return near - torch.where(margins.isinf(), 0.0, torch.minimum(margins, cap))


def softmin(distances: Tensor) -> Tensor:
    """Return −2 log Σₜ exp(−Dₜ / 2), (…), of distances (…, T)."""
    return -2 * (-distances / 2).logsumexp(-1)


class DistanceRule(Score):
    """A score made of the distances from each task."""

    needs = frozenset({DISTANCES})

    def nearest(self, output: Any) -> Tensor:  # noqa: D102
        return two_nearest(output.distances)[1]


class Least(DistanceRule):
    """Squared distance from the nearest task."""

    name = "least"

    def __call__(self, output: Any) -> Tensor:  # noqa: D102
        return least(output.distances)

    def of_task(self, output: Any, tasks: Tensor) -> Tensor:
        """Return the squared distance from each sample's given task.

        If that task is not learnt yet, or is the same concept as an earlier one, the least distance
        is returned instead.
        """
        distances = output.distances
        places = (tasks - 1).clamp(max=distances.shape[-1] - 1)
        of_task = distances.gather(-1, places[..., None])[..., 0]
        is_known = (tasks <= distances.shape[-1]) & of_task.isfinite()
        return torch.where(is_known, of_task, least(distances))


class LogMargin(DistanceRule):
    """Near one task and far from the second: 2 log D₁ − log D₂.

    Samples between two tasks are suspicious: they score higher than samples that are as far from
    their nearest task and farther from all others.
    """

    name = "log-margin"

    def __call__(self, output: Any) -> Tensor:  # noqa: D102
        return log_margin(output.distances)


class AutoMargin(LearntScore, DistanceRule):
    """`log-margin` if a sample is nearer to a second task than normal ones are, else `least`.

    log D₁ − min(m, c), where m = log D₂ − log D₁. Just after a task was learnt, its cap is the
    margin that four in five of its samples exceed; c is the smallest cap of all tasks. The samples'
    distances are taken as if the task had been learnt without them, if the model can tell
    (`Distances.left_out`), because samples are nearer to a Gaussian that was fitted to them. If
    tasks lie far apart, as classes of images do, c is large, and most of the margin counts. If they
    touch, as parts of one cloud do, normal samples lie between them, c is small, and little more
    than log D₁ is left. It is learnt from normal samples alone, and depends a little on the order
    of tasks, because samples of earlier tasks are no longer available.
    """

    name = "auto-margin"
    is_cheap = True
    statistics = "1 for each task"

    @torch.no_grad()
    def learn(self, batches: Iterable[tuple[Reconstruction, Tensor]]) -> None:  # noqa: D102
        parts = [(margin(output.left_out), counts) for output, counts in batches]  # type: ignore[attr-defined]
        margins, counts = (torch.cat(batch, dim=1) for batch in zip(*parts, strict=True))
        each = [_exceeded(m[counted]) for m, counted in zip(margins, counts, strict=True)]
        caps = torch.stack(each)[:, None]
        self._statistics = {
            "caps": torch.cat([self._statistics.get("caps", caps[:, :0]), caps], dim=1)
        }

    def __call__(self, output: Any) -> Tensor:  # noqa: D102
        cap = self._statistic("caps").amin(1, keepdim=True)
        return capped_margin(output.distances, cap)


def _exceeded(margins: Tensor) -> Tensor:
    """Return the margin that all but a share of margins (n,) exceed; infinity if none is finite."""
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
    """Squared distance from the nearest task minus that from all tasks as one.

    Ren et al., "A Simple Fix to Mahalanobis Distance for Improving Near-OOD Detection" (2021),
    eq. 3, the relative Mahalanobis distance: D₁ − D₀; D₁ while there is only one task.
    """

    name = "background"
    needs = frozenset({DISTANCES, BACKGROUND})

    def __call__(self, output: Any) -> Tensor:  # noqa: D102
        values, _ = two_nearest(output.distances)
        is_alone = values[..., 1].isinf()
        return values[..., 0] - torch.where(is_alone, 0.0, output.background)
