"""The model's codes of test samples, in two dimensions."""

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cl_anomaly.core.errors import InputError
from cl_anomaly.report.canvas import new_figure
from cl_anomaly.report.captions import (
    chosen_tasks,
    classes_of_first_replica,
    number_of_task,
    of_first_replica,
    task_name,
)
from cl_anomaly.report.drawn_run import DrawnRun
from cl_anomaly.report.legends import place_legend, put_title
from cl_anomaly.report.styles import ANOMALOUS, styles_of_tasks

_MOST_TASKS = 10


def draw(run: DrawnRun) -> Figure:
    """Draw the first two principal components of the first replica's codes, by task.

    A panel after the first task and one after the last. Each has components of its own: training
    moves the codes.
    """
    if "codes" not in run.pictures:
        raise InputError(
            f"Expected a model with a code for each sample, but {run.results.settings['model']} "
            f"has none."
        )
    codes, after = run.pictures["codes"], run.pictures["codes_after"].tolist()
    marks: dict[str, Artist] = {}
    figure = new_figure(3.2 * len(codes) + 0.2, 3.3)
    for number, (own, task) in enumerate(zip(codes, after, strict=True), 1):
        axes = figure.add_subplot(1, len(codes), number)
        points, shares = principal_components(own)
        marks |= _draw_points(axes, points, run)
        axes.set_title(f"after {number_of_task(run, task)}", fontsize=9)
        axes.set_xlabel(f"Component 1 ({shares[0]:.0%} of the variance)")
        axes.set_ylabel(f"Component 2 ({shares[1]:.0%})")
    place_legend(figure, marks, beside=False)
    put_title(figure, run, of_first_replica(run))
    return figure


def _draw_points(axes: Axes, points: NDArray[np.float64], run: DrawnRun) -> dict[str, Artist]:
    """Draw points of each task, and the anomalies; gives their marks by their names."""
    coded, normal = run.pictures["coded"], run.pictures["normal"]
    classes, marks = classes_of_first_replica(run), {}
    shown = chosen_tasks(range(1, len(normal) + 1), _MOST_TASKS)
    for task, style in zip(shown, styles_of_tasks(len(shown)), strict=True):
        own = points[normal[task - 1, coded]]
        (marks[task_name(task, classes)],) = axes.plot(
            *own.T, style.marker, color=style.colour, markersize=3.2, markeredgewidth=0, alpha=0.85
        )
    own = points[run.pictures["anomalous"][:, coded].any(0)]
    (marks["anomalous"],) = axes.plot(
        *own.T, "x", color=ANOMALOUS, markersize=3.5, markeredgewidth=0.9
    )
    return marks


def principal_components(codes: NDArray[np.floating]) -> tuple[NDArray[np.float64], list[float]]:
    """Project codes onto their first two principal components.

    Args:
        codes: (m, units).

    Returns:
        (m, 2), and the share of the variance that each component holds. A component's largest
        weight is positive. With a single unit the second component is 0.
    """
    centred = np.asarray(codes, dtype=np.float64)
    centred = centred - centred.mean(0)
    if centred.shape[1] == 1:
        centred = np.pad(centred, ((0, 0), (0, 1)))
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    signs = np.sign(np.take_along_axis(directions, np.abs(directions).argmax(1)[:, None], 1))
    variances = sizes**2
    shares = variances / max(variances.sum(), np.finfo(np.float64).tiny)
    return centred @ (signs * directions)[:2].T, shares[:2].tolist()
