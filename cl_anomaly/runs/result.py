"""What came of a run, as it ended or as it was read back."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.labels import listed
from cl_anomaly.detector import Detector
from cl_anomaly.report.notebooks import as_html
from cl_anomaly.runs.measurements import Failure
from cl_anomaly.scenarios.base import Replica
from cl_anomaly.settings.run_config import ResolvedConfig


@dataclass(frozen=True, eq=False)
class Result:
    """What came of a run.

    Attributes:
        config: with every default filled in.
        strategy_name: what the strategy is called in the metrics.
        environment: the machine, versions, data, and the code that made the numbers.
        replicas: R of them, class after class: the order of every array below.
        metrics: in tidy form, with METRICS_COLUMNS.
        headline: by score, (R, N), all anomalies against all normal samples so far, after every
            task; NaN from where a replica failed.
        s: by score, (R, N, N), each replica's result matrix: AUROC after task i on the test group
            of task j; NaN from where it failed.
        scores: by score, (R, tasks, n), of the test set after every task.
        threshold_tables: `thresholds.csv` and `false_positive_rates.csv`, where samples were kept
            aside to set thresholds.
        test_labels: (n,), whole numbers, or text where the classes have names.
        test_indices: (n,), places in the dataset's test set.
        weights: of the model after the last task, by parameter, (R, ...).
        timing: seconds per task, samples per second, peak memory.
        failures: of replicas that have no results after some task.
        strategy_source: the strategy's file, as it was when it was loaded, where it is one.
        made_from: what the detector is made from, beside its weights; see `detector.Blueprint`.
        pictures: what only pictures need, of the first replica; see `PictureRecorder.arrays`.
        losses: mean loss of each epoch of every replica: anomaly_class, seed, task, epoch, loss.
        folder: with the results, where they were kept.
        statistics: that scores keep of the tasks, (R, ...), by `score.NAME.KEY`.
        untrained: by score, (R, N), S[0, j]: AUROC on each task's test group before the first task;
            of scores that keep no statistics.
        seen: by metric and score, (R, N), what else is measured of all tasks so far.
        cost: seconds, samples, operations and bytes, see `cost_of`.
        notes: sentences about what came of the tasks, such as those that returned.
    """

    config: ResolvedConfig
    strategy_name: str
    environment: dict[str, Any]
    replicas: list[Replica]
    metrics: pd.DataFrame
    headline: dict[str, NDArray[np.float64]]
    s: dict[str, NDArray[np.float64]]
    scores: dict[str, NDArray[np.float32]]
    threshold_tables: dict[str, pd.DataFrame]
    test_labels: NDArray[Any]
    test_indices: NDArray[np.int64]
    weights: dict[str, NDArray[np.float32]] = field(repr=False)
    timing: dict[str, Any] = field(repr=False)
    failures: list[Failure]
    strategy_source: str | None = field(repr=False)
    made_from: dict[str, Any] = field(repr=False)
    pictures: dict[str, NDArray[Any]] = field(repr=False, default_factory=dict)
    losses: pd.DataFrame = field(repr=False, default_factory=pd.DataFrame)
    folder: Path | None = None
    statistics: dict[str, NDArray[np.float32]] = field(default_factory=dict, repr=False)
    untrained: dict[str, NDArray[np.float64]] = field(default_factory=dict, repr=False)
    seen: dict[str, dict[str, NDArray[np.float64]]] = field(default_factory=dict, repr=False)
    cost: dict[str, Any] = field(default_factory=dict, repr=False)
    notes: list[str] = field(default_factory=list, repr=False)

    def detector(self, device: str = "cpu") -> Detector:
        """Return the trained detector.

        Args:
            device: "auto", "cpu" or "cuda".

        Raises:
            InputError: a replica has no weights, or the device is not there.
        """
        if not self.weights:
            raise InputError("Expected a run with weights, but this one kept none.")
        weights, statistics = (
            {name: torch.from_numpy(own) for name, own in arrays.items()}
            for arrays in (self.weights, self.statistics)
        )
        return Detector.rebuilt(self.made_from, weights, statistics, device)

    @property
    def table(self) -> pd.DataFrame:
        """The headline AUROC after each task: task, mean, sd, replicas.

        Of R replicas, by the score that is shown; `sd` is a sample's, over the replicas.
        """
        headlines = self.headline.get(self.config.shown_score, np.empty((0, 0)))
        known = [values[~np.isnan(values)] for values in headlines.T]
        return pd.DataFrame(
            {
                "task": range(1, len(known) + 1),
                "mean": [own.mean() if len(own) else np.nan for own in known],
                "sd": [own.std(ddof=1) if len(own) > 1 else np.nan for own in known],
                "replicas": [len(own) for own in known],
            }
        )

    def __repr__(self) -> str:
        """Show what `print` shows, and not all the arrays."""
        return str(self)

    def _repr_html_(self) -> str:
        said = " ".join([f"{self._said()}.", *map(str, self.failures)])
        return as_html(said, self.table)

    def _said(self) -> str:
        config = self.config
        seeds = listed(config.seed_list)
        anomalies = listed(dict.fromkeys(own.anomaly_class for own in self.replicas))
        return (
            f"{self.strategy_name} on {Path(config.dataset).name}, "
            f"anomaly class {anomalies}, seeds {seeds}: "
            f"AUROC after each task ({config.shown_score}, mean ± s.d.)"
        )

    def __str__(self) -> str:
        """Describe in about ten lines what was run, and the headline AUROC after each task."""
        headlines = self.headline.get(self.config.shown_score)
        lines = [self._said()]
        for number, values in enumerate(headlines.T if headlines is not None else [], 1):
            lines.append(f"  task {number:2d}  {_mean_and_deviation(values[~np.isnan(values)])}")
        return "\n".join([*lines, *map(str, self.failures)])


def _mean_and_deviation(values: NDArray[np.float64]) -> str:
    if not len(values):
        return "every replica failed"
    spread = f" ± {values.std(ddof=1):.3f}" if len(values) > 1 else ""
    return f"{values.mean():.3f}{spread}"
