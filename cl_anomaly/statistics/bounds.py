"""The Lower and Upper Bound of each run, and the share of the gap between them that it closes."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from cl_anomaly.statistics.forgetting import gap_closed

Kind = tuple[str, str]
"""The strategy, and what its bounds must share with it: the score, and SHARED_WITH_BOUNDS."""

SHARED_WITH_BOUNDS = (
    "model",
    "model_options",
    "scenario",
    "stream",
    "blur",
    "portion",
    "concepts",
    "cluster_scaling",
    "cluster_anomalies",
    "held_out",
    "frozen_features",
    "task_order",
    "classes_per_task",
    "calibration",
    "epochs",
    "steps",
    "batch_size",
    "learning_rate",
    "class_weights",
    "precision",
)
"""Settings that a run's Lower and Upper Bound have in common with it."""


def kind_of(strategy: str, config: Mapping[str, Any], score: str) -> Kind:
    """Return what a run's Lower and Upper Bound must have in common with it."""
    shared = [config.get(name) for name in SHARED_WITH_BOUNDS]
    return strategy, json.dumps([*shared, score], sort_keys=True, default=str)


def bounds_of(kinds: Mapping[str, Kind]) -> dict[str, tuple[str, str]]:
    """Find the Lower and the Upper Bound of each run that has both; the first of a kind counts."""
    runs = {kind: run for run, kind in reversed(list(kinds.items()))}
    bounds_by_run = {}
    for run, (_, shared) in kinds.items():
        bounds = [runs.get((bound, shared)) for bound in ("lower", "upper")]
        if bounds[0] is not None and bounds[1] is not None:
            bounds_by_run[run] = bounds[0], bounds[1]
    return bounds_by_run


def gaps_closed(means: Mapping[str, float], kinds: Mapping[str, Kind]) -> dict[str, float]:
    """Compute the share of the gap from its Lower to its Upper Bound that each run closes.

    Args:
        means: of the headline AUROC after the last task, by run, as they are shown.
        kinds: of the runs, see `bounds_of`.

    Returns:
        By run; NaN if a bound has no results, or the bounds lie too close together.
    """
    gaps = dict.fromkeys(kinds, np.nan)
    for run, bounds in bounds_of(kinds).items():
        value, lower, upper = (means.get(name, np.nan) for name in (run, *bounds))
        gaps[run] = gap_closed(value, lower, upper)
    return gaps
