"""The numbers of the page's figures, in columns: each is a list of equal length."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cl_anomaly.errors import InputError
from cl_anomaly.evaluation.aurocs import HEADLINE, OF_CLASS
from cl_anomaly.evaluation.statistics import MEAN
from cl_anomaly.labels import parted
from cl_anomaly.report.captions import classes_of_tasks
from cl_anomaly.report.labels import named_classes
from cl_anomaly.report.page.content import Content, Member
from cl_anomaly.report.page.numbers import is_known, rounded
from cl_anomaly.report.page.standings import Standing

Columns = dict[str, list[Any]]


def aurocs_after_tasks(content: Content) -> Columns:
    """Give each run's headline AUROC: run, panel, score, task, mean, low, high, replicas.

    `low` and `high` are a standard deviation over the seeds from the mean; of several anomaly
    classes the 95 % t-interval of their means.
    """
    columns, several = Columns(), len(content.datasets) > 1
    for member in content.with_results:
        if member.summary.empty:
            continue
        panels = _names_of_panels(member, several)
        rows = member.summary[member.summary["metric"] == HEADLINE]
        for score, name in content.named_scores(member, rows["score"].unique()):
            for row in rows[rows["score"] == score].to_dict("records"):
                low, high = _spread(row)
                _add(
                    columns,
                    run=member.line,
                    panel=panels[str(row["anomaly_class"])],
                    score=name,
                    task=int(row["task"]),
                    mean=rounded(row["mean"], 6),
                    low=rounded(low),
                    high=rounded(high),
                    replicas=int(row["seeds"]),
                )
    return columns


def _spread(row: Mapping[Hashable, Any]) -> tuple[Any, Any]:
    """Give the ends of a band."""
    if str(row["anomaly_class"]) == MEAN:
        return row["low"], row["high"]
    return row["mean"] - row["sd"], row["mean"] + row["sd"]  # NaN of one seed


def _names_of_panels(member: Member, several_datasets: bool) -> dict[str, str]:
    """Name what a line is of, by its anomaly class, as the page's menus show it."""
    classes = member.results.anomaly_classes if member.results else ()
    before = f"{member.dataset}, " * several_datasets
    names = {str(label): f"{before}anomaly class {label}" for label in classes}
    return names | {MEAN: f"{before}{named_classes(classes)}"}


def result_matrices(content: Content) -> Columns:
    """Give each run's result matrix: run, dataset, score, task, of, name, value, learnt.

    It is the mean over the replicas; of several anomaly classes the mean of their means.
    """
    columns = Columns()
    for member in content.with_results:
        metrics = member.results.metrics  # type: ignore[union-attr]
        ticks, matrices = _ticks(metrics), _mean_matrices(metrics)
        for score, name in content.named_scores(member, matrices):
            key = {"run": member.line, "dataset": member.dataset, "score": name}
            _add_matrix(columns, matrices[score], ticks, key)
    return columns


def _mean_matrices(metrics: pd.DataFrame) -> dict[str, NDArray[np.float64]]:
    """Give the mean of the result matrices by score, (N, N); all at once, as a page has many."""
    replica = ["anomaly_class", "seed"]
    own = metrics[metrics["metric"].str.startswith(OF_CLASS)]
    own = own.assign(label=own["metric"].str.removeprefix(OF_CLASS))
    arrived = metrics[metrics["task"] > 0].drop_duplicates([*replica, "task"])
    arrived = arrived[[*replica, "task", "classes"]].rename(columns={"task": "of"})
    arrived = arrived.assign(label=arrived["classes"].map(parted)).explode("label")
    both = own.merge(arrived[[*replica, "of", "label"]], on=[*replica, "label"])
    keys = ["score", "task", "of"]
    for by in ([*replica, *keys], ["anomaly_class", *keys], keys):
        both = both.groupby(by, sort=False, as_index=False)["value"].mean()
    found = {}
    for score, rows in both.groupby("score", sort=False):
        tasks = int(rows[["task", "of"]].to_numpy().max())
        matrix = np.full((tasks, tasks), np.nan)
        matrix[rows["task"] - 1, rows["of"] - 1] = rows["value"]
        found[str(score)] = matrix
    return found


def false_positive_rates(content: Content) -> Columns:
    """Give realised false-positive rates in per cent: run, dataset, target, task, of, name, value.

    They are of each run's shown score, and means over the replicas. Runs without thresholds are
    left out.
    """
    columns = Columns()
    for member in content.with_results:
        results, rates = member.results, _rates_of(member)
        if results is None or rates is None:
            continue
        ticks = _ticks(results.metrics)
        for target, own in rates.groupby("target_fpr"):
            matrix = _mean_rates(own)
            name = f"{100 * float(str(target)):g} %"
            key = {"run": member.line, "dataset": member.dataset, "target": name}
            _add_matrix(columns, 100 * matrix, ticks, key)
    return columns


def _rates_of(member: Member) -> pd.DataFrame | None:
    run = member.recorded
    try:
        return None if run is None else _by_score(run.false_positive_rates, run.results.score)
    except InputError:
        return None


def _by_score(table: pd.DataFrame, score: str) -> pd.DataFrame:
    return table[table["score"] == score]


def _mean_rates(rates: pd.DataFrame) -> NDArray[np.float64]:
    tasks = int(rates["task"].max())
    matrix = np.full((tasks, tasks), np.nan)
    means = rates.groupby(["task", "of_task"])["false_positive_rate"].mean()
    for (task, of_task), value in means.items():  # type: ignore[misc]
        matrix[int(task) - 1, int(of_task) - 1] = value
    return matrix


def _add_matrix(
    columns: Columns, matrix: NDArray[np.float64], ticks: dict[int, str], key: Mapping[str, str]
) -> None:
    for (row, column), value in np.ndenumerate(matrix):
        if is_known(float(value)):
            task, of_task = row + 1, column + 1
            is_learnt = of_task <= task
            name = ticks.get(of_task, str(of_task))
            _add(
                columns,
                **key,
                task=task,
                of=of_task,
                name=name,
                value=rounded(value, 3),
                learnt=int(is_learnt),
            )


def _ticks(metrics: pd.DataFrame) -> dict[int, str]:
    """Name tasks by their numbers, with their classes where these say something else."""
    classes = classes_of_tasks(metrics)
    return {task: f"{task}: {own}" for task, own in classes.items() if own != str(task)}


def cost_and_quality(rows: Sequence[Standing]) -> Columns:
    """Give what each run with results cost: run, mean, low, high, seconds, operations, kept."""
    columns = Columns()
    for row in rows:
        if row.mean is not None and (row.seconds is not None or row.kept is not None):
            _add(
                columns,
                run=row.member.line,
                dataset=row.member.dataset,
                mean=rounded(row.mean),
                low=rounded(row.low),
                high=rounded(row.high),
                seconds=rounded(row.seconds, 2),
                operations=rounded(row.operations, 0),
                kept=rounded(row.kept, 0),
            )
    return columns


def _add(columns: Columns, **values: Any) -> None:
    for name, value in values.items():
        columns.setdefault(name, []).append(value)
