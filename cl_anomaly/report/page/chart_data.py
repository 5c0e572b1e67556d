"""The numbers of the page's figures, in columns: each is a list of equal length."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cl_anomaly.core.labels import parted
from cl_anomaly.report.captions import classes_of_tasks
from cl_anomaly.report.page.content import Content, Member
from cl_anomaly.report.page.numbers import is_known, rounded
from cl_anomaly.report.page.ranking import Standing
from cl_anomaly.report.run_names import named_classes
from cl_anomaly.statistics.aurocs import HEADLINE, OF_CLASS
from cl_anomaly.statistics.intervals import mean_of_numbers
from cl_anomaly.statistics.summary import MEAN
from cl_anomaly.store.metrics import read_false_positive_rates

Columns = dict[str, list[Any]]


def aurocs_after_tasks(content: Content) -> Columns:
    """Return each run's headline AUROC: run, panel, score, task, mean, low, high, replicas.

    `low` and `high` are a standard deviation over the seeds from the mean; of several anomaly
    classes the 95 % t-interval of their means.
    """
    columns, several = Columns(), len(content.datasets) > 1
    for member in content.with_results:
        if member.summary.empty:
            continue
        panels = _names_of_panels(member, several)
        rows = member.summary[member.summary["metric"] == HEADLINE]
        low, high = _spread(rows)
        values = {
            "panel": [panels[label] for label in rows["anomaly_class"].astype(str)],
            "task": rows["task"].astype(int).tolist(),
            "mean": [rounded(value, 6) for value in rows["mean"]],
            "low": [rounded(value) for value in low],
            "high": [rounded(value) for value in high],
            "replicas": rows["seeds"].astype(int).tolist(),
        }
        scores = rows["score"].tolist()
        for score, name in content.named_scores(member, dict.fromkeys(scores)):
            own = [place for place, found in enumerate(scores) if found == score]
            _extend(columns, run=[member.line] * len(own), score=[name] * len(own))
            _extend(columns, **{key: [all_of[n] for n in own] for key, all_of in values.items()})
    return columns


def _spread(rows: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Return the ends of a band; NaN of one seed."""
    low, high = rows["mean"] - rows["sd"], rows["mean"] + rows["sd"]
    if "low" not in rows:
        return low, high
    is_mean = rows["anomaly_class"].astype(str) == MEAN
    return low.where(~is_mean, rows["low"]), high.where(~is_mean, rows["high"])


def _names_of_panels(member: Member, several_datasets: bool) -> dict[str, str]:
    """Name what a line is of, by its anomaly class, as the page's menus show it."""
    classes = member.results.anomaly_classes if member.results else ()
    before = f"{member.dataset}, " * several_datasets
    names = {str(label): f"{before}anomaly class {label}" for label in classes}
    return names | {MEAN: f"{before}{named_classes(classes)}"}


def result_matrices(content: Content) -> Columns:
    """Return each run's result matrix: run, dataset, score, task, of, name, value, learnt.

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
    """Return the mean of the result matrices by score, (N, N); all at once, as a page has many."""
    of_classes = [own for own in metrics["metric"].unique() if own.startswith(OF_CLASS)]
    own = metrics[metrics["metric"].isin(of_classes)]
    codes, names = {}, {}
    for column in ("score", "anomaly_class", "seed", "metric"):
        codes[column], names[column] = pd.factorize(own[column])
    after, of = own["task"].to_numpy(dtype=np.int64), _tasks_of_classes(metrics, codes, names)
    tasks = int(max(after.max(initial=0), of.max(initial=0)))
    counts = [len(names[column]) for column in ("score", "anomaly_class", "seed")]
    # Column 0 is of classes that never arrive.
    sums, numbers = np.zeros((2, *counts, tasks, tasks + 1))
    places = codes["score"], codes["anomaly_class"], codes["seed"], after - 1, of
    for total, values in ((sums, own["value"].to_numpy()), (numbers, 1.0)):
        np.add.at(total, places, values)
    matrices = np.divide(sums, numbers, out=np.full_like(sums, np.nan), where=numbers > 0)
    by_class = mean_of_numbers(matrices, axis=2)
    by_score = mean_of_numbers(by_class, axis=1)[..., 1:]
    return dict(zip(map(str, names["score"]), by_score, strict=True))


def _tasks_of_classes(
    metrics: pd.DataFrame, codes: Mapping[str, NDArray[Any]], names: Mapping[str, pd.Index]
) -> NDArray[np.int64]:
    """Describe with which task the class of each row arrives, (rows,); 0 where it does not.

    Args:
        metrics: of all replicas.
        codes: of the rows, by column.
        names: that the codes are of, by column.
    """
    columns = "anomaly_class", "seed", "metric"
    place_of = [{name: place for place, name in enumerate(names[own])} for own in columns]
    found = np.zeros([len(own) for own in place_of], dtype=np.int64)
    arrived = metrics[metrics["task"] > 0].drop_duplicates(["anomaly_class", "seed", "task"])
    known = [arrived[name].tolist() for name in ("anomaly_class", "seed", "classes", "task")]
    labels = {text: parted(text) for text in set(known[2])}
    for anomaly_class, seed, classes, task in zip(*known, strict=True):
        for label in labels[classes]:
            keys = anomaly_class, seed, f"{OF_CLASS}{label}"
            if all(key in own for key, own in zip(keys, place_of, strict=True)):
                place = [own[key] for key, own in zip(keys, place_of, strict=True)]
                found[tuple(place)] = task
    return found[tuple(codes[name] for name in columns)]


def false_positive_rates(content: Content) -> Columns:
    """Get realised false-positive rates in per cent: run, dataset, target, task, of, name, value.

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
    rates = read_false_positive_rates(member.folders)
    if member.results is None or rates.empty:
        return None
    return rates[rates["score"] == member.results.score]


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
    """Return what each run with results cost: run, dataset, mean, low, high, and COSTS."""
    columns = Columns()
    for row in rows:
        costs = {name: rounded(row.number(name), digits) for name, digits in _COSTS.items()}
        if row.number("mean") is not None and any(own is not None for own in costs.values()):
            _add(
                columns,
                run=row.member.line,
                dataset=row.member.dataset,
                **{name: rounded(row.number(name)) for name in ("mean", "low", "high")},
                **costs,
            )
    return columns


_COSTS = {"seconds": 2, "operations": 0, "steps": 0, "bytes": 0}
"""Digits after the point, by the name of a cost."""


def _add(columns: Columns, **values: Any) -> None:
    _extend(columns, **{name: [value] for name, value in values.items()})


def _extend(columns: Columns, **values: list[Any]) -> None:
    for name, own in values.items():
        columns.setdefault(name, []).extend(own)
