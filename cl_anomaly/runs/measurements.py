"""The measurements of a run: scores and AUROCs after every task, times and failures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from cl_anomaly.core.labels import joined
from cl_anomaly.core.state import State
from cl_anomaly.scenarios.base import Replica, Scenario, all_test_indices
from cl_anomaly.scores.scoring import GroupPlaces
from cl_anomaly.settings.run_config import ResolvedConfig
from cl_anomaly.statistics.aurocs import ARRIVED, HEADLINE, OF_CLASS, UNTRAINED, Measures
from cl_anomaly.statistics.detection import auroc, average_precision, fpr_at_tpr
from cl_anomaly.statistics.transfer import transfer_of
from cl_anomaly.store.metrics import METRICS_COLUMNS
from cl_anomaly.store.status import Failure

Row = tuple[Any, ...]

_SEEN = {
    "average_precision_0.1_seen": average_precision,
    "fpr_at_tpr_0.95_seen": fpr_at_tpr,
}
"""Metrics of all normal samples of the tasks so far and all anomalies, by name."""


class Measurements:
    """The measurements of R replicas, class after class, and N tasks.

    Attributes:
        headline: by score, (R, N), the headline AUROC after each task; NaN if there is none.
        s: by score, (R, N, N), the result matrix of each replica.
        untrained: by score, (R, N), AUROC on each task before the first; only for scores that need
            no statistics of a task.
        seen: by metric and score, (R, N), other metrics of the tasks so far.
        timing: times of each task learnt.
        failures: by place of the replica.
    """

    def __init__(
        self,
        config: ResolvedConfig,
        strategy: str,
        replicas: Sequence[Replica],
        scenarios: Sequence[Scenario],
        score_names: Sequence[str],
    ) -> None:
        self._config, self._strategy = config, strategy
        self._replicas, self._scenarios = replicas, scenarios
        self._several_classes = len({replica.anomaly_class for replica in replicas}) > 1
        scored = all_test_indices(scenarios)
        self._places = [GroupPlaces(scenario, scored) for scenario in scenarios]
        self._scores: dict[str, list[NDArray[np.float32]]] = {name: [] for name in score_names}
        shape = (len(replicas), len(scenarios[0].tasks))
        classes = len(self._places[0].classes)
        self.headline = {name: np.full(shape, np.nan) for name in score_names}
        self.s = {name: np.full((*shape, shape[1]), np.nan) for name in score_names}
        self._by_class = {name: np.full((*shape, classes), np.nan) for name in score_names}
        self.untrained: dict[str, NDArray[np.float64]] = {}
        self.seen = {
            metric: {name: np.full(shape, np.nan) for name in score_names}
            for metric in (*_SEEN, *([ARRIVED] if self._places[0].anomalies_arrive else []))
        }
        self.timing: list[dict[str, Any]] = []
        self.failures: dict[int, Failure] = {}

    @property
    def score_names(self) -> list[str]:
        """The recorded scores."""
        return list(self._scores)

    @property
    def all_failed(self) -> bool:
        """Whether all replicas have failed."""
        return len(self.failures) == len(self._replicas)

    def fail(self, task: int, failures: Mapping[int, tuple[int | None, str]]) -> None:
        """Add replicas that failed in a task: by place, the step and the reason."""
        for place, (step, why) in failures.items():
            replica = self._replicas[place]
            anomaly_class = replica.anomaly_class if self._several_classes else None
            self.failures.setdefault(place, Failure(replica.seed, task, step, why, anomaly_class))

    def add_untrained(self, scores: dict[str, NDArray[np.float32]]) -> None:
        """Add the scores before the first task: by name, (R, n); they fail no replica."""
        for name, by_replica in scores.items():
            self.untrained[name] = np.full(self.headline[name].shape, np.nan)
            for place, (groups, values) in enumerate(zip(self._places, by_replica, strict=True)):
                if np.isfinite(values).all():
                    self.untrained[name][place] = groups.aurocs_after(1, values).tasks

    def add(self, scores: dict[str, NDArray[np.float32]]) -> list[float]:
        """Add the scores after the next task, and return each remaining replica's headline AUROC.

        A replica with a score that is not finite fails.

        Args:
            scores: by name, (R, n). Failed replicas' scores are set to NaN.
        """
        task = len(self._scores[self._config.shown_score]) + 1
        for name, values in scores.items():
            broken = ~np.isfinite(values).all(1)
            self.fail(task, {int(p): (None, f"the score `{name}`") for p in np.flatnonzero(broken)})
        for name, values in scores.items():
            values[list(self.failures)] = np.nan
            self._scores[name].append(values)
        self._evaluate(task)
        headline = self.headline[self._config.shown_score][:, task - 1]
        return headline[~np.isnan(headline)].tolist()

    def _evaluate(self, task: int) -> None:
        """Compute the AUROCs of all remaining replicas after a task."""
        for place, groups in enumerate(self._places):
            if place in self.failures and task >= self.failures[place].task:
                continue
            for name, scores in self._scores.items():
                values = scores[task - 1][place]
                row = groups.aurocs_after(task, values)
                self.headline[name][place, task - 1] = row.headline
                self.s[name][place, task - 1] = row.tasks
                self._by_class[name][place, task - 1] = row.classes
                sides = groups.seen_in(values, task), groups.anomalies_in(values)
                for metric, function in _SEEN.items():
                    self.seen[metric][name][place, task - 1] = function(*sides)
                if groups.anomalies_arrive:
                    arrived = auroc(sides[0], groups.arrived_in(values, task))
                    self.seen[ARRIVED][name][place, task - 1] = arrived

    def scores(self) -> dict[str, NDArray[np.float32]]:
        """Return all scores: by name, (R, tasks, n)."""
        return {name: np.stack(values, axis=1) for name, values in self._scores.items() if values}

    def metrics(self, seen: Measures | None = None) -> pd.DataFrame:
        """Return all numbers as METRICS_COLUMNS; undefined ones and failed replicas have no row.

        For each anomaly class: the AUROCs after each task; those before the first task, as task 0;
        other metrics of the tasks so far; and those of the result matrices, at the last task.

        Args:
            seen: other metrics of the tasks so far, beside `self.seen`.
        """
        seen = {**self.seen, **(seen or {})}
        rows: list[Row] = []
        for anomaly_class in dict.fromkeys(replica.anomaly_class for replica in self._replicas):
            places = [
                place
                for place, replica in enumerate(self._replicas)
                if replica.anomaly_class == anomaly_class
            ]
            rows += self._auroc_rows(places)
            rows += self._untrained_rows(places)
            rows += self._seen_rows(places, seen)
            rows += self._transfer_rows(places)
        return pd.DataFrame(rows, columns=list(METRICS_COLUMNS))

    @property
    def _tasks(self) -> int:
        return len(self._scenarios[0].tasks)

    def _auroc_rows(self, places: Sequence[int]) -> Iterator[Row]:
        for task, place in product(range(1, self._tasks + 1), places):
            for score, headline in self.headline.items():
                if not np.isnan(headline[place, task - 1]):
                    key = (*self._key(place, task, task), score)
                    yield (*key, HEADLINE, float(headline[place, task - 1]))
                    by_class = self._by_class[score][place, task - 1].tolist()
                    for label, value in zip(self._places[place].classes, by_class, strict=True):
                        yield (*key, f"{OF_CLASS}{label}", value)

    def _untrained_rows(self, places: Sequence[int]) -> Iterator[Row]:
        for place in places:
            for score, values in self.untrained.items():
                # Without later results, there is nothing to compare them with.
                if not np.isnan([self.headline[score][place, 0], values[place, 0]]).any():
                    for task, value in enumerate(values[place].tolist(), 1):
                        yield (*self._key(place, 0, task), score, f"{UNTRAINED}{task}", value)

    def _seen_rows(self, places: Sequence[int], seen: Measures) -> Iterator[Row]:
        for task, place in product(range(1, self._tasks + 1), places):
            for metric, by_score in seen.items():
                for score, values in by_score.items():
                    if not np.isnan(value := float(values[place, task - 1])):
                        yield (*self._key(place, task, task), score, metric, value)

    def _transfer_rows(self, places: Sequence[int]) -> Iterator[Row]:
        for place in places:
            key = self._key(place, self._tasks, self._tasks)
            for score, s in self.s.items():
                if np.isnan(s[place]).any():
                    continue
                before = self.untrained.get(score)
                values = transfer_of(s[place], None if before is None else before[place])
                for metric, value in values.items():
                    if not np.isnan(value):
                        yield (*key, score, metric, value)

    def _key(self, place: int, task: int, arrived: int) -> Row:
        """Return a row's first columns; the dataset is a name, not a path of this machine."""
        replica = self._replicas[place]
        dataset = Path(self._config.dataset).name
        classes = joined(self._scenarios[place].tasks[arrived - 1].classes)
        return (self._strategy, dataset, replica.anomaly_class, replica.seed, task, classes)

    def state(self) -> State:
        """Return all that has been measured."""
        failures = [asdict(failure) for failure in self.failures.values()]
        state = State({"timing": self.timing, "failures": failures})
        for kind, arrays in (("scores", self.scores()), ("untrained", self.untrained)):
            state.add(kind, {name: torch.from_numpy(values) for name, values in arrays.items()})
        return state

    def restore(self, state: State) -> None:
        """Restore what `state` returned."""
        self.timing = state.values["timing"]
        failures = [Failure(**failure) for failure in state.values["failures"]]
        self.failures = {self._place_of(failure): failure for failure in failures}
        for name, values in state.part("scores").items():
            self._scores[name] = list(values.numpy().swapaxes(0, 1))
        untrained = state.part("untrained")  # in the scores' order, which files do not keep
        self.untrained = {
            name: untrained[name].numpy() for name in self._scores if name in untrained
        }
        for task in range(1, len(self._scores[self._config.shown_score]) + 1):
            self._evaluate(task)

    def _place_of(self, failure: Failure) -> int:
        return next(
            place
            for place, replica in enumerate(self._replicas)
            if replica.seed == failure.seed
            and failure.anomaly_class in (None, replica.anomaly_class)
        )
