"""The cost of a run: seconds, samples, steps, operations and memory."""

from collections.abc import Mapping, Sequence
from typing import Any

from cl_anomaly.models.shared.flops import forward_flops, training_flops
from cl_anomaly.plan.plan import Plan


def new_samples(plan: Plan) -> int:
    """Count samples × epochs of all tasks and replicas, without replayed samples.

    With a fixed number of steps, the samples in the steps' batches count.
    """
    counts = [len(task.indices) for scenario in plan.scenarios for task in scenario.tasks]
    config = plan.config
    if config.steps is None:
        return sum(counts) * (config.epochs or 1)
    return config.steps * sum(min(config.batch_size, count) for count in counts)


def cost_of(plan: Plan, tasks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Describe the cost of a run over all replicas, as JSON values.

    Args:
        tasks: each task's measurements, see `Run`.

    Returns:
        `replicas`; seconds of all tasks; `samples` trained on, replayed ones included; `steps` of
        one replica over all tasks, the mean if they differ, 0 in closed form; `forward_flops` of
        one sample after the last task, and `training_flops` (see the functions of these names),
        without what a strategy computes beside its batches; `model_bytes`, `strategy_bytes` (None
        if unknown) and `score_bytes` (by score) after the last task; `stores_samples`, whether real
        ones are stored; and `tasks`, all this by task.
    """
    model = plan.parts.make_model(plan.config, plan.dataset.features, plan.config.seed_list[:1])
    by_task = [int(task["samples"]) for task in tasks]
    seconds = {
        name: sum(task[name] for task in tasks)
        for name in ("training_seconds", "after_task_seconds", "evaluation_seconds")
    }
    sizes = ("model_bytes", "strategy_bytes", "score_bytes")
    last = {name: tasks[-1].get(name) for name in sizes}
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
    """Convert a whole number to an integer."""
    return int(value) if value == int(value) else value
