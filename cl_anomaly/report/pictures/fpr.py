"""Realised false-positive rates as a heat map with its numbers."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cl_anomaly.core.errors import InputError
from cl_anomaly.report.captions import (
    classes_of_all_replicas,
    of_all_replicas,
    task_ticks,
)
from cl_anomaly.report.drawn_run import DrawnRun
from cl_anomaly.report.heat_maps import draw_heat_map, new_heat_maps
from cl_anomaly.report.legends import put_title
from cl_anomaly.statistics.intervals import mean_of_numbers

_WHAT = "False positives in %"


def draw(run: DrawnRun, score: str) -> Figure:
    """Draw which share of each task's normal samples lies above the threshold after each task.

    A panel for each rate that the thresholds were set for; the mean over the replicas. Where old
    tasks go far beyond that rate, they are forgotten.
    """
    rates = run.false_positive_rates
    rates = rates[rates["score"] == score]
    if not len(rates):
        known = run.false_positive_rates["score"].unique()
        raise InputError(
            setting="score",
            expected=f"to be one with a threshold ({', '.join(known)})",
            got=repr(score),
        )
    targets, tasks = sorted(rates["target_fpr"].unique()), int(rates["task"].max())
    figure, every_axes = new_heat_maps(tasks, len(targets))
    ticks = task_ticks(range(1, tasks + 1), classes_of_all_replicas(run))
    for axes, target in zip(every_axes, targets, strict=True):
        percent = 100 * _mean(rates[rates["target_fpr"] == target], tasks)
        draw_heat_map(axes, percent, (0, 100), lambda value: f"{value:.0f}", ticks, _WHAT)
        axes.set_title(f"threshold set for {100 * target:g} %", fontsize=9)
        axes.set_ylabel("After task")
    every_axes[-1].set_xlabel("Normal samples of task")
    put_title(figure, run, f"score {score}", of_all_replicas(run))
    return figure


def _mean(rates: pd.DataFrame, tasks: int) -> NDArray[np.float64]:
    """Return the mean over the replicas, (tasks, tasks): after task i, of the samples of task j."""
    replicas = []
    for _, own in rates.groupby(["anomaly_class", "seed"], sort=False):
        matrix = np.full((tasks, tasks), np.nan)
        matrix[own["task"] - 1, own["of_task"] - 1] = own["false_positive_rate"]
        replicas.append(matrix)
    return mean_of_numbers(np.stack(replicas), axis=0)
