"""Data of the page's figures, a table for each."""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from cl_anomaly.core.labels import parted
from cl_anomaly.report.captions import classes_of_tasks
from cl_anomaly.report.page.content import Content, PageEntry, Standing
from cl_anomaly.report.run_names import named_classes
from cl_anomaly.results.run_folder import RunFolder
from cl_anomaly.statistics.aurocs import HEADLINE, OF_CLASS
from cl_anomaly.statistics.summary import MEAN
from cl_anomaly.store.metrics import read_false_positive_rates

COST_DIGITS = {"seconds": 2, "operations": 0, "steps": 0, "bytes": 0}
"""Digits after the point, by the name of a cost."""


def as_columns(table: pd.DataFrame) -> dict[str, list[Any]]:
    """Return lists of Python's own values by column; None where a number is missing."""
    return table.astype(object).where(table.notna(), None).to_dict("list")  # type: ignore[arg-type]


def aurocs_after_tasks(content: Content) -> pd.DataFrame:
    """Return each run's headline AUROC: run, panel, score, task, mean, low, high.

    `low` and `high` are one standard deviation over the seeds from the mean; for several anomaly
    classes, the ends of the mean's 95 % t-interval.
    """
    tables = []
    for entry, _ in _with_results(content):
        if entry.summary.empty:
            continue
        rows = entry.summary[entry.summary["metric"] == HEADLINE]
        low, high = _band(rows)
        panels = _names_of_panels(entry, len(content.datasets) > 1)
        table = pd.DataFrame(
            {
                "run": entry.line,
                "panel": rows["anomaly_class"].astype(str).map(panels),
                "score": rows["score"],
                "task": rows["task"].astype(int),
                "mean": rows["mean"].round(6),
                "low": low.round(4),
                "high": high.round(4),
            }
        )
        tables += _by_names_of_scores(content, entry, table)
    return _joined(tables)


def _band(rows: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Return the ends of a band; NaN for one seed."""
    low, high = rows["mean"] - rows["sd"], rows["mean"] + rows["sd"]
    if "low" not in rows:
        return low, high
    is_mean = rows["anomaly_class"].astype(str) == MEAN
    return low.where(~is_mean, rows["low"]), high.where(~is_mean, rows["high"])


def _names_of_panels(entry: PageEntry, several_datasets: bool) -> dict[str, str]:
    """Name lines by their anomaly class, as the page's menus show it."""
    classes = entry.results.anomaly_classes if entry.results else ()
    before = f"{entry.dataset}, " * several_datasets
    names = {str(label): f"{before}anomaly class {label}" for label in classes}
    return names | {MEAN: f"{before}{named_classes(classes)}"}


def result_matrices(content: Content) -> pd.DataFrame:
    """Return each run's result matrix: run, dataset, score, task, of, name, value, learnt.

    Means over the replicas; for several anomaly classes, means of their means.
    """
    tables = []
    for entry, results in _with_results(content):
        table = _matrix_table(entry, results, _mean_matrices(results.metrics))
        tables += _by_names_of_scores(content, entry, table)
    return _joined(tables)


def _mean_matrices(metrics: pd.DataFrame) -> Any:
    """Return the mean result matrix of each score: score, task, of, value."""
    replica = ["anomaly_class", "seed"]
    arrived = metrics.loc[metrics["task"] > 0, [*replica, "task", "classes"]].drop_duplicates()
    classes = [[f"{OF_CLASS}{label}" for label in parted(text)] for text in arrived["classes"]]
    tasks = (
        arrived[[*replica, "task"]]
        .rename(columns={"task": "of"})
        .assign(metric=pd.Series(classes, dtype=object, index=arrived.index))
    )
    rows = metrics.merge(tasks.explode("metric"), on=[*replica, "metric"])
    for of_what in (replica, ["anomaly_class"], []):
        keys = ["score", *of_what, "task", "of"]
        rows = rows.groupby(keys, sort=False, as_index=False)["value"].mean()
    return rows


def false_positive_rates(content: Content) -> pd.DataFrame:
    """Return realised rates in per cent: run, dataset, target, task, of, name, value, learnt.

    Means over the replicas by each run's shown score, for runs with thresholds.
    """
    tables = []
    names = {"target_fpr": "target", "of_task": "of", "false_positive_rate": "value"}
    for entry, results in _with_results(content):
        rates = read_false_positive_rates(entry.folders).rename(columns=names)
        if rates.empty:
            continue
        rates = rates[rates["score"] == results.score]
        means = rates.groupby(["target", "task", "of"], as_index=False)["value"].mean()
        targets = [f"{100 * float(rate):g} %" for rate in means["target"]]
        table = means.assign(target=targets, value=100 * means["value"])
        tables.append(_matrix_table(entry, results, table))
    return _joined(tables)


def _matrix_table(entry: PageEntry, results: RunFolder, cells: pd.DataFrame) -> pd.DataFrame:
    """Complete cells of a matrix, which have task, of and value."""
    cells = cells.dropna(subset="value")
    ticks = _ticks(results.metrics)
    return cells.assign(
        run=entry.line,
        dataset=entry.dataset,
        name=[ticks.get(task, str(task)) for task in cells["of"]],
        value=cells["value"].round(3),
        learnt=(cells["of"] <= cells["task"]).astype(int),
    )


def _ticks(metrics: pd.DataFrame) -> dict[int, str]:
    """Name tasks by their numbers, and by their classes if these differ."""
    names = classes_of_tasks(metrics)
    return {task: f"{task}: {classes}" for task, classes in names.items() if classes != str(task)}


def cost_and_quality(rows: Sequence[Standing]) -> pd.DataFrame:
    """Return what each run with results cost: run, dataset, mean, low, high, and its costs."""
    numbers = ["mean", "low", "high", *COST_DIGITS]
    table = pd.DataFrame(
        [
            {"run": row.entry.line, "dataset": row.entry.dataset}
            | {name: row.number(name) for name in numbers}
            for row in rows
        ]
    )
    table = table.dropna(subset="mean").dropna(subset=list(COST_DIGITS), how="all")
    return table.astype(dict.fromkeys(numbers, float)).round(
        dict.fromkeys(["mean", "low", "high"], 4) | COST_DIGITS
    )


def _with_results(content: Content) -> Iterator[tuple[PageEntry, RunFolder]]:
    return ((entry, entry.results) for entry in content.entries if entry.results is not None)


def _by_names_of_scores(
    content: Content, entry: PageEntry, table: pd.DataFrame
) -> list[pd.DataFrame]:
    """Return the rows of each score under each of its names in menus."""
    return [
        table[table["score"] == score].assign(score=name)
        for score, name in content.named_scores(entry, table["score"].unique())
    ]


def _joined(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
