"""What pictures of one run are of, in words, and what its tasks are called in them."""

from collections.abc import Sequence

import pandas as pd

from cl_anomaly.report.drawn_run import DrawnRun
from cl_anomaly.report.run_names import named_classes

_SHORT = 12  # characters of a class's name


def of_first_replica(run: DrawnRun) -> str:
    """Describe which replica a picture is of."""
    return f"seed {run.seed}, anomaly class {run.anomaly_class}"


def of_all_replicas(run: DrawnRun) -> str:
    """Describe over which replicas a picture's numbers are means."""
    seeds = run.results.metrics["seed"].unique().tolist()
    over = f"mean of {len(seeds)} seeds" if len(seeds) > 1 else f"seed {seeds[0]}"
    classes = run.results.anomaly_classes
    one = "anomaly class " if len(classes) == 1 else ""
    return f"{over}, {one}{named_classes(classes)}"


class GivenNames(dict[int, str]):
    """Names of tasks that a person has given, in the place of their classes."""


def classes_of_all_replicas(run: DrawnRun) -> dict[int, str]:
    """Name the classes that arrive with each task of a run, where all replicas have the same."""
    given = GivenNames(enumerate(run.task_names, 1))
    return given or classes_of_tasks(run.results.metrics)


def classes_of_tasks(metrics: pd.DataFrame) -> dict[int, str]:
    """Name the classes that arrive with each task, by its number.

    Args:
        metrics: of one replica or several; tasks whose classes differ between them are left out.
    """
    known: dict[int, set[str]] = {}
    for task, classes in zip(metrics["task"].tolist(), metrics["classes"].tolist(), strict=True):
        if task:  # before the first, nothing has arrived
            known.setdefault(task, set()).add(str(classes))
    return {task: _short(*classes) for task, classes in known.items() if len(classes) == 1}


def classes_of_first_replica(run: DrawnRun) -> dict[int, str]:
    """Name the classes that arrive with each task of the first replica, by its number."""
    if run.task_names:
        return GivenNames(enumerate(run.task_names, 1))
    metrics = run.results.metrics
    own = metrics["anomaly_class"].astype(str) == str(run.anomaly_class)
    return classes_of_tasks(metrics[own & (metrics["seed"] == run.seed)])


def task_name(task: int, classes: dict[int, str]) -> str:
    """Call a task "task 3 (class 7)", or as a person has called it."""
    if isinstance(classes, GivenNames):
        return classes[task]
    return f"task {task} (class {classes[task]})" if task in classes else f"task {task}"


def number_of_task(run: DrawnRun, task: int) -> str:
    """Call a task "task 3", or as a person has called it."""
    return run.task_names[task - 1] if run.task_names else f"task {task}"


def task_ticks(tasks: Sequence[int], classes: dict[int, str]) -> list[str]:
    """Number tasks, with their classes below where these are known and say something else."""
    if isinstance(classes, GivenNames):
        return [classes[task] for task in tasks]
    are_known = all(task in classes for task in tasks)
    if not are_known or all(classes[task] == str(task) for task in tasks):
        return [str(task) for task in tasks]
    return [f"{task}\n{classes[task]}" for task in tasks]


def chosen_tasks(tasks: Sequence[int], most: int) -> list[int]:
    """Choose so many tasks at most, the first and the last among them, evenly spaced."""
    if len(tasks) <= most:
        return list(tasks)
    places = [round(n * (len(tasks) - 1) / (most - 1)) for n in range(most)]
    return [tasks[place] for place in places]


def _short(classes: str) -> str:
    named = ", ".join(classes.split())
    return named if len(named) <= _SHORT else f"{named[: _SHORT - 1]}…"
