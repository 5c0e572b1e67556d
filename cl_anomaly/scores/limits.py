"""A limit for each task: how far from it its own normal samples are, but for the wanted share.

For models that keep tasks apart: what is learnt later does not change how far a sample is from a
task, so a limit that was set while the task was there stays right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from cl_anomaly.statistics.thresholds import TARGET_RATES, threshold_at

_CHUNK = 250


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

        Its own samples set it that are nearest to it. Of a task that joined an earlier one, the
        limit joins that one's: their mean, weighted by the samples.

        Args:
            distances: (n_r, T) of each replica, of samples that were kept aside of the task.
            number: of the task, from 1.
        """
        replicas, device = len(distances), distances[0].device
        values = torch.full((replicas, number, len(TARGET_RATES)), torch.nan, device=device)
        counts = torch.zeros(replicas, number, device=device)
        if self.kept:
            earlier = min(self.kept["counts"].shape[1], number - 1)
            values[:, :earlier] = self.kept["values"][:, :earlier]
            counts[:, :earlier] = self.kept["counts"][:, :earlier]
        for replica, own in enumerate(distances):
            place, those = _of_its_own(own, number)
            new, count = values.new_tensor(_limits(those)), float(len(those))
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
    """The same samples, moved along until their nearest task is as far as its limit.

    All distances are multiplied by the same number; the margin between tasks stays.

    Args:
        output: what a model says of samples.
        limits: (R, B), the limit of each sample's nearest task.
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
    """Compute each sample's threshold: what it would score at the limit of its nearest task.

    So it is above its threshold where it is farther from its nearest task than that task's limit,
    whichever rule makes a score of the distances.

    Args:
        model: R replicas, which keep tasks apart.
        samples: where the samples are, on the model's device.
        indices: (n,), int64, which of them.
        score: a rule for distances.
        limits: of the R replicas.
        rate: one of TARGET_RATES.

    Returns:
        (R, n), NaN where the nearest task has no limit.
    """
    column, parts = TARGET_RATES.index(rate), [torch.empty(model.replicas, 0)]
    with matrix_products_in(torch.float32, samples.stored.device):
        for output in _outputs(model, samples, indices):
            limit = limits.of_nearest(output.distances)[..., column]
            parts.append(score(AtTheLimit(output, limit)).cpu())
    return torch.cat(parts, dim=1)


@torch.no_grad()
def alarms_by_limits(
    model: Model, samples: Samples, indices: Tensor, limits: TaskLimits
) -> NDArray[np.bool_]:
    """Tell which samples are beyond the limit of their nearest task, (R, rates, n).

    Args:
        model: R replicas, which keep tasks apart.
        samples: where the samples are, on the model's device.
        indices: (n,), int64, which of them.
        limits: of the R replicas.
    """
    parts = []
    with matrix_products_in(torch.float32, samples.stored.device):
        for output in _outputs(model, samples, indices):
            distances = output.distances
            parts.append((distances.amin(-1, keepdim=True) > limits.of_nearest(distances)).mT.cpu())
    return torch.cat(parts, dim=2).numpy()


def _outputs(model: Model, samples: Samples, indices: Tensor) -> Iterator[Any]:
    device = samples.stored.device
    for chunk in indices.split(_CHUNK):
        yield model.reconstruct(samples.for_all(chunk.to(device), model.replicas))
