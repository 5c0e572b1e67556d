"""The numbers of a comparison: mean and standard deviation over the seeds."""

import numpy as np
import pandas as pd

from cl_anomaly.evaluation.metrics import average, backward_transfer, forgetting, gap_closed

_KEYS = ["run", "strategy", "dataset", "anomaly_class", "score"]
_TRANSFER = {
    "average": average,
    "backward_transfer": backward_transfer,
    "forgetting": forgetting,
}


def summarise(metrics: pd.DataFrame) -> pd.DataFrame:
    """Summarise runs over their seeds.

    Args:
        metrics: in tidy form, with a column `run`.

    Returns:
        Columns run, strategy, dataset, anomaly_class, score, task, metric, mean, sd (of a sample;
        empty for one seed) and seeds (how many: where a replica failed, fewer from then on).
        `metric` is `auroc_seen` after every task; after the last also `average`,
        `backward_transfer` and `forgetting` of the result matrix, and
        `gap_closed`, the share of the way between the mean headline AUROC of a run with the
        strategy `lower` and one with `upper`, where there are both.
    """
    seen = metrics[metrics["metric"] == "auroc_seen"]
    values = pd.concat([seen[[*_KEYS, "task", "metric", "seed", "value"]], _transfer(metrics)])
    table = values.groupby([*_KEYS, "task", "metric"], sort=False)["value"].agg(
        ["mean", "std", "size"]
    )
    table = table.reset_index().rename(columns={"std": "sd", "size": "seeds"})
    return pd.concat([table, _gaps(table)], ignore_index=True)


def result_matrix(metrics: pd.DataFrame) -> np.ndarray:
    """Build the result matrix of one run, seed and score.

    Args:
        metrics: its rows.

    Returns:
        (N, N), S[i, j]: AUROC after task i against the normal class of task j. For a task of
        several classes, the mean over them.
    """
    by_class = metrics.pivot(index="task", columns="metric", values="value")
    tasks = metrics.drop_duplicates("task").sort_values("task")["classes"]
    columns = [
        by_class[[f"auroc_class_{label}" for label in str(classes).split()]].mean(axis=1)
        for classes in tasks
    ]
    return np.column_stack(columns)


def _transfer(metrics: pd.DataFrame) -> pd.DataFrame:
    rows = []
    tasks = metrics.groupby("run")["task"].max().to_dict()
    for key, group in metrics.groupby([*_KEYS, "seed"], sort=False):
        matrix = result_matrix(group)
        if len(matrix) < tasks[key[0]]:
            continue  # a replica that failed
        for name, function in _TRANSFER.items():
            rows.append((*key[:-1], len(matrix), name, key[-1], function(matrix)))
    return pd.DataFrame(rows, columns=[*_KEYS, "task", "metric", "seed", "value"])


def _gaps(table: pd.DataFrame) -> pd.DataFrame:
    seen = table[table["metric"] == "auroc_seen"]
    last = seen[seen["task"] == seen.groupby("run")["task"].transform("max")]
    gaps = []
    # Bounds are those of the same scenario, after as many tasks.
    for _, group in last.groupby(["dataset", "anomaly_class", "score", "task"], sort=False):
        means = group.groupby("strategy")["mean"].mean()
        if {"lower", "upper"} <= set(means.index):
            closed = [gap_closed(m, means["lower"], means["upper"]) for m in group["mean"]]
            gaps.append(group.assign(metric="gap_closed", mean=closed, sd=np.nan))
    return pd.concat(gaps) if gaps else table.iloc[:0]
