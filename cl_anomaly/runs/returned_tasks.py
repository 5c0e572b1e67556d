"""Notes on tasks that a model learnt as the return of an earlier one."""

from collections import Counter
from collections.abc import Sequence

from cl_anomaly.models import Model


def about_returned(models: Sequence[Model], failed: Sequence[int] = ()) -> dict[int, list[str]]:
    """Return notes on tasks that were learnt as earlier ones, by the number of the new task.

    Args:
        models: models of all groups of replicas, in order.
        failed: places of failed replicas, which are left out.
    """
    replicas = [first_tasks for model in models for first_tasks in model.tasks_joined()]
    counted = [first for place, first in enumerate(replicas) if place not in failed]
    joined = Counter(
        (task, first)
        for first_tasks in counted
        for task, first in enumerate(first_tasks, 1)
        if first not in (0, task)
    )
    notes: dict[int, list[str]] = {}
    for (task, first), count in sorted(joined.items()):
        among = "" if len(counted) == 1 else f" in {count} of {len(counted)} replicas"
        notes.setdefault(task, []).append(
            f"Task {task} coincides with task {first} and was learnt as its return{among}. "
            f"`--model.merge 0` keeps all tasks apart."
        )
    return notes
