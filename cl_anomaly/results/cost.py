"""What a run cost: seconds, samples, steps, operations, and what is kept of the past."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cl_anomaly.core.json_files import read_json
from cl_anomaly.store.status import COST_FILE, COST_TABLE

if TYPE_CHECKING:
    from cl_anomaly.plan.build import Plan

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


def new_samples(plan: Plan) -> int:
    """Count samples × epochs of all tasks and replicas, each task's own samples alone.

    With a fixed number of steps, those in the steps' batches.
    """
    counts = [len(task.indices) for own in plan.scenarios for task in own.tasks]
    config = plan.config
    if config.steps is None:
        return sum(counts) * (config.epochs or 1)
    return config.steps * sum(min(config.batch_size, count) for count in counts)


def cost_of(plan: Plan, tasks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Describe what a run cost, all replicas together, as JSON can hold it.

    Args:
        plan: of the run.
        tasks: what each task took, see `Run`.

    Returns:
        `replicas`; seconds of all tasks; `samples` trained on, replayed ones included; `steps` of
        one replica over all tasks, the mean where they differ, 0 in closed form;
        `forward_flops` of one sample after the last task, and `training_flops` (see the functions
        of these names): what a strategy computes beside its batches is not in it.
        `model_bytes`, `strategy_bytes` (None where unknown) and `score_bytes` (by score) that are
        kept after the last task; `stores_samples`, whether real ones are kept; and `tasks`, all
        this by task.
    """
    # With PyTorch, which a page that shows costs does not wait for.
    from cl_anomaly.models.shared.flops import forward_flops, training_flops

    model = plan.parts.make_model(plan.config, plan.dataset.features, plan.config.seed_list[:1])
    by_task = [int(task["samples"]) for task in tasks]
    seconds = {
        name: sum(task[name] for task in tasks)
        for name in ("training_seconds", "after_task_seconds", "evaluation_seconds")
    }
    kept = ("model_bytes", "strategy_bytes", "score_bytes")
    last = {name: tasks[-1][name] for name in kept}
    return {
        "replicas": len(plan.replicas),
        **seconds,
        "samples": sum(by_task),
        "steps": _whole(sum(task["steps"] for task in tasks)),
        "forward_flops": forward_flops(model, len(tasks)),
        "training_flops": training_flops(model, by_task, len(plan.replicas)),
        **last,
        "stores_samples": plan.parts.strategy.stores_samples,
        "tasks": [dict(task) for task in tasks],
    }


def _whole(value: float) -> float:
    """Write a whole number as one."""
    return int(value) if value == int(value) else value


def cost_table(costs: Mapping[str, Mapping[str, Any]], score: str) -> pd.DataFrame:
    """Put the costs of several runs beside each other.

    Args:
        costs: by run, as `cost_of` gave them; empty where a run has none.
        score: whose bytes are shown.

    Returns:
        COST_COLUMNS; what is unknown is empty.
    """
    rows = []
    for run, cost in costs.items():
        of_scores = cost.get("score_bytes")
        shown = None if of_scores is None else of_scores.get(score, 0)
        rows.append({"run": run, **cost, "score_bytes": shown})
    # Whole numbers stay whole beside empty cells.
    return pd.DataFrame(rows, columns=list(COST_COLUMNS), dtype=object)


COSTS = ("seconds", "steps", "operations", "bytes", "stores_samples")
"""What tables show of a method's cost, see `of_one_replica`."""


def read_costs(folder: Path, score: str) -> pd.DataFrame:
    """Read what a run, or each run of a comparison or a suite, cost.

    Args:
        folder: its own.
        score: of a run, whose bytes are shown.

    Returns:
        COST_COLUMNS, and of a suite method and dataset; empty where nothing was recorded.
    """
    if (folder / COST_TABLE).exists():
        text = dict.fromkeys(("run", "method", "dataset"), str)
        return pd.read_csv(
            folder / COST_TABLE, dtype=text, keep_default_na=False, na_values=_NUMBERS
        )
    if (folder / COST_FILE).exists():
        return cost_table({"": read_json(folder / COST_FILE)}, score)
    return pd.DataFrame(columns=list(COST_COLUMNS))


# Columns in which an empty cell is no number; elsewhere it is text, and a run may be called NA.
_NUMBERS = {name: [""] for name in COST_COLUMNS if name != "run"}


def of_one_replica(costs: pd.DataFrame) -> dict[str, Any]:
    """Compute what a method costs for one replica: the only place that does, for all tables.

    Args:
        costs: COST_COLUMNS of its runs.

    Returns:
        COSTS: `seconds`, `steps` and `operations` of training over all tasks; `bytes` of the model,
        of what the strategy keeps and of the statistics of the shown score, after the last task;
        and whether real samples are kept. Each is the mean over all replicas of all runs, and NaN,
        or None, where it is not known of one of them.
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
