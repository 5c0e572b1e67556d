"""The training loss, epoch by epoch through all tasks."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cl_anomaly.core.errors import InputError
from cl_anomaly.report.canvas import new_figure
from cl_anomaly.report.captions import chosen_tasks, of_all_replicas
from cl_anomaly.report.drawn_run import DrawnRun
from cl_anomaly.report.legends import put_title, width_of
from cl_anomaly.report.styles import styles_of

_MOST_NUMBERED = 12
_WIDTH, _POINTS = 6.0, 72.0  # inches, and points in one


def draw(run: DrawnRun) -> Figure:
    """Draw the loss that is minimised, a strategy's penalty included: the mean over each epoch.

    The line is the mean over the replicas, the band ± one standard deviation. It breaks off where a
    task ends: the next is learnt from other samples.
    """
    if not len(run.results.losses):
        raise InputError(f"Expected {run.results.folder} to have losses, but no epoch has one.")
    by_epoch = run.results.losses.groupby(["task", "epoch"])["loss"].agg(["mean", "std"])
    curve, epochs = by_epoch.reset_index(), int(run.results.losses["epoch"].max())
    curve["at"] = (curve["task"] - 1) * epochs + curve["epoch"]
    figure = new_figure(_WIDTH, 3.2)
    axes = figure.add_subplot()
    style = styles_of({"": run.results.strategy_name})[""]
    for _, task in curve.groupby("task"):
        axes.plot(
            task["at"],
            task["mean"],
            color=style.colour,
            marker=style.marker if epochs <= 10 else "",
            markersize=3.5,
        )
        if task["std"].notna().any():
            low, high = task["mean"] - task["std"], task["mean"] + task["std"]
            axes.fill_between(task["at"], low, high, color=style.colour, alpha=0.18, linewidth=0)
    _mark_tasks(axes, curve, epochs, run.task_names)
    axes.set_xlabel("Epoch, over all tasks")
    axes.set_ylabel("Training loss, mean of the epoch")
    put_title(figure, run, of_all_replicas(run))
    return figure


def _mark_tasks(axes: Axes, curve: pd.DataFrame, epochs: int, names: Sequence[str]) -> None:
    """Part the tasks by lines, and number or name them above the axes."""
    tasks = sorted(curve["task"].unique().tolist())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(False, axis="x")
    axes.set_xlim(0.5, tasks[-1] * epochs + 0.5)
    for task in tasks[:-1]:
        axes.axvline(task * epochs + 0.5, color="0.6", linewidth=0.6, zorder=1)
    above = axes.secondary_xaxis("top")
    shown = chosen_tasks(tasks, _MOST_NUMBERED)
    said = [names[task - 1] if names else str(task) for task in shown]
    above.set_xticks([(task - 0.5) * epochs + 0.5 for task in shown], said)
    room = 0.8 * _POINTS * _WIDTH / len(shown)
    above.tick_params(length=0, labelrotation=90 if max(map(width_of, said)) > room else 0)
    above.set_xlabel("Task")
