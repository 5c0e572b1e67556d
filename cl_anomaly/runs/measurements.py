"""What a run has measured so far: scores and AUROCs after every task, times, and failures."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from cl_anomaly.config import ResolvedConfig
from cl_anomaly.evaluation.scoring import GroupPlaces
from cl_anomaly.labels import Label, joined
from cl_anomaly.scenarios.base import Replica, Scenario, all_test_indices
from cl_anomaly.state import State
from cl_anomaly.storage.results import METRICS_COLUMNS


@dataclass(frozen=True)
class Failure:
    """A replica that cannot go on.

    Attributes:
        seed: of the replica.
        task: in which it failed, from 1.
        step: after which training step of the task, from 1; None where its scores failed.
        what: was not a finite number.
        anomaly_class: of the replica, where the run has several.
    """

    seed: int
    task: int
    step: int | None
    what: str
    anomaly_class: Label | None = None

    def __str__(self) -> str:
        """Say it in a sentence."""
        place = f"after step {self.step}" if self.step else "at its end"
        of_class = "" if self.anomaly_class is None else f", anomaly class {self.anomaly_class}"
        return (
            f"seed {self.seed}{of_class} failed in task {self.task}, {place}: {self.what} was not "
            f"a finite number. Try a lower learning rate, or float32."
        )


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

    def scores(self) -> dict[str, NDArray[np.float32]]:
        """Give all scores: by name, (R, tasks, n)."""
        return {name: np.stack(values, axis=1) for name, values in self._scores.items() if values}

    def metrics(self) -> pd.DataFrame:
        """Give every AUROC, in tidy form with METRICS_COLUMNS; failed replicas have none."""
        classes = dict.fromkeys(replica.anomaly_class for replica in self._replicas)
        rows = [
            row
            for anomaly_class in classes
            for task in range(len(self._scenarios[0].tasks))
            for place, replica in enumerate(self._replicas)
            if replica.anomaly_class == anomaly_class
            for row in self._rows(place, task)
        ]
        return pd.DataFrame(rows, columns=list(METRICS_COLUMNS))

    def _rows(self, place: int, task: int) -> list[tuple[Any, ...]]:
        """Rows of one replica after a task, from 0."""
        replica, rows = self._replicas[place], []
        classes = joined(self._scenarios[place].tasks[task].classes)
        # Of a file or folder, not where it lies: that is this machine's.
        dataset = Path(self._config.dataset).name
        key = (self._strategy, dataset, replica.anomaly_class, replica.seed, task + 1, classes)
        for name in self._scores:
            headline = float(self.headline[name][place, task])
            if np.isnan(headline):
                continue
            rows.append((*key, name, "auroc_seen", headline))
            by_class = self._by_class[name][place, task].tolist()
            for label, value in zip(self._places[place].classes, by_class, strict=True):
                rows.append((*key, name, f"auroc_class_{label}", value))
        return rows

    def state(self) -> State:
        """Give all that has been measured."""
        failures = [asdict(failure) for failure in self.failures.values()]
        state = State({"timing": self.timing, "failures": failures})
        state.add("scores", {k: torch.from_numpy(values) for k, values in self.scores().items()})
        return state

    def restore(self, state: State) -> None:
        """Be where `state` was given."""
        self.timing = state.values["timing"]
        failures = [Failure(**own) for own in state.values["failures"]]
        self.failures = {self._place_of(failure): failure for failure in failures}
        for name, values in state.part("scores").items():
            self._scores[name] = list(values.numpy().swapaxes(0, 1))
        for task in range(1, len(self._scores[self._config.shown_score]) + 1):
            self._evaluate(task)

    def _place_of(self, failure: Failure) -> int:
        own = failure.anomaly_class
        return next(
            place
            for place, replica in enumerate(self._replicas)
            if replica.seed == failure.seed and own in (None, replica.anomaly_class)
        )
