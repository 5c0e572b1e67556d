"""The table of several runs: the one that files, pages and screens write, each in its way."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cl_anomaly.results.cost import COSTS, of_one_replica
from cl_anomaly.statistics.bounds import Kind, gaps_closed, kind_of
from cl_anomaly.statistics.comparison import Comparison
from cl_anomaly.statistics.mean_forgetting import mean_forgetting
from cl_anomaly.statistics.pairing import units

COLUMNS = (
    *("run", "score", "mean", "sd", "low", "high", "rank", "gap_closed", "forgetting"),
    *("not_different_from", "replicas", "missing"),
    *COSTS,
)


@dataclass(frozen=True)
class Entrant:
    """A run of the table, or a part of it: its runs on several datasets, or with other seeds.

    Attributes:
        run: the name of its row.
        dataset: its name.
        strategy: what it is called in results.
        config: its settings.
        score: that it shows.
    """

    run: str
    dataset: str
    strategy: str
    config: Mapping[str, Any]
    score: str

    @property
    def kind(self) -> Kind:
        """What its bounds must have in common with it."""
        return kind_of(self.strategy, self.config, self.score)


def standings(
    compared: Comparison | None,
    shown: pd.DataFrame,
    entrants: Sequence[Entrant],
    costs: pd.DataFrame,
) -> pd.DataFrame:
    """Make the table: a row for each run, the best mean first, and those without results last.

    Args:
        compared: the runs with results; None where there are none.
        shown: metrics that were compared, by the score that is called `compared.score` in them.
        entrants: the runs, in their order; those of one name are one row.
        costs: COST_COLUMNS, in which `run` is the name of a row.

    Returns:
        COLUMNS. mean, sd, low and high are of the headline AUROC after the last task, over the
        anomaly classes and datasets, or over the seeds where there is one of them; the interval
        resamples both. gap_closed lies between the means of the run's bounds. The columns of COSTS
        are of one replica.
    """
    known: dict[Any, dict[Any, Any]] = {}
    means: dict[str, float] = {}
    lost: dict[str, float] = {}
    if compared is not None:
        known = compared.table.set_index("run").to_dict("index")
        means = {str(run): own["mean"] for run, own in known.items() if own["mean"] == own["mean"]}
        lost = mean_forgetting(shown, compared.score)
    gaps, scores = gaps_closed(means, _kinds(entrants)), _scores(entrants)
    rows = [
        {
            **{"replicas": 0, **known.get(run, {}), "run": run, "score": score},
            "sd": np.nan if compared is None else _deviation(compared, run),
            "gap_closed": gaps[run],
            "forgetting": lost.get(run, np.nan),
            **of_one_replica(costs[costs["run"] == run]),
        }
        for run, score in scores.items()
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.sort_values("mean", ascending=False, kind="stable", ignore_index=True)


def _kinds(entrants: Iterable[Entrant]) -> dict[str, Kind]:
    """Find what the bounds of each row share with it, on all its datasets."""
    shared: dict[str, set[tuple[str, str]]] = {}
    strategies: dict[str, str] = {}
    for own in entrants:
        strategies.setdefault(own.run, own.strategy)
        shared.setdefault(own.run, set()).add((own.dataset, own.kind[1]))
    return {run: (strategy, repr(sorted(shared[run]))) for run, strategy in strategies.items()}


def _scores(entrants: Iterable[Entrant]) -> dict[str, str]:
    """Name the score that each row shows, or several of different datasets."""
    found: dict[str, list[str]] = {}
    for own in entrants:
        found.setdefault(own.run, []).append(own.score)
    return {run: ", ".join(dict.fromkeys(scores)) for run, scores in found.items()}


def _deviation(compared: Comparison, run: str) -> float:
    """Compute the standard deviation of what a run's mean is of; NaN of one observation."""
    has = [name for name in compared.values.columns if compared.values[name].notna().any()]
    if run not in has:
        return float("nan")
    paired = compared.values.loc[compared.values[has].notna().all(axis=1), [run]]
    values = units(paired, compared.units == "blocks")
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")
