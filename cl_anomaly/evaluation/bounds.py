"""Which Lower and Upper Bound a run lies between, and which share of the way it has gone."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from cl_anomaly.evaluation.metrics import gap_closed

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
    "task_order",
    "classes_per_task",
    "epochs",
)
"""Settings that a run's Lower and Upper Bound have in common with it."""


def kind_of(strategy: str, config: Mapping[str, Any], score: str) -> Kind:
    """Say what a run's Lower and Upper Bound must have in common with it.

    Args:
        strategy: what it is called in results.
        config: the run's settings.
        score: that it shows.
    """
    shared = [config.get(name) for name in SHARED_WITH_BOUNDS]
    return strategy, json.dumps([*shared, score], sort_keys=True, default=str)


def gaps_closed(means: Mapping[str, float], kinds: Mapping[str, Kind]) -> dict[str, float]:
    """Set every run between the Lower and the Upper Bound of its own model, stream and score.

    Args:
        means: of the headline AUROC after the last task, by run.
        kinds: of the runs; of two of one kind, the first is the bound.

    Returns:
        By run; NaN where a bound has no results, or they lie too close together.
    """
    runs = {kind: run for run, kind in reversed(list(kinds.items()))}
    found = {}
    for run, (_, shared) in kinds.items():
        lower, upper = (means.get(runs.get((bound, shared), ""), np.nan) for bound in _BOUNDS)
        found[run] = gap_closed(means.get(run, np.nan), lower, upper)
    return found


_BOUNDS = ("lower", "upper")
