"""What a run has measured so far: scores and AUROCs after every task, times, and failures."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from cl_anomaly.core.state import State
from cl_anomaly.runs.metrics_table import Measured, metrics_table
from cl_anomaly.scenarios.base import Replica, Scenario, all_test_indices
from cl_anomaly.scores.scoring import GroupPlaces
from cl_anomaly.settings.run_config import ResolvedConfig
from cl_anomaly.statistics.aurocs import ARRIVED, Measures
from cl_anomaly.statistics.detection import average_precision, fpr_at_tpr
from cl_anomaly.statistics.matrix import auroc
from cl_anomaly.store.status import Failure

_SEEN = {
    "average_precision_0.1_seen": average_precision,
    "fpr_at_tpr_0.95_seen": fpr_at_tpr,
}
"""Of all normal samples of the tasks so far, and all anomalies: by its name in `metrics.csv`."""


class Measurements:
    """What has been measured of the R replicas of a run with N tasks.

    Args:
        config: of the run.
        strategy: what it is called in results.
        replicas: class after class.
        scenarios: one for each replica.
        score_names: the scores that are recorded.

    Attributes:
        headline: by score, (R, N), the headline AUROC after each task; NaN where there is none.
        s: by score, (R, N, N), the result matrix of each replica.
        untrained: by score, (R, N), AUROC on each task before the first; of scores that need no
            statistics of a task.
        seen: by metric and score, (R, N), what else is measured of the tasks so far.
        timing: of each task that has been learnt.
        failures: by the replica's place.
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
        self._several_classes = len({own.anomaly_class for own in replicas}) > 1
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
        """The scores that are recorded."""
        return list(self._scores)

    @property
    def all_failed(self) -> bool:
        """Whether no replica is left."""
        return len(self.failures) == len(self._replicas)

    def fail(self, task: int, failures: Mapping[int, tuple[int | None, str]]) -> None:
        """Take note of replicas that failed in a task: by place, the step and what was wrong."""
        for place, (step, what) in failures.items():
            replica = self._replicas[place]
            own_class = replica.anomaly_class if self._several_classes else None
            self.failures.setdefault(place, Failure(replica.seed, task, step, what, own_class))

    def add_untrained(self, scores: dict[str, NDArray[np.float32]]) -> None:
        """Add the scores before the first task: by name, (R, n); no replica fails by them."""
        for name, values in scores.items():
            self.untrained[name] = np.full(self.headline[name].shape, np.nan)
            for place, (groups, own) in enumerate(zip(self._places, values, strict=True)):
                if np.isfinite(own).all():
                    self.untrained[name][place] = groups.aurocs_after(1, own).tasks

    def add(self, scores: dict[str, NDArray[np.float32]]) -> list[float]:
        """Add the scores after the next task.

        Args:
            scores: by name, (R, n). Those of failed replicas are made NaN. A replica with a score
                that is not finite fails: of it no AUROC can be computed.

        Returns:
            The headline AUROC of each replica that is left.
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
        """Compute the AUROCs after a task, of all replicas that are left."""
        for name, scores in self._scores.items():
            for place, (groups, own) in enumerate(zip(self._places, scores[task - 1], strict=True)):
                if place not in self.failures or task < self.failures[place].task:
                    row = groups.aurocs_after(task, own)
                    self.headline[name][place, task - 1] = row.headline
                    self.s[name][place, task - 1] = row.tasks
                    self._by_class[name][place, task - 1] = row.classes
                    sides = groups.seen_in(own, task), groups.anomalies_in(own)
                    for metric, function in _SEEN.items():
                        self.seen[metric][name][place, task - 1] = function(*sides)
                    if groups.anomalies_arrive:
                        arrived = auroc(sides[0], groups.arrived_in(own, task))
                        self.seen[ARRIVED][name][place, task - 1] = arrived

    def scores(self) -> dict[str, NDArray[np.float32]]:
        """Return all scores: by name, (R, tasks, n)."""
        return {name: np.stack(values, axis=1) for name, values in self._scores.items() if values}

    def metrics(self, seen: Measures | None = None) -> pd.DataFrame:
        """Return all that has been measured, in tidy form; failed replicas have none.

        Args:
            seen: what was measured elsewhere of the tasks so far, to go with it. Default: nothing.
        """
        measured = Measured(
            headline=self.headline,
            by_class=self._by_class,
            seen={**self.seen, **(seen or {})},
            s=self.s,
            untrained=self.untrained,
        )
        classes = [groups.classes for groups in self._places]
        return metrics_table(
            measured, self._config.dataset, self._strategy, self._replicas, self._scenarios, classes
        )

    def state(self) -> State:
        """Return all that has been measured."""
        failures = [asdict(failure) for failure in self.failures.values()]
        state = State({"timing": self.timing, "failures": failures})
        state.add("scores", {k: torch.from_numpy(values) for k, values in self.scores().items()})
        state.add("untrained", {k: torch.from_numpy(own) for k, own in self.untrained.items()})
        return state

    def restore(self, state: State) -> None:
        """Be where `state` was given."""
        self.timing = state.values["timing"]
        failures = [Failure(**own) for own in state.values["failures"]]
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
        own = failure.anomaly_class
        return next(
            place
            for place, replica in enumerate(self._replicas)
            if replica.seed == failure.seed and own in (None, replica.anomaly_class)
        )
