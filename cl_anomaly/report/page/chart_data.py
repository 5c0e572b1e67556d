"""Data of the page's figures, a table for each."""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from cl_anomaly.core.labels import parted
from cl_anomaly.report.captions import classes_of_tasks
from cl_anomaly.report.page.content import Content, PageLine, Standing
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
    for member, _ in _with_results(content):
        if member.summary.empty:
            continue
        rows = member.summary[member.summary["metric"] == HEADLINE]
        low, high = _band(rows)
        panels = _names_of_panels(member, len(content.datasets) > 1)
        table = pd.DataFrame(
            {
                "run": member.line,
                "panel": rows["anomaly_class"].astype(str).map(panels),
                "score": rows["score"],
                "task": rows["task"].astype(int),
                "mean": rows["mean"].round(6),
                "low": low.round(4),
                "high": high.round(4),
            }
        )
        tables += _by_names_of_scores(content, member, table)
    return _joined(tables)


def _band(rows: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Return the ends of a band; NaN for one seed."""
    low, high = rows["mean"] - rows["sd"], rows["mean"] + rows["sd"]
    if "low" not in rows:
        return low, high
    is_mean = rows["anomaly_class"].astype(str) == MEAN
    return low.where(~is_mean, rows["low"]), high.where(~is_mean, rows["high"])


def _names_of_panels(member: PageLine, several_datasets: bool) -> dict[str, str]:
    """Name lines by their anomaly class, as the page's menus show it."""
    classes = member.results.anomaly_classes if member.results else ()
    before = f"{member.dataset}, " * several_datasets
    names = {str(label): f"{before}anomaly class {label}" for label in classes}
    return names | {MEAN: f"{before}{named_classes(classes)}"}


def result_matrices(content: Content) -> pd.DataFrame:
    """Return each run's result matrix: run, dataset, score, task, of, name, value, learnt.

    Means over the replicas; for several anomaly classes, means of their means.
    """
    tables = []
    for member, results in _with_results(content):
        table = _matrix_table(member, results, _mean_matrices(results.metrics))
        tables += _by_names_of_scores(content, member, table)
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
    for member, results in _with_results(content):
        rates = read_false_positive_rates(member.folders).rename(columns=names)
        if rates.empty:
            continue
        rates = rates[rates["score"] == results.score]
        means = rates.groupby(["target", "task", "of"], as_index=False)["value"].mean()
        targets = [f"{100 * float(rate):g} %" for rate in means["target"]]
        table = means.assign(target=targets, value=100 * means["value"])
        tables.append(_matrix_table(member, results, table))
    return _joined(tables)


def _matrix_table(member: PageLine, results: RunFolder, cells: pd.DataFrame) -> pd.DataFrame:
    """Complete cells of a matrix, which have task, of and value."""
    cells = cells.dropna(subset="value")
    ticks = _ticks(results.metrics)
    return cells.assign(
        run=member.line,
        dataset=member.dataset,
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
            {"run": row.member.line, "dataset": row.member.dataset}
            | {name: row.number(name) for name in numbers}
            for row in rows
        ]
    )
    table = table.dropna(subset="mean").dropna(subset=list(COST_DIGITS), how="all")
    return table.astype(dict.fromkeys(numbers, float)).round(
        dict.fromkeys(["mean", "low", "high"], 4) | COST_DIGITS
    )


def _with_results(content: Content) -> Iterator[tuple[PageLine, RunFolder]]:
    return ((member, member.results) for member in content.members if member.results is not None)


def _by_names_of_scores(
    content: Content, member: PageLine, table: pd.DataFrame
) -> list[pd.DataFrame]:
    """Return the rows of each score under each of its names in menus."""
    return [
        table[table["score"] == score].assign(score=name)
        for score, name in content.named_scores(member, table["score"].unique())
    ]


def _joined(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
