"""ROC curves after the last task."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cl_anomaly.report.canvas import new_figure
from cl_anomaly.report.captions import (
    chosen_tasks,
    classes_of_first_replica,
    of_first_replica,
    task_name,
)
from cl_anomaly.report.drawn_run import DrawnRun
from cl_anomaly.report.legends import put_title
from cl_anomaly.report.styles import Style, styles_of_tasks
from cl_anomaly.statistics.detection import auroc

_MOST_TASKS = 10


def draw(run: DrawnRun, score: str) -> Figure:
    """Draw the first replica's ROC curves after its last task.

    One for each task's test group, and one for all anomalies against all normal samples. The areas
    are in the legend.
    """
    scores, last = run.scores(score)[-1], len(run.scores(score))
    normal, anomalous = run.pictures["normal"], run.pictures["anomalous"]
    shown, classes = chosen_tasks(range(1, last + 1), _MOST_TASKS), classes_of_first_replica(run)
    figure = new_figure(6.0, 3.7)
    axes = figure.add_subplot()
    for task, style in zip(shown, styles_of_tasks(len(shown)), strict=True):
        of_task = scores[normal[task - 1]], scores[anomalous[task - 1]]
        _draw_curve(axes, *of_task, task_name(task, classes), style)
    of_all = scores[normal[:last].any(0)], scores[anomalous.any(0)]
    _draw_curve(axes, *of_all, "all tasks", Style("black", "", "-"), linewidth=2.2)
    axes.plot([0, 1], [0, 1], color="0.5", linewidth=0.8, label="chance: 0.500", zorder=1)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.set_xlabel("False-positive rate")
    axes.set_ylabel("True-positive rate")
    figure.legend(
        loc="outside right center", frameon=False, title="AUROC", handlelength=2.6, fontsize=8
    )
    put_title(figure, run, f"after task {last}", f"score {score}", of_first_replica(run))
    return figure


def _draw_curve(
    axes: Axes,
    normal: NDArray[np.floating],
    anomalous: NDArray[np.floating],
    name: str,
    style: Style,
    linewidth: float = 1.1,
) -> None:
    axes.plot(
        *roc_curve(normal, anomalous),
        color=style.colour,
        linestyle=style.dashes,
        linewidth=linewidth,
        label=f"{name}: {auroc(normal, anomalous):.3f}",
    )


def roc_curve(
    normal: NDArray[np.floating], anomalous: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the corners of a ROC curve, from (0, 0) to (1, 1).

    Args:
        normal: (n,), scores; higher is more anomalous.
        anomalous: (m,).

    Returns:
        False-positive rates and true-positive rates, (corners,) each.
    """
    every = np.unique(np.concatenate([normal, anomalous]))[::-1]
    above = [len(s) - np.searchsorted(np.sort(s), every, side="left") for s in (normal, anomalous)]
    counts = np.concatenate([[[0], [0]], np.stack(above)], axis=1)
    # Without points on a straight line between their neighbours.
    (x, y), inner = np.diff(counts), np.zeros(counts.shape[1], dtype=bool)
    inner[1:-1] = x[1:] * y[:-1] == x[:-1] * y[1:]
    false, true = counts[:, ~inner]
    return false / len(normal), true / len(anomalous)
