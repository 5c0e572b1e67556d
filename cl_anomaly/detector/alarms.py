"""Which thresholds a detector has: one for each replica, or a limit for each task."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.dataset import Samples
from cl_anomaly.detector.blueprint import Blueprint
from cl_anomaly.models import Model
from cl_anomaly.scores import Score
from cl_anomaly.scores.limits import TaskLimits, thresholds_by_limits
from cl_anomaly.statistics.thresholds import TARGET_RATES


def known_rates(blueprint: Blueprint, limits: Iterable[TaskLimits]) -> tuple[float, ...]:
    """Return the false-positive rates for which there are thresholds."""
    return TARGET_RATES if any(limits) else tuple(map(float, blueprint.thresholds))


def check_rate(rate: float, known: Sequence[float]) -> None:
    """Refuse a rate without a threshold.

    Raises:
        InputError: it is not among those that are known.
    """
    if rate not in known:
        there = f"has those for {', '.join(map(str, known))}" if known else "has none"
        raise InputError(
            f"Expected a detector with a threshold for a false-positive rate of {rate}, but "
            f"this one {there}. `run --calibration 0.05` keeps samples aside to set them."
        )


def of_replicas(
    blueprint: Blueprint, limits: Iterable[TaskLimits], rate: float
) -> NDArray[np.float64]:
    """Return each replica's threshold, (R,).

    Raises:
        InputError: each task has a limit.
    """
    if any(limits):
        raise InputError(
            "Expected a detector with one threshold for all samples, but this one has a limit "
            "for each task. `thresholds_for(x)` gives each sample's threshold."
        )
    return np.array(blueprint.thresholds[str(rate)], dtype=np.float64)


def by_limits(
    groups: Iterable[tuple[Model, Samples, list[Score]]],
    limits: Iterable[TaskLimits],
    rate: float,
) -> NDArray[np.float64]:
    """Return the thresholds of all samples, (R, n), see `evaluation.limits`.

    Args:
        groups: each group's model, the samples as it scales them, and its score.
        limits: of each group.
        rate: the false-positive rate that is wanted.
    """
    parts = [
        thresholds_by_limits(model, samples, torch.arange(len(samples)), scores[0], limit, rate)
        for (model, samples, scores), limit in zip(groups, limits, strict=True)
    ]
    return torch.cat(parts).double().numpy()
