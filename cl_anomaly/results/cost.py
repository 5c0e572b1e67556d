"""Costs of runs, and of one replica of a method."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cl_anomaly.results.run_folder import RunFolder
from cl_anomaly.store.status import COST_TABLE, COSTS

COST_COLUMNS = (
    "run",
    "replicas",
    "training_seconds",
    "after_task_seconds",
    "evaluation_seconds",
    "samples",
    "steps",
    "forward_flops",
    "training_flops",
    "model_bytes",
    "strategy_bytes",
    "score_bytes",
    "stores_samples",
)


def costs_of(runs: Iterable[RunFolder]) -> pd.DataFrame:
    """Tabulate the costs of several runs: COST_COLUMNS, method and dataset.

    `score_bytes` are those of the shown score. Unknown cells are empty.
    """
    rows = []
    for run in runs:
        of_scores = run.cost.get("score_bytes")
        shown = None if of_scores is None else of_scores.get(run.score, 0)
        place = {"run": run.name, "method": run.method, "dataset": run.dataset}
        rows.append({**run.cost, "score_bytes": shown, **place})
    # Whole numbers stay whole beside empty cells.
    return pd.DataFrame(rows, columns=[*COST_COLUMNS, "method", "dataset"], dtype=object)


def read_costs(folder: Path) -> pd.DataFrame:
    """Read the costs of the runs of a comparison or a suite, see `costs_of`."""
    text = dict.fromkeys(("run", "method", "dataset"), str)
    return pd.read_csv(folder / COST_TABLE, dtype=text, keep_default_na=False, na_values=_NUMBERS)


# Columns in which an empty cell is no number; elsewhere it is text, and a run may be called NA.
_NUMBERS = {name: [""] for name in COST_COLUMNS if name != "run"}


def of_one_replica(costs: pd.DataFrame) -> dict[str, Any]:
    """Compute the costs of a method for one replica, for all tables.

    Args:
        costs: COST_COLUMNS of its runs.

    Returns:
        COSTS: `seconds`, `steps` and `operations` of training over all tasks; `bytes` of model,
        strategy and statistics of the shown score after the last task; and whether real samples
        are kept. Means over all replicas of all runs; NaN or None if unknown for one of them.
    """
    if costs.empty:
        return dict.fromkeys(COSTS[:-1], np.nan) | {"stores_samples": None}
    replicas = costs["replicas"].to_numpy(float)

    def total(*names: str) -> float:
        return float(costs[list(names)].to_numpy(float).sum())

    stores = costs["stores_samples"]
    return {
        "seconds": total("training_seconds") / replicas.sum(),
        "steps": float((costs["steps"].to_numpy(float) * replicas).sum() / replicas.sum()),
        "operations": total("training_flops") / replicas.sum(),
        "bytes": total("model_bytes", "strategy_bytes", "score_bytes") / replicas.sum(),
        "stores_samples": None if stores.isna().any() else "True" in {*map(str, stores)},
    }
