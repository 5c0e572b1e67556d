"""Captions of pictures of one run, and names of its tasks."""

from collections.abc import Sequence

import pandas as pd

from cl_anomaly.report.drawn_run import DrawnRun
from cl_anomaly.report.run_names import named_classes

_SHORT = 12  # characters of a class's name


def of_first_replica(run: DrawnRun) -> str:
    """Name the first replica."""
    return f"seed {run.seed}, anomaly class {run.anomaly_class}"


def of_all_replicas(run: DrawnRun) -> str:
    """Name the replicas over which numbers are means."""
    seeds = run.results.metrics["seed"].unique().tolist()
    over = f"mean of {len(seeds)} seeds" if len(seeds) > 1 else f"seed {seeds[0]}"
    classes = run.results.anomaly_classes
    one = "anomaly class " if len(classes) == 1 else ""
    return f"{over}, {one}{named_classes(classes)}"


class GivenNames(dict[int, str]):
    """Names of tasks that the user has given in place of their classes."""


def classes_of_all_replicas(run: DrawnRun) -> dict[int, str]:
    """Name the classes of each task that are the same in all replicas."""
    given = GivenNames(enumerate(run.words.task_names, 1))
    return given or classes_of_tasks(run.results.metrics)


def classes_of_tasks(metrics: pd.DataFrame) -> dict[int, str]:
    """Name the classes of each task by its number, unless they differ between replicas."""
    known: dict[int, set[str]] = {}
    for task, classes in zip(metrics["task"].tolist(), metrics["classes"].tolist(), strict=True):
        if task:  # before the first, nothing has arrived
            known.setdefault(task, set()).add(str(classes))
    return {task: _short(*classes) for task, classes in known.items() if len(classes) == 1}


def classes_of_first_replica(run: DrawnRun) -> dict[int, str]:
    """Name the classes of each task of the first replica by its number."""
    if run.words.task_names:
        return GivenNames(enumerate(run.words.task_names, 1))
    metrics = run.results.metrics
    is_of_class = metrics["anomaly_class"].astype(str) == str(run.anomaly_class)
    return classes_of_tasks(metrics[is_of_class & (metrics["seed"] == run.seed)])


def task_name(task: int, classes: dict[int, str]) -> str:
    """Name a task "task 3 (class 7)", or as the user did."""
    if isinstance(classes, GivenNames):
        return classes[task]
    return f"task {task} (class {classes[task]})" if task in classes else f"task {task}"


def number_of_task(run: DrawnRun, task: int) -> str:
    """Name a task "task 3", or as the user did."""
    return run.words.task_names[task - 1] if run.words.task_names else f"task {task}"


def task_ticks(tasks: Sequence[int], classes: dict[int, str]) -> list[str]:
    """Number tasks, with their classes below if known and different."""
    if isinstance(classes, GivenNames):
        return [classes[task] for task in tasks]
    are_known = all(task in classes for task in tasks)
    if not are_known or all(classes[task] == str(task) for task in tasks):
        return [str(task) for task in tasks]
    return [f"{task}\n{classes[task]}" for task in tasks]


def chosen_tasks(tasks: Sequence[int], most: int) -> list[int]:
    """Choose at most so many tasks, evenly spaced, with the first and the last."""
    if len(tasks) <= most:
        return list(tasks)
    places = [round(n * (len(tasks) - 1) / (most - 1)) for n in range(most)]
    return [tasks[place] for place in places]


def _short(classes: str) -> str:
    text = ", ".join(classes.split())
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"
