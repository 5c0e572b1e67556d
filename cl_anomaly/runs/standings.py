"""What stands beside the AUROC of several runs: the forgetting, and the gap that each closes."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from cl_anomaly.config import ResolvedConfig
from cl_anomaly.evaluation.bounds import gaps_closed, kind_of
from cl_anomaly.evaluation.comparing import Comparison
from cl_anomaly.evaluation.mean_forgetting import mean_forgetting
from cl_anomaly.storage.results import RunResults


def with_forgetting(compared: Comparison, results: Sequence[RunResults]) -> pd.DataFrame:
    """Give a comparison's table with two columns more: gap_closed and forgetting.

    Args:
        compared: as `compare_results` gives it.
        results: of its runs.
    """
    tables = [own.metrics.assign(run=own.name, dataset=own.dataset) for own in results]
    lost = mean_forgetting(pd.concat(tables), compared.score)
    kinds = {own.name: kind_of(own.strategy, own.config, compared.score) for own in results}
    means = compared.table.dropna(subset="mean").set_index("run")["mean"].to_dict()
    gaps = gaps_closed({str(run): float(mean) for run, mean in means.items()}, kinds)
    runs = compared.table["run"].astype(str)
    return compared.table.assign(gap_closed=runs.map(gaps), forgetting=runs.map(lost))


def suite_table(
    configs: Mapping[str, ResolvedConfig],
    compared: Comparison,
    costs: pd.DataFrame,
    forgetting: Mapping[str, float],
) -> pd.DataFrame:
    """Make the table: a row for each method, the best rank first, and what is missing last.

    Args:
        configs: of the methods.
        compared: theirs.
        costs: of its runs.
        forgetting: of the methods, by the scores that these show.

    Returns:
        Columns run, score, mean, low, high, rank, gap_closed, forgetting, not_different_from,
        replicas, missing, seconds (of training, one replica), bytes (of model, strategy and score
        after the last task, one replica) and stores_samples.
    """
    rows = []
    means = compared.table.set_index("run")["mean"]
    kinds = {
        run: kind_of(own.strategy, own.to_dict(), own.shown_score) for run, own in configs.items()
    }
    gaps = gaps_closed({str(run): float(mean) for run, mean in means.items()}, kinds)
    known = {row["run"]: row for row in compared.table.to_dict("records")}
    for run in configs:
        row = known.get(run, {"run": run, "replicas": 0})
        own = costs[costs["method"] == run]
        row |= {"score": configs[run].shown_score, **_cost_of_one(own)}
        row |= {"gap_closed": gaps[run], "forgetting": forgetting.get(run)}
        rows.append(row)
    columns = (
        "run score mean low high rank gap_closed forgetting not_different_from replicas missing "
        "seconds bytes stores_samples"
    )
    table = pd.DataFrame(rows, columns=columns.split())
    return table.sort_values("rank", kind="stable", na_position="last").reset_index(drop=True)


def _cost_of_one(costs: pd.DataFrame) -> dict[str, Any]:
    """Give what a method costs for one replica, over all its datasets; empty where unknown."""
    if costs.empty:
        return {}
    replicas = costs["replicas"].sum()
    kept = costs[["model_bytes", "strategy_bytes", "score_bytes"]]
    known = kept.drop(columns="score_bytes").notna().all(axis=None)
    return {
        "seconds": float(costs["training_seconds"].sum() / replicas),
        "bytes": float(kept.fillna(0).to_numpy(float).sum() / replicas) if known else None,
        "stores_samples": bool(costs["stores_samples"].astype(bool).any()),
    }
