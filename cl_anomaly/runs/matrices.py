"""AUROCs as arrays, from the tidy table of a run."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_PREFIX = "auroc_class_"


def headline_values(metrics: pd.DataFrame, seeds: Sequence[int]) -> dict[str, NDArray[np.float64]]:
    """Give headline AUROCs by score, (R, N), NaN where a replica has failed.

    Args:
        metrics: in tidy form.
        seeds: of the replicas, in order.
    """
    table = metrics[metrics["metric"] == "auroc_seen"]
    tasks = range(1, _count(metrics) + 1)
    return {
        str(score): own.pivot(index="seed", columns="task", values="value")
        .reindex(index=list(seeds), columns=list(tasks))
        .to_numpy(np.float64)
        for score, own in table.groupby("score", sort=False)
    }


def result_matrices(
    metrics: pd.DataFrame, seeds: Sequence[int], labels: NDArray[np.int64]
) -> dict[str, NDArray[np.float64]]:
    """Give result matrices by score, (R, N, N): AUROC after task i on the test group of task j.

    All groups have the same anomalies, so that the AUROC of several classes is the mean of theirs,
    weighted by their samples.

    Args:
        metrics: in tidy form.
        seeds: of the replicas, in order.
        labels: (n,), of the test set.
    """
    count = _count(metrics)
    table = metrics[metrics["metric"].str.startswith(_PREFIX)]
    matrices = {
        str(score): np.full((len(seeds), count, count), np.nan) for score in table["score"].unique()
    }
    for (score, seed), rows in table.groupby(["score", "seed"]):
        aurocs = rows.pivot(index="task", columns="metric", values="value")
        own, replica = matrices[str(score)], list(seeds).index(int(str(seed)))
        for column, classes in enumerate(_groups(metrics)[int(str(seed))]):
            weights = [(labels == label).sum() for label in classes]
            values = aurocs[[f"{_PREFIX}{label}" for label in classes]].to_numpy()
            own[replica, aurocs.index.to_numpy() - 1, column] = np.average(
                values, axis=1, weights=weights
            )
    return matrices


def _groups(metrics: pd.DataFrame) -> dict[int, list[list[int]]]:
    """Say which normal classes belong to each task, by seed."""
    ordered = metrics.drop_duplicates(["seed", "task"]).sort_values("task")
    return {
        int(str(seed)): [[int(c) for c in text.split()] for text in own["classes"].astype(str)]
        for seed, own in ordered.groupby("seed")
    }


def _count(metrics: pd.DataFrame) -> int:
    return int(metrics["task"].max()) if len(metrics) else 0
