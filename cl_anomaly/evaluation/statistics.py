"""The numbers of a comparison: means and standard deviations over seeds and anomaly classes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from cl_anomaly.evaluation.metrics import average, backward_transfer, forgetting, gap_closed
from cl_anomaly.labels import Label, parted
from cl_anomaly.scenarios.base import Replica

MEAN = "mean"
"""Stands in the place of the anomaly class, where a row is of several."""

_KEYS = ["run", "strategy", "dataset", "anomaly_class", "score"]
_TRANSFER = {
    "average": average,
    "backward_transfer": backward_transfer,
    "forgetting": forgetting,
}


@dataclass(frozen=True, eq=False)
class Aurocs:
    """AUROCs of a run's R replicas of one anomaly class, after each of N tasks.

    Attributes:
        run: what the run is called.
        strategy: what its strategy is called in results.
        dataset: its name.
        anomaly_class: of the replicas.
        seeds: R of them.
        headline: by score, (R, N), after each task; NaN from where a replica failed.
        s: by score, (R, N, N), each replica's result matrix.
    """

    run: str
    strategy: str
    dataset: str
    anomaly_class: Label
    seeds: Sequence[int]
    headline: Mapping[str, NDArray[np.float64]]
    s: Mapping[str, NDArray[np.float64]]


def aurocs_by_class(
    strategy: str,
    dataset: str,
    replicas: Sequence[Replica],
    headline: Mapping[str, NDArray[np.float64]],
    s: Mapping[str, NDArray[np.float64]],
) -> list[Aurocs]:
    """Part a run's AUROCs by its anomaly classes; tasks that no replica came to are left out.

    Args:
        strategy: what it is called in results, which names the run, too.
        dataset: its name.
        replicas: R of them.
        headline: by score, (R, N).
        s: by score, (R, N, N).
    """
    reached = max(int((~np.isnan(values)).any(0).sum()) for values in headline.values())
    found = []
    for anomaly_class in dict.fromkeys(replica.anomaly_class for replica in replicas):
        own = [p for p, replica in enumerate(replicas) if replica.anomaly_class == anomaly_class]
        found.append(
            Aurocs(
                strategy,
                strategy,
                dataset,
                anomaly_class,
                [replicas[place].seed for place in own],
                {name: values[own, :reached] for name, values in headline.items()},
                {name: values[own, :reached, :reached] for name, values in s.items()},
            )
        )
    return found


def read_aurocs(metrics: pd.DataFrame) -> list[Aurocs]:
    """Read runs' AUROCs back from their metrics.

    Args:
        metrics: in tidy form, with a column `run`.
    """
    tasks, found = metrics.groupby("run")["task"].max().to_dict(), []
    keys = ["run", "strategy", "dataset", "anomaly_class"]
    for _, rows in metrics.groupby(keys, sort=False):
        key = [rows[name].tolist()[0] for name in keys]
        seeds, count = rows["seed"].unique().tolist(), int(tasks[key[0]])
        headline, s = {}, {}
        for score, own in rows.groupby("score", sort=False):
            headline[score] = np.full((len(seeds), count), np.nan)
            s[score] = np.full((len(seeds), count, count), np.nan)
            for seed, replica in own.groupby("seed", sort=False):
                place, seen = seeds.index(seed), replica[replica["metric"] == "auroc_seen"]
                headline[score][place, seen["task"].to_numpy() - 1] = seen["value"]
                matrix = result_matrix(replica)
                s[score][place, : len(matrix), : len(matrix)] = matrix
        found.append(Aurocs(*key, seeds=seeds, headline=headline, s=s))
    return found


def result_matrix(metrics: pd.DataFrame) -> NDArray[np.float64]:
    """Read the result matrix of one run, seed and score back from its metrics.

    Args:
        metrics: its rows.

    Returns:
        (N, N), S[i, j]: AUROC after task i against the normal class of task j. For a task of
        several classes, the mean over them.
    """
    by_class = metrics.pivot(index="task", columns="metric", values="value")
    tasks = metrics.drop_duplicates("task").sort_values("task")["classes"]
    columns = [
        by_class[[f"auroc_class_{label}" for label in parted(str(classes))]].mean(axis=1)
        for classes in tasks
    ]
    return np.column_stack(columns)


def summarise(runs: Sequence[Aurocs]) -> pd.DataFrame:
    """Summarise runs over their seeds, and over their anomaly classes where they have several.

    Returns:
        Columns run, strategy, dataset, anomaly_class, score, task, metric, mean, sd (of a sample;
        empty for one seed) and seeds (how many: where a replica failed, fewer from then on).
        `metric` is `auroc_seen` after every task; after the last also `average`,
        `backward_transfer` and `forgetting` of the result matrix, and `gap_closed`, the share of
        the way between the mean headline AUROC of a run with the strategy `lower` and one with
        `upper`, where there are both.

        A run of several anomaly classes has rows in which anomaly_class is "mean", too: mean and sd
        of the classes' means. Its table has three columns more: anomaly_classes, which these are,
        and low and high, the mean's 95 % interval over them (Student's t).
    """
    rows = [row for own in runs for row in _headline_rows(own)]
    rows += [row for own in runs for row in _transfer_rows(own)]
    values = pd.DataFrame(rows, columns=[*_KEYS, "task", "metric", "value"])
    table = values.groupby([*_KEYS, "task", "metric"], sort=False)["value"].agg(
        ["mean", "std", "size"]
    )
    table = table.reset_index().rename(columns={"std": "sd", "size": "seeds"})
    if len(means := _means_over_classes(table)):
        table = pd.concat([table.astype({"anomaly_class": object}), means], ignore_index=True)
    return pd.concat([table, _gaps(table)], ignore_index=True)


def t_interval(values: ArrayLike) -> float:
    """Half the width of the 95 % interval of a mean, by Student's t; NaN for one value.

    Args:
        values: (n,).
    """
    sample = np.asarray(values, dtype=np.float64)
    if len(sample) < 2:
        return float("nan")
    return float(stdtrit(len(sample) - 1, 0.975) * sample.std(ddof=1) / np.sqrt(len(sample)))


def _headline_rows(own: Aurocs) -> Iterator[tuple]:
    first = next(iter(own.headline.values()))
    for task in range(first.shape[1]):
        for score, values in own.headline.items():
            for value in values[:, task][~np.isnan(values[:, task])]:
                yield (*_key(own, score), task + 1, "auroc_seen", value)


def _transfer_rows(own: Aurocs) -> Iterator[tuple]:
    for score, matrices in own.s.items():
        for name, function in _TRANSFER.items():
            for matrix in matrices:
                if not np.isnan(matrix).any():  # as of a replica that failed
                    yield (*_key(own, score), len(matrix), name, function(matrix))


def _key(own: Aurocs, score: str) -> tuple:
    return own.run, own.strategy, own.dataset, own.anomaly_class, score


def _means_over_classes(table: pd.DataFrame) -> pd.DataFrame:
    rows, keys = [], ["run", "strategy", "dataset"]
    for _, own in table.groupby(keys, sort=False):
        if own["anomaly_class"].nunique() < 2:
            continue
        for _, each in own.groupby(["score", "task", "metric"], sort=False):
            mean, margin = each["mean"].mean(), t_interval(each["mean"])
            row = each.iloc[0].to_dict() | {"anomaly_class": MEAN, "mean": mean}
            row |= {"sd": each["mean"].std(), "seeds": each["seeds"].sum()}
            row["anomaly_classes"] = " ".join(map(str, each["anomaly_class"]))
            rows.append(row | {"low": mean - margin, "high": mean + margin})
    return pd.DataFrame(rows)


def _gaps(table: pd.DataFrame) -> pd.DataFrame:
    seen = table[table["metric"] == "auroc_seen"]
    last = seen[seen["task"] == seen.groupby("run")["task"].transform("max")]
    gaps, keys = [], ["dataset", "anomaly_class", "score", "task"]
    if "anomaly_classes" in table:
        keys.append("anomaly_classes")
    # Bounds are those of the same scenario, after as many tasks.
    for _, group in last.groupby(keys, sort=False, dropna=False):
        means = group.groupby("strategy")["mean"].mean()
        if {"lower", "upper"} <= set(means.index):
            closed = [gap_closed(m, means["lower"], means["upper"]) for m in group["mean"]]
            none = {name: np.nan for name in ("sd", "low", "high") if name in group}
            gaps.append(group.assign(metric="gap_closed", mean=closed, **none))
    return pd.concat(gaps) if gaps else table.iloc[:0]
