"""Replicas that are paired across runs: the same dataset, anomaly class, seed and order.

A block is an anomaly class of a dataset.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cl_anomaly.statistics.aurocs import HEADLINE, OF_CLASS, read_aurocs
from cl_anomaly.statistics.forgetting import forgetting
from cl_anomaly.statistics.intervals import mean_of_blocks

_BLOCK = ["dataset", "anomaly_class"]
_REPLICA = [*_BLOCK, "seed"]
_MOST_NAMED = 3


def values_of(metrics: pd.DataFrame, score: str, metric: str = HEADLINE) -> pd.DataFrame:
    """Return each replica's value after the last task: a row for each, a column for each run.

    NaN where a run has no such replica, or the replica did not reach the last task.

    Raises:
        ValueError: no run has that metric by that score, or one has it twice for a replica.
    """
    last = metrics.groupby("dataset")["task"].transform("max")
    is_wanted = (metrics["score"] == score) & (metrics["metric"] == metric)
    rows = metrics[is_wanted & (metrics["task"] == last)]
    if rows.empty:
        raise ValueError(f"Expected runs with `{metric}` by the score {score}, but none has it.")
    twice = rows.duplicated(["run", *_REPLICA])
    if twice.any():
        run, dataset, anomaly, seed = rows.loc[twice, ["run", *_REPLICA]].iloc[0]
        raise ValueError(
            f"Expected one run called {run} on {dataset} with anomaly class {anomaly} and seed "
            f"{seed}, but there are several. Give them different names."
        )
    table = rows.set_index([*_REPLICA, "run"])["value"].unstack("run")  # noqa: PD010
    replicas = metrics.drop_duplicates(_REPLICA).set_index(_REPLICA).index
    return table.reindex(index=replicas, columns=metrics["run"].unique())


def has_blocks(values: pd.DataFrame) -> bool:
    """Return whether replicas are of several anomaly classes or datasets."""
    return len(values.groupby(_BLOCK, sort=False)) > 1


def by_block(values: pd.Series) -> NDArray[np.float64]:
    """Arrange values as (B, S), blocks by seeds."""
    return values.unstack("seed").to_numpy(dtype=np.float64)  # noqa: PD010


def units(values: pd.DataFrame, are_blocks: bool) -> NDArray[np.float64]:
    """Compute the observations of tests: the mean of each block; the seeds of an only block.

    Seeds that all give the same result, as those of a closed form, are one observation.

    Args:
        values: a row for each replica, a column for each of k runs; without NaN.
        are_blocks: whether the comparison has several blocks, even if these values have only one.

    Returns:
        (N, k).
    """
    means = values.groupby(_BLOCK, sort=False).mean()
    if are_blocks:
        return means.to_numpy(dtype=np.float64)
    seeds = values.to_numpy(dtype=np.float64)
    return seeds[:1] if (seeds == seeds[:1]).all() else seeds


def ignores_its_seed(values: pd.Series) -> bool:
    """Return whether every seed gives the same result in each block, and there are several."""
    blocks = values.dropna().groupby(_BLOCK, sort=False)
    return bool((blocks.nunique() == 1).all() and (blocks.size() > 1).any())


def mean_forgetting(metrics: pd.DataFrame, score: str) -> dict[str, float]:
    """Compute each run's forgetting after the last task, a mean as `compare_runs` takes it.

    It is over the replicas that all runs have; runs without forgetting are left out. Metrics
    without such rows have that of their result matrices.
    """
    if not (metrics["metric"] == "forgetting").any():
        metrics = pd.concat([metrics, pd.DataFrame(_forgetting_rows(metrics, score))])
    try:
        values = values_of(metrics, score, "forgetting")
    except ValueError:  # of a single task
        return {}
    runs = [run for run in values.columns if values[run].notna().any()]
    paired = values[values[runs].notna().all(axis=1)]
    if paired.empty:
        return {}
    return {str(run): float(mean_of_blocks(by_block(paired[run]))) for run in runs}


def _forgetting_rows(metrics: pd.DataFrame, score: str) -> list[dict[str, object]]:
    if not metrics["metric"].str.startswith(OF_CLASS).any():  # then there are no matrices
        return []
    return [
        {
            **{"run": run.run, "dataset": run.dataset, "anomaly_class": run.anomaly_class},
            **{"seed": seed, "task": len(s), "score": score, "metric": "forgetting"},
            "value": forgetting(s),
        }
        for run in read_aurocs(metrics)
        for seed, s in zip(run.seeds, run.s.get(score, []), strict=False)
        if len(s) > 1 and not np.isnan(s).any()
    ]


def in_words(replicas: Iterable[tuple]) -> str:
    """Name the first few replicas, each (dataset, anomaly class, seed)."""
    names = [f"{dataset}, anomaly class {a}, seed {s}" for dataset, a, s in replicas]
    more = [f"{len(names) - _MOST_NAMED} more"] if len(names) > _MOST_NAMED else []
    return "; ".join([*names[:_MOST_NAMED], *more])
