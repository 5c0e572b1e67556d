"""The thresholds after each task, and their realised rates."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from cl_anomaly.core.labels import joined
from cl_anomaly.core.state import State
from cl_anomaly.scenarios.base import Replica, Scenario, all_test_indices
from cl_anomaly.scores.scoring import GroupPlaces
from cl_anomaly.statistics.thresholds import TARGET_RATES
from cl_anomaly.store.status import FALSE_POSITIVE_RATES_FILE, THRESHOLDS_FILE

THRESHOLD_FILES = (THRESHOLDS_FILE, FALSE_POSITIVE_RATES_FILE)


class ThresholdRecord:
    """Thresholds of R replicas after each task, for each score and each of TARGET_RATES."""

    def __init__(self, replicas: Sequence[Replica], scenarios: Sequence[Scenario]) -> None:
        self._replicas, self._scenarios = replicas, scenarios
        scored = all_test_indices(scenarios)
        self._places = [GroupPlaces(scenario, scored) for scenario in scenarios]
        self._after: dict[str, list[NDArray[np.float64]]] = {}
        self._set_from: list[str] = []
        self._alarms: list[NDArray[np.bool_] | None] = []

    def add(
        self,
        thresholds: dict[str, NDArray[np.float64]],
        set_from: str,
        alarms: NDArray[np.bool_] | None = None,
    ) -> None:
        """Add the thresholds after the next task.

        Args:
            thresholds: by score, (R, rates).
            alarms: (R, rates, n), for the test set, if each task has its own limit.
        """
        self._alarms.append(alarms)
        for name, values in thresholds.items():
            self._after.setdefault(name, []).append(values)
        self._set_from.append(set_from)

    def tables(self, scores: dict[str, NDArray[np.float32]]) -> dict[str, pd.DataFrame]:
        """Return the tables by their files' names; none without thresholds.

        Args:
            scores: test-set scores after every task: by name, (R, tasks, n).
        """
        if not self._set_from:
            return {}
        thresholds, rates = [], []
        for place, replica in enumerate(self._replicas):
            for task, set_from in enumerate(self._set_from, 1):
                for name, after in self._in_order_of(scores):
                    for column, target in enumerate(TARGET_RATES):
                        above = self._above(scores[name], place, task, column, after)
                        key = (replica.anomaly_class, replica.seed, task, name, target)
                        detected = _share(self._places[place].anomalies_in(above))
                        value = after[task - 1][place, column]
                        thresholds.append((*key, value, set_from, detected))
                        rates += [(*key, *row) for row in self._rates(place, task, above)]
        key_columns = ["anomaly_class", "seed", "task", "score", "target_fpr"]
        columns = [
            [*key_columns, "threshold", "set_from", "detection_rate"],
            [*key_columns, "of_task", "classes", "false_positive_rate"],
        ]
        return {
            name: pd.DataFrame(rows, columns=names)
            for name, rows, names in zip(THRESHOLD_FILES, (thresholds, rates), columns, strict=True)
        }

    def seen_rates(
        self, scores: dict[str, NDArray[np.float32]]
    ) -> dict[str, dict[str, NDArray[np.float64]]]:
        """Return the realised false-positive rate on all normal samples of the tasks so far.

        Args:
            scores: test-set scores after every task: by name, (R, tasks, n).

        Returns:
            For each of TARGET_RATES by its metric's name, by score, (R, N); NaN once a replica has
            failed.
        """
        shape = len(self._replicas), len(self._scenarios[0].tasks)
        rates: dict[str, dict[str, NDArray[np.float64]]] = {}
        for column, target in enumerate(TARGET_RATES):
            of_target = rates.setdefault(f"fpr_at_threshold_{target}_seen", {})
            for name, after in self._in_order_of(scores):
                of_target[name] = np.full(shape, np.nan)
                for task in range(1, len(after) + 1):
                    for place, values in enumerate(scores[name][:, task - 1]):
                        if np.isfinite(self._places[place].seen_in(values, task)).all():
                            above = self._above(scores[name], place, task, column, after)
                            rate = _share(self._places[place].seen_in(above, task))
                            of_target[name][place, task - 1] = rate
        return rates

    def _in_order_of(self, scores: Iterable[str]) -> list[tuple[str, list[NDArray[np.float64]]]]:
        """Return the thresholds in the scores' order, which checkpoints do not preserve."""
        return [(name, self._after[name]) for name in scores if name in self._after]

    def _above(
        self,
        scores: NDArray[np.float32],
        place: int,
        task: int,
        column: int,
        after: Sequence[NDArray[np.float64]],
    ) -> NDArray[np.float32]:
        """Return a replica's alarms after a task as 1, others as 0, (n,); NaN if it failed."""
        values = scores[place, task - 1]
        if (alarms := self._alarms[task - 1]) is not None:
            above = alarms[place, column].astype(np.float32)
            return above if np.isfinite(values).all() else np.full_like(above, np.nan)
        threshold = after[task - 1][place, column]
        above = (values > threshold).astype(np.float32)
        return np.full_like(above, np.nan) if np.isnan(threshold) else above

    def _rates(self, place: int, task: int, above: NDArray[np.float32]) -> list[tuple[Any, ...]]:
        """Return the realised false-positive rate on each task so far, for one replica."""
        rates = []
        for earlier in self._scenarios[place].tasks[:task]:
            rate = _share(self._places[place].normal_in(above, earlier.number))
            rates.append((earlier.number, joined(earlier.classes), rate))
        return rates

    def state(self) -> State:
        """Return all thresholds and alarms."""
        state = State({"set_from": self._set_from})
        for name, after in self._after.items():
            state.add("thresholds", {name: torch.from_numpy(np.stack(after))})
        for task, alarms in enumerate(self._alarms):
            if alarms is not None:
                state.add("alarms", {str(task): torch.from_numpy(alarms)})
        return state

    def restore(self, state: State) -> None:
        """Restore what `state` returned."""
        self._set_from = state.values["set_from"]
        self._after = {name: list(t.numpy()) for name, t in state.part("thresholds").items()}
        alarms = state.part("alarms")
        self._alarms = [
            alarms[str(task)].numpy() if str(task) in alarms else None
            for task in range(len(self._set_from))
        ]


def _share(above: NDArray[np.float32]) -> float:
    """Return the share of alarms among samples; NaN for none."""
    return float(above.mean(dtype=np.float64)) if len(above) else math.nan
