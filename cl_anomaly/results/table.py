"""The one table of several runs, which all output formats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cl_anomaly.results.run_folder import RunFolder
from cl_anomaly.store.status import COSTS

if TYPE_CHECKING:
    import pandas as pd

    from cl_anomaly.statistics.bounds import Kind
    from cl_anomaly.statistics.comparison import Comparison

COLUMNS = (
    *("run", "dataset", "score", "mean", "sd", "low", "high", "iqm", "iqm_low", "iqm_high"),
    *("rank", "gap_closed", "forgetting", "not_different_from", "is_best"),
    *("replicas", "missing", *COSTS),
)
ALL = "all"
"""Stands for the dataset in rows of several."""


def part_of_table(
    dataset: str,
    compared: Comparison | None,
    shown: pd.DataFrame,
    runs: Sequence[RunFolder],
    costs: pd.DataFrame,
) -> pd.DataFrame:
    """Make the rows of a dataset, or of ALL: the best mean first, missing results last.

    Args:
        dataset: its name, or ALL.
        compared: the runs with results; None if there are none.
        shown: compared metrics, whose score is called `compared.score`.
        runs: in order; those of one method are one row.
        costs: COST_COLUMNS, by the names of the runs.

    Returns:
        COLUMNS, in which `run` is the method. mean, sd, low and high are of the headline AUROC
        after the last task, over anomaly classes and datasets, or over seeds if there is one of
        them; the interval resamples both. gap_closed lies between the means of the run's bounds.
        `is_best`: better than every other by the tests. COSTS are of one replica.
    """
    import numpy as np
    import pandas as pd

    from cl_anomaly.results.cost import of_one_replica
    from cl_anomaly.statistics.bounds import gaps_closed
    from cl_anomaly.statistics.pairing import mean_forgetting

    known: dict[Any, dict[Any, Any]] = {}
    forgetting: dict[str, float] = {}
    if compared is not None:
        known = compared.table.set_index("run").to_dict("index")
        forgetting = mean_forgetting(shown, compared.score)
    means = {str(run): row["mean"] for run, row in known.items() if row["mean"] == row["mean"]}
    methods = _by_method(runs)
    gaps = gaps_closed(means, {method: _kind(parts) for method, parts in methods.items()})
    best = None if compared is None else compared.better_than_every_other
    rows = [
        {
            **{"replicas": 0, **known.get(method, {}), "run": method, "dataset": dataset},
            "score": ", ".join(dict.fromkeys(part.score for part in parts)),
            "gap_closed": gaps[method],
            "forgetting": forgetting.get(method, np.nan),
            "is_best": method == best,
            **of_one_replica(costs[costs["run"].isin([part.name for part in parts])]),
        }
        for method, parts in methods.items()
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.sort_values("mean", ascending=False, kind="stable", ignore_index=True)


def _by_method(runs: Sequence[RunFolder]) -> dict[str, list[RunFolder]]:
    methods: dict[str, list[RunFolder]] = {}
    for run in runs:
        methods.setdefault(run.method, []).append(run)
    return methods


def _kind(parts: Sequence[RunFolder]) -> Kind:
    """Return what a row shares with its bounds on all its datasets."""
    from cl_anomaly.statistics.bounds import kind_of

    shared = {
        (part.dataset, kind_of(part.strategy_name, part.settings, part.score)[1]) for part in parts
    }
    return parts[0].strategy_name, repr(sorted(shared))


def method_rows(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rows of all datasets together, or those of the only dataset."""
    return [row for row in rows if row["dataset"] == ALL] or list(rows)
