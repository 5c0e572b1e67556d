"""A limit for each task: a distance that only the target share of its normal samples exceeds.

For models that keep tasks apart: later tasks do not change how far a sample is from an earlier one,
so a limit that was set while the task was there stays right.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cl_anomaly.core.products import matrix_products_in
from cl_anomaly.data.dataset import Samples
from cl_anomaly.models import Model
from cl_anomaly.models.base import Distances
from cl_anomaly.scores import Score
from cl_anomaly.scores.distances import two_nearest
from cl_anomaly.scores.scoring import outputs
from cl_anomaly.statistics.thresholds import TARGET_RATES, threshold_at


class TaskLimits:
    """The limits of R replicas, for each of TARGET_RATES.

    Attributes:
        kept: `values`, (R, T, rates), float32, squared distances, NaN for a task without a limit;
            and `counts`, (R, T), float32, from how many samples each was set. Empty for none.
    """

    def __init__(self) -> None:
        self.kept: dict[str, Tensor] = {}

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.kept)

    def learn(self, distances: Sequence[Tensor], number: int) -> None:
        """Set the limits of a task that has just been learnt; those of other tasks stay.

        Of its own samples, those nearest to it set it. The limit of a task that joined an earlier
        one joins that task's: their mean, weighted by the samples.

        Args:
            distances: (n_r, T) for each replica, of samples of the task that were kept aside.
            number: of the task, from 1.
        """
        replicas, device = len(distances), distances[0].device
        values = torch.full((replicas, number, len(TARGET_RATES)), torch.nan, device=device)
        counts = torch.zeros(replicas, number, device=device)
        if self.kept:
            earlier = min(self.kept["counts"].shape[1], number - 1)
            values[:, :earlier] = self.kept["values"][:, :earlier]
            counts[:, :earlier] = self.kept["counts"][:, :earlier]
        for replica, of_replica in enumerate(distances):
            place, near = _of_its_own(of_replica, number)
            new, count = values.new_tensor(_limits(near)), float(len(near))
            if before := float(counts[replica, place]):
                new = (before * values[replica, place] + count * new) / (before + count)
            values[replica, place], counts[replica, place] = new, before + count
        self.kept = {"values": values, "counts": counts}

    def of_nearest(self, distances: Tensor) -> Tensor:
        """Return the limits of each sample's nearest task, (R, B, rates), for distances (R, B, T).

        NaN where the nearest task has none.
        """
        values = self.kept["values"].to(distances.device)
        near = two_nearest(distances)[1][..., :1].clamp(min=1, max=values.shape[1]) - 1
        return values.gather(1, near.expand(-1, -1, values.shape[2]))


def _of_its_own(distances: Tensor, number: int) -> tuple[int, Tensor]:
    """Return a task's place and its samples' distances there, from distances (n, T) of them all."""
    near = two_nearest(distances)[1][:, 0] - 1
    place = number - 1
    if not distances[:, place].isfinite().any():  # it coincides with an earlier one
        place = int(near.clamp(min=0).mode().values)
    those = distances[near == place, place]
    return place, those if len(those) else distances[:, place]


def _limits(distances: Tensor) -> list[float]:
    if not distances.isfinite().all():  # of a replica that has failed
        return [float("nan")] * len(TARGET_RATES)
    values = distances.cpu().numpy()
    return [threshold_at(rate, values) for rate in TARGET_RATES]


class AtTheLimit(Distances):
    """The same samples, moved along until their nearest task is as far as its limit, (R, B).

    All distances are multiplied by the same number; the margin between tasks stays.
    """

    def __init__(self, output: Any, limits: Tensor) -> None:
        super().__init__(output.x)
        self._output, self._limits = output, limits

    @cached_property
    def distances(self) -> Tensor:
        """Squared distances from each task, (R, B, T)."""
        distances: Tensor = self._output.distances
        nearest = distances.amin(-1)
        moved = torch.where(nearest > 0, self._limits / nearest, 1.0)
        return distances * moved[..., None]

    @cached_property
    def background(self) -> Tensor:
        """Squared distance from all tasks as one, (R, B), as it was."""
        return self._output.background


@torch.no_grad()
def thresholds_by_limits(
    model: Model, samples: Samples, indices: Tensor, score: Score, limits: TaskLimits, rate: float
) -> Tensor:
    """Compute each sample's threshold: its score at the limit of its nearest task.

    So it is above its threshold if it is farther from its nearest task than that task's limit,
    whichever rule makes a score of the distances. `rate` is one of TARGET_RATES.

    Returns:
        (R, n), for samples (n,); NaN where the nearest task has no limit.
    """
    column, parts = TARGET_RATES.index(rate), [torch.empty(model.replicas, 0)]
    with matrix_products_in(torch.float32, samples.stored.device):
        for output in outputs(model, samples, indices):
            limit = limits.of_nearest(output.distances)[..., column]
            parts.append(score(AtTheLimit(output, limit)).cpu())
    return torch.cat(parts, dim=1)


@torch.no_grad()
def alarms_by_limits(
    model: Model, samples: Samples, indices: Tensor, limits: TaskLimits
) -> NDArray[np.bool_]:
    """Find the samples beyond the limit of their nearest task: (R, rates, n), for samples (n,)."""
    parts = []
    with matrix_products_in(torch.float32, samples.stored.device):
        for output in outputs(model, samples, indices):
            distances = output.distances
            parts.append((distances.amin(-1, keepdim=True) > limits.of_nearest(distances)).mT.cpu())
    return torch.cat(parts, dim=2).numpy()
