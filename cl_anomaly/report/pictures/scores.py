"""Histograms of the scores after the last task."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from cl_anomaly.report.canvas import new_figure
from cl_anomaly.report.captions import (
    chosen_tasks,
    classes_of_first_replica,
    of_first_replica,
    task_name,
)
from cl_anomaly.report.drawn_run import DrawnRun
from cl_anomaly.report.legends import place_legend, put_title
from cl_anomaly.report.styles import ANOMALOUS, NORMAL, THRESHOLD

_MOST_TASKS, _BINS = 10, 40
_FEW = 0.005  # of the samples: what lies beyond stands in the last bin
_DASHES = ("--", ":", "-.")


def draw(run: DrawnRun, score: str) -> Figure:
    """Draw how the first replica scores after its last task: normal samples against anomalies.

    A panel for each task. Thresholds are drawn where the run has set some.
    """
    scores, last = run.scores(score)[-1], len(run.scores(score))
    normal, anomalous = run.pictures["normal"], run.pictures["anomalous"]
    edges = _edges(scores[normal.any(0) | anomalous.any(0)])
    shown, classes = chosen_tasks(range(1, last + 1), _MOST_TASKS), classes_of_first_replica(run)
    thresholds = _thresholds(run, score, last)
    figure = new_figure(5.5, 1.1 + 0.62 * len(shown))
    every_axes: Any = figure.subplots(len(shown), sharex=True, sharey=True, squeeze=False)[:, 0]
    for axes, task in zip(every_axes, shown, strict=True):
        _draw_panel(axes, scores[normal[task - 1]], scores[anomalous[task - 1]], edges)
        for dashes, value in zip(_DASHES, thresholds.values(), strict=False):
            axes.axvline(value, color=THRESHOLD, linestyle=dashes, linewidth=1.3)
        _name_panel(axes, task_name(task, classes))
    ends = [edges[0], edges[-1], *(1.01 * value for value in thresholds.values())]
    every_axes[-1].set_xlim(min(ends), max(ends))
    every_axes[-1].set_xlabel(f"Score {score}; the last bin holds all above")
    figure.supylabel("Share of the samples", fontsize=9)
    _explain(figure, every_axes[0], thresholds)
    put_title(figure, run, f"after task {last}", of_first_replica(run))
    return figure


def _edges(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Divide the range of scores into bins, but for a few that are far above the others."""
    low, high = float(scores.min()), float(np.quantile(scores.astype(np.float64), 1 - _FEW))
    return np.linspace(low, high if high > low else low + 1, _BINS + 1)


def _draw_panel(
    axes: Axes,
    normal: NDArray[np.float32],
    anomalous: NDArray[np.float32],
    edges: NDArray[np.float64],
) -> None:
    for scores, colour, fill in ((normal, NORMAL, True), (anomalous, ANOMALOUS, False)):
        counts, _ = np.histogram(np.clip(scores, edges[0], edges[-1]), edges)
        axes.stairs(counts / len(scores), edges, color=colour, fill=fill, linewidth=1.1)
    axes.yaxis.set_major_locator(MaxNLocator(2))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def _name_panel(axes: Axes, name: str) -> None:
    # On white: a threshold may go through it.
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
    axes.text(
        0.99, 0.95, name, transform=axes.transAxes, ha="right", va="top", fontsize=8, bbox=box
    )


def _thresholds(run: DrawnRun, score: str, task: int) -> dict[str, float]:
    """Return the first replica's thresholds after a task, by the false-positive rates aimed at."""
    table = run.thresholds
    own = table[
        (table["seed"] == run.seed)
        & (table["anomaly_class"].astype(str) == str(run.anomaly_class))
        & (table["task"] == task)
        & (table["score"] == score)
        & table["threshold"].notna()  # it is not where each task has a limit of its own
    ].sort_values("target_fpr")
    return {
        f"threshold for {100 * target:g} %": float(value)
        for target, value in zip(own["target_fpr"], own["threshold"], strict=True)
    }


def _explain(figure: Figure, axes: Axes, thresholds: dict[str, float]) -> None:
    normal, anomalous = axes.patches[:2]
    lines = dict(zip(thresholds, axes.get_lines(), strict=False))
    place_legend(figure, {"normal": normal, "anomalous": anomalous, **lines}, beside=False)
