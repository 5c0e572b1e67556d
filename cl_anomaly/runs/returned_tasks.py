"""Sentences about tasks that a model has taken for the return of an earlier one."""

from collections import Counter
from collections.abc import Sequence

from cl_anomaly.models import Model


def about_returned(models: Sequence[Model], failed: Sequence[int] = ()) -> dict[int, list[str]]:
    """Name the tasks that were learnt as earlier ones, by the number of the new task.

    Args:
        models: of all groups of replicas, in their order.
        failed: places of replicas that do not count.
    """
    each = [own for model in models for own in model.tasks_joined()]
    counted = [own for place, own in enumerate(each) if place not in failed]
    joined = Counter(
        (task, first)
        for own in counted
        for task, first in enumerate(own, 1)
        if first not in (0, task)
    )
    said: dict[int, list[str]] = {}
    for (task, first), count in sorted(joined.items()):
        among = "" if len(counted) == 1 else f" in {count} of {len(counted)} replicas"
        said.setdefault(task, []).append(
            f"Task {task} coincides with task {first} and was learnt as its return{among}. "
            f"`--model.merge 0` keeps all tasks apart."
        )
    return said
