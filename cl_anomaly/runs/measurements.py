"""What a run has measured so far: scores after every task, times, and replicas that failed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from cl_anomaly.config import ResolvedConfig
from cl_anomaly.evaluation.scoring import auroc_after
from cl_anomaly.scenarios.class_stream import Scenario
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
    """

    seed: int
    task: int
    step: int | None
    what: str

    def __str__(self) -> str:
        """Say it in a sentence."""
        place = f"after step {self.step}" if self.step else "at its end"
        return (
            f"seed {self.seed} failed in task {self.task}, {place}: {self.what} was not a finite "
            f"number. Try a lower learning rate, or float32."
        )


class Record:
    """What has been measured of the replicas of a run.

    Args:
        config: of the run.
        strategy: what it is called in results.
        scenarios: one for each replica.
        score_names: the scores that are recorded.

    Attributes:
        timing: of each task that has been learnt.
        failures: by seed.
    """

    def __init__(
        self,
        config: ResolvedConfig,
        strategy: str,
        scenarios: Sequence[Scenario],
        score_names: Sequence[str],
    ) -> None:
        self._config, self._strategy, self._scenarios = config, strategy, scenarios
        self._labels = scenarios[0].test_labels.numpy()
        self._scores: dict[str, list[NDArray[np.float32]]] = {name: [] for name in score_names}
        self.timing: list[dict[str, Any]] = []
        self.failures: dict[int, Failure] = {}

    @property
    def score_names(self) -> list[str]:
        """The scores that are recorded."""
        return list(self._scores)

    @property
    def all_failed(self) -> bool:
        """Whether no replica is left."""
        return len(self.failures) == len(self._scenarios)

    def fail(self, task: int, failures: dict[int, tuple[int, str]]) -> None:
        """Take note of replicas that failed in a task: by seed, the step and what was wrong."""
        for seed, (step, what) in failures.items():
            self.failures.setdefault(seed, Failure(seed, task, step, what))

    def add(self, scores: dict[str, NDArray[np.float32]]) -> list[float]:
        """Add the scores after the next task.

        Args:
            scores: by name, (R, n). Those of failed replicas are made NaN. A replica with a score
                that is not finite fails: of it no AUROC can be computed.

        Returns:
            The headline AUROC of each replica that is left.
        """
        task = len(self._scores[self._config.score]) + 1
        for replica, seed in enumerate(self._config.seed_list):
            for name, values in scores.items():
                if not np.isfinite(values[replica]).all():
                    failure = Failure(seed, task, None, f"the score `{name}`")
                    self.failures.setdefault(seed, failure)
            if seed in self.failures:
                for values in scores.values():
                    values[replica] = np.nan
        for name, values in scores.items():
            self._scores[name].append(values)
        headline = (self._config.score, "auroc_seen")
        return [row[-1] for row in self._rows(task) if row[-3:-1] == headline]

    def scores(self) -> dict[str, NDArray[np.float32]]:
        """Give all scores: by name, (R, tasks, n)."""
        return {name: np.stack(values, axis=1) for name, values in self._scores.items() if values}

    def metrics(self) -> pd.DataFrame:
        """Compute every AUROC, in tidy form with METRICS_COLUMNS; failed replicas have none."""
        tasks = range(1, len(self._scores[self._config.score]) + 1)
        rows = [row for task in tasks for row in self._rows(task)]
        return pd.DataFrame(rows, columns=list(METRICS_COLUMNS))

    def _rows(self, number: int) -> list[tuple[Any, ...]]:
        config, rows = self._config, []
        for replica, (seed, scenario) in enumerate(
            zip(config.seed_list, self._scenarios, strict=True)
        ):
            if seed in self.failures and self.failures[seed].task <= number:
                continue
            task = scenario.tasks[number - 1]
            classes = " ".join(map(str, task.classes))
            # Of FILE.npz, not the folder: that is this machine's.
            dataset = Path(config.dataset).name
            key = (self._strategy, dataset, config.anomaly_class, seed, number, classes)
            for name, scores in self._scores.items():
                values = auroc_after(scenario, task, scores[number - 1][replica], self._labels)
                rows += [(*key, name, metric, value) for metric, value in values.items()]
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
        self.failures = {own["seed"]: Failure(**own) for own in state.values["failures"]}
        for name, values in state.part("scores").items():
            self._scores[name] = list(values.numpy().swapaxes(0, 1))
