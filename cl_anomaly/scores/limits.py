"""Limits of tasks: distances that only the target share of a task's normal samples exceeds.

They are for models that keep tasks apart: later tasks change no distance from an earlier one, so a
limit stays valid after its task.
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
        """Return whether there are any."""
        return bool(self.kept)

    def learn(self, distances: Sequence[Tensor], number: int) -> None:
        """Set the limits of the task just learnt; those of other tasks stay.

        Only samples that are nearest to their own task count. If a task joined an earlier one, its
        limit is averaged with that task's, weighted by the number of samples.

        Args:
            distances: (n_r, T) for each replica, of held-out samples of the task.
            number: the task's number, from 1.
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

        NaN if that task has none.
        """
        values = self.kept["values"].to(distances.device)
        near = two_nearest(distances)[1][..., :1].clamp(min=1, max=values.shape[1]) - 1
        return values.gather(1, near.expand(-1, -1, values.shape[2]))


def _of_its_own(distances: Tensor, number: int) -> tuple[int, Tensor]:
    """Return a task's place, and the distances of samples nearest to it, from distances (n, T)."""
    near = two_nearest(distances)[1][:, 0] - 1
    place = number - 1
    if not distances[:, place].isfinite().any():  # it coincides with an earlier one
        place = int(near.clamp(min=0).mode().values)
    those = distances[near == place, place]
    return place, those if len(those) else distances[:, place]


def _limits(distances: Tensor) -> list[float]:
    if not distances.isfinite().all():  # the replica has failed
        return [float("nan")] * len(TARGET_RATES)
    values = distances.cpu().numpy()
    return [threshold_at(rate, values) for rate in TARGET_RATES]


class AtTheLimit(Distances):
    """The same samples, moved until their nearest task is at its limit, (R, B).

    All distances are scaled by the same factor, so that the margins between tasks stay.
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
        """Squared distance from all tasks as one, (R, B), unscaled."""
        return self._output.background


@torch.no_grad()
def thresholds_by_limits(
    model: Model, samples: Samples, indices: Tensor, score: Score, limits: TaskLimits, rate: float
) -> Tensor:
    """Compute each sample's threshold: its score at the limit of its nearest task.

    Whichever rule makes the score, a sample exceeds its threshold if it is farther from its nearest
    task than that task's limit. `rate` is one of TARGET_RATES.

    Returns:
        (R, n), for samples (n,); NaN if the nearest task has no limit.
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
