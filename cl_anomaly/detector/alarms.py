"""Thresholds of a detector, one for each replica or a limit for each task, and their checks."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.dataset import Samples
from cl_anomaly.detector.blueprint import Blueprint
from cl_anomaly.models import Model
from cl_anomaly.scores import SCORES, Score
from cl_anomaly.scores.limits import TaskLimits, thresholds_by_limits
from cl_anomaly.statistics.thresholds import TARGET_RATES


def thresholds_as_json(thresholds: NDArray[np.float64]) -> dict[str, tuple[float | None, ...]]:
    """Return thresholds (R, rates) by rate; None, as JSON has no NaN, for a failed replica."""
    return {
        str(rate): tuple(None if math.isnan(value) else value for value in of_replicas)
        for rate, of_replicas in zip(TARGET_RATES, thresholds.T.tolist(), strict=True)
    }


def known_rates(blueprint: Blueprint, has_limits: bool) -> tuple[float, ...]:
    """Return the false-positive rates for which there are thresholds."""
    return TARGET_RATES if has_limits else tuple(map(float, blueprint.thresholds))


def check_rate(rate: float, known: Sequence[float]) -> None:
    """Refuse a false-positive rate without a threshold.

    Raises:
        InputError: it is not among the known rates.
    """
    if rate not in known:
        there = f"has those for {', '.join(map(str, known))}" if known else "has none"
        raise InputError(
            f"Expected a detector with a threshold for a false-positive rate of {rate}, but "
            f"this one {there}. `run --calibration 0.05` keeps samples aside to set them."
        )


def replica_thresholds(blueprint: Blueprint, has_limits: bool, rate: float) -> NDArray[np.float64]:
    """Return each replica's threshold, (R,).

    Raises:
        InputError: each task has a limit.
    """
    if has_limits:
        raise InputError(
            "Expected a detector with one threshold for all samples, but this one has a limit "
            "for each task. `thresholds_for(x)` gives each sample's threshold."
        )
    return np.array(blueprint.thresholds[str(rate)], dtype=np.float64)


def sample_thresholds(
    groups: Iterable[tuple[Model, Samples, Score]], limits: Iterable[TaskLimits], rate: float
) -> NDArray[np.float64]:
    """Return the thresholds of all samples, (R, n), see `thresholds_by_limits`.

    Args:
        groups: each group's model, scaled samples and score.
        limits: of each group.
        rate: the target false-positive rate.
    """
    parts = [
        thresholds_by_limits(model, samples, torch.arange(len(samples)), score, limit, rate)
        for (model, samples, score), limit in zip(groups, limits, strict=True)
    ]
    return torch.cat(parts).double().numpy()


def check_knows_tasks(score: str) -> None:
    """Refuse a score that does not know which task a sample is nearest to.

    Raises:
        InputError: it does not.
    """
    known = [name for name, cls in SCORES.items() if cls.knows_tasks()]
    if score not in known:
        raise InputError(
            f"Expected a detector whose score knows the distance from each task "
            f"({', '.join(known)}), but this one's is {score}."
        )
