"""The numbers of a comparison: means and standard deviations over seeds and anomaly classes."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cl_anomaly.statistics.aurocs import HEADLINE, Aurocs, Measures
from cl_anomaly.statistics.bounds import Kind, bounds_of, gaps_closed
from cl_anomaly.statistics.transfer import transfer_of

MEAN = "mean"
"""The anomaly class of rows that are over several."""

_KEYS = ["run", "strategy", "dataset", "anomaly_class", "score"]


def summarise(
    runs: Sequence[Aurocs], kinds: Mapping[tuple[str, str], Kind] | None = None
) -> pd.DataFrame:
    """Summarise runs over their seeds, and over their anomaly classes if there are several.

    Args:
        runs: of one anomaly class each.
        kinds: by run and dataset, as `kind_of` gives them: what its bounds share with it. Default:
            no run has bounds.

    Returns:
        Columns run, strategy, dataset, anomaly_class, score, task, metric, mean, sd (of a sample;
        empty for one seed) and seeds (how many: where a replica failed, fewer from then on).
        `metric` is `auroc_seen` after every task, and what else was measured of the tasks so far;
        after the last also what `transfer_of` gives of the result matrix, and `gap_closed` of the
        means of `auroc_seen`, where a run has both bounds (see `statistics.bounds`).

        A run of several anomaly classes has rows in which anomaly_class is "mean", too: mean and sd
        of the classes' means. Its table has three columns more: anomaly_classes, which these are,
        and low and high, the mean's 95 % interval over them (Student's t).
    """
    rows = [row for run in runs for row in _rows_after_tasks(run, {HEADLINE: run.headline})]
    rows += [row for run in runs for row in _transfer_rows(run)]
    rows += [row for run in runs for row in _rows_after_tasks(run, run.seen)]
    values = pd.DataFrame(rows, columns=[*_KEYS, "task", "metric", "value"])
    table = values.groupby([*_KEYS, "task", "metric"], sort=False)["value"].agg(
        ["mean", "std", "size"]
    )
    table = table.reset_index().rename(columns={"std": "sd", "size": "seeds"})
    if len(means := _means_over_classes(table)):
        table = pd.concat([table.astype({"anomaly_class": object}), means], ignore_index=True)
    return pd.concat([table, _gaps(table, kinds or {})], ignore_index=True)


def t_interval(values: ArrayLike) -> float:
    """Compute half the width of the mean's 95 % interval, by Student's t; NaN for one value."""
    sample = np.asarray(values, dtype=np.float64)
    if len(sample) < 2:
        return float("nan")
    # Only here: to import it takes a page longer than to read its numbers.
    from scipy.special import stdtrit

    return float(stdtrit(len(sample) - 1, 0.975) * sample.std(ddof=1) / np.sqrt(len(sample)))


def _rows_after_tasks(run: Aurocs, measures: Measures) -> Iterator[tuple]:
    for task in range(next(iter(run.headline.values())).shape[1]):
        for metric, by_score in measures.items():
            for score, values in by_score.items():
                for value in values[:, task][~np.isnan(values[:, task])]:
                    yield (*_key(run, score), task + 1, metric, value)


def _transfer_rows(run: Aurocs) -> Iterator[tuple]:
    for score, matrices in run.s.items():
        before = run.untrained.get(score)
        # The matrix of a replica that failed is not whole.
        transfers = [
            transfer_of(matrix, None if before is None else before[place])
            for place, matrix in enumerate(matrices)
            if not np.isnan(matrix).any()
        ]
        for name in dict.fromkeys(name for values in transfers for name in values):
            for values in transfers:
                if name in values:
                    yield (*_key(run, score), matrices.shape[1], name, values[name])


def _key(run: Aurocs, score: str) -> tuple:
    return run.run, run.strategy, run.dataset, run.anomaly_class, score


def _means_over_classes(table: pd.DataFrame) -> pd.DataFrame:
    rows, keys = [], ["run", "strategy", "dataset"]
    for _, run in table.groupby(keys, sort=False):
        if run["anomaly_class"].nunique() < 2:
            continue
        for _, classes in run.groupby(["score", "task", "metric"], sort=False):
            mean, margin = classes["mean"].mean(), t_interval(classes["mean"])
            row = classes.iloc[0].to_dict() | {"anomaly_class": MEAN, "mean": mean}
            row |= {"sd": classes["mean"].std(), "seeds": classes["seeds"].sum()}
            row["anomaly_classes"] = " ".join(map(str, classes["anomaly_class"]))
            rows.append(row | {"low": mean - margin, "high": mean + margin})
    return pd.DataFrame(rows)


def _gaps(table: pd.DataFrame, kinds: Mapping[tuple[str, str], Kind]) -> pd.DataFrame:
    seen = table[table["metric"] == HEADLINE]
    last = seen[seen["task"] == seen.groupby(["run", "dataset"])["task"].transform("max")]
    gaps, keys = [], ["dataset", "anomaly_class", "score", "task"]
    if "anomaly_classes" in table:
        keys.append("anomaly_classes")
    # Bounds are those of the same scenario, after as many tasks.
    for _, group in last.groupby(keys, sort=False, dropna=False):
        means = dict(zip(group["run"].astype(str), group["mean"], strict=True))
        dataset = str(group["dataset"].iloc[0])
        of_group = {run: kinds[run, dataset] for run in means if (run, dataset) in kinds}
        has_bounds = group[group["run"].isin(bounds_of(of_group))]
        none = {name: np.nan for name in ("sd", "low", "high") if name in group}
        closed = has_bounds["run"].map(gaps_closed(means, of_group))
        gaps.append(has_bounds.assign(metric="gap_closed", mean=closed, **none))
    rows = [gap for gap in gaps if len(gap)]
    return pd.concat(rows) if rows else table.iloc[:0]
