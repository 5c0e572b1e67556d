"""AUROCs of a run's replicas as arrays, by anomaly class, and read back from its metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cl_anomaly.core.labels import Label, parted

HEADLINE, ARRIVED = "auroc_seen", "auroc_arrived_seen"
OF_CLASS, UNTRAINED = "auroc_class_", "auroc_untrained_task_"
SEEN = "_seen"
"""How metrics are called: of one class; of a task, before the first; and of all tasks so far. In
ARRIVED, anomalies of later tasks are left out, too."""

Measures = Mapping[str, Mapping[str, NDArray[np.float64]]]
"""By the metric's name and the score, (R, N), after each task."""


@dataclass(frozen=True, eq=False)
class Aurocs:
    """AUROCs of a run's R replicas of one anomaly class, after each of N tasks.

    Attributes:
        run: name of the run.
        strategy: its name in results.
        dataset: its name.
        anomaly_class: of the replicas.
        seeds: R of them.
        headline: by score, (R, N), after each task; NaN from where a replica failed.
        s: by score, (R, N, N), each replica's result matrix.
        untrained: by score, (R, N), AUROC on each task before the first; empty for some runs.
        seen: other measures of the tasks so far; empty for some runs.
    """

    run: str
    strategy: str
    dataset: str
    anomaly_class: Label
    seeds: Sequence[int]
    headline: Mapping[str, NDArray[np.float64]]
    s: Mapping[str, NDArray[np.float64]]
    untrained: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    seen: Measures = field(default_factory=dict)


def aurocs_by_class(
    strategy: str,
    dataset: str,
    replicas: Sequence[tuple[Label, int]],
    headline: Mapping[str, NDArray[np.float64]],
    s: Mapping[str, NDArray[np.float64]],
    untrained: Mapping[str, NDArray[np.float64]] | None = None,
    seen: Measures | None = None,
) -> list[Aurocs]:
    """Divide a run's AUROCs by anomaly class; tasks that no replica reached are left out.

    Args:
        strategy: its name in results, which is the name of the run, too.
        dataset: its name.
        replicas: anomaly class and seed of each of the R.
        headline, s, untrained, seen: as in `Aurocs`, of all replicas.
    """
    reached = max(int((~np.isnan(values)).any(0).sum()) for values in headline.values())

    def rows_of(
        places: list[int], by_score: Mapping[str, NDArray[np.float64]]
    ) -> dict[str, NDArray[np.float64]]:
        return {name: values[places, :reached] for name, values in by_score.items()}

    places_by_class: dict[Label, list[int]] = {}
    for place, (anomaly_class, _) in enumerate(replicas):
        places_by_class.setdefault(anomaly_class, []).append(place)
    return [
        Aurocs(
            strategy,
            strategy,
            dataset,
            anomaly_class,
            [replicas[place][1] for place in places],
            rows_of(places, headline),
            {name: values[:, :, :reached] for name, values in rows_of(places, s).items()},
            rows_of(places, untrained or {}),
            {metric: rows_of(places, by_score) for metric, by_score in (seen or {}).items()},
        )
        for anomaly_class, places in places_by_class.items()
    ]


def read_aurocs(metrics: pd.DataFrame) -> list[Aurocs]:
    """Read runs' AUROCs back from their metrics, in tidy form with a column `run`."""
    tasks, aurocs = metrics.groupby(["run", "dataset"])["task"].max().to_dict(), []
    keys = ["run", "strategy", "dataset", "anomaly_class"]
    # As objects, labels stay Python's own.
    groups = metrics.astype({"anomaly_class": object}).groupby(keys, sort=False)
    for group, rows in groups:
        key: tuple[Any, ...] = group
        seeds, count = rows["seed"].unique().tolist(), int(tasks[key[0], key[2]])
        seen = {
            str(metric): _after_each_task(values, seeds, count)
            for metric, values in rows.groupby("metric", sort=False)
            if str(metric).endswith(SEEN)
        }
        s, untrained = _matrices(rows, seeds, count)
        headline = seen.pop(HEADLINE)
        aurocs.append(
            Aurocs(*key, seeds=seeds, headline=headline, s=s, untrained=untrained, seen=seen)
        )
    return aurocs


def _after_each_task(
    rows: pd.DataFrame, seeds: Sequence[int], count: int
) -> dict[str, NDArray[np.float64]]:
    """Put one metric's values into (R, N), by score."""
    values = {score: np.full((len(seeds), count), np.nan) for score in rows["score"].unique()}
    columns = (rows[name].tolist() for name in ("score", "seed", "task", "value"))
    for score, seed, task, value in zip(*columns, strict=True):
        values[score][seeds.index(seed), task - 1] = value
    return values


def _matrices(
    rows: pd.DataFrame, seeds: Sequence[int], count: int
) -> tuple[dict[str, NDArray[np.float64]], dict[str, NDArray[np.float64]]]:
    """Read result matrices, (R, N, N) by score, and the rows before the first task, if any."""
    s, untrained = {}, {}
    for score, of_score in rows.groupby("score", sort=False):
        s[score] = np.full((len(seeds), count, count), np.nan)
        before = np.full((len(seeds), count), np.nan)
        for seed, replica in of_score.groupby("seed", sort=False):
            place, matrix = seeds.index(seed), result_matrix(replica)
            s[score][place, : len(matrix), : len(matrix)] = matrix
            row = _row_0(replica)[:count]
            before[place, : len(row)] = row
        if not np.isnan(before).all():
            untrained[score] = before
    return s, untrained


def result_matrix(metrics: pd.DataFrame) -> NDArray[np.float64]:
    """Read the result matrix of one run, seed and score back from its rows of metrics.

    Returns:
        (N, N), S[i, j]: AUROC after task i against the normal class of task j, or the mean over the
        classes of task j.
    """
    rows = metrics[metrics["metric"].str.startswith(OF_CLASS)]
    by_class = rows.pivot(index="task", columns="metric", values="value")
    tasks = rows.drop_duplicates("task").sort_values("task")["classes"]
    columns = [
        by_class[[f"{OF_CLASS}{label}" for label in parted(str(classes))]].mean(axis=1)
        for classes in tasks
    ]
    return np.column_stack(columns)


def _row_0(metrics: pd.DataFrame) -> NDArray[np.float64]:
    """Read the AUROC on each task before the first, of one run, seed and score; (N,) or (0,)."""
    rows = metrics[metrics["metric"].str.startswith(UNTRAINED)]
    values = dict(zip(rows["metric"], rows["value"], strict=True))
    return np.array([values[f"{UNTRAINED}{task}"] for task in range(1, len(values) + 1)])
