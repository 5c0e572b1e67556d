"""The result matrix S as a heat map with its numbers."""

import numpy as np
from matplotlib.figure import Figure

from cl_anomaly.report.captions import (
    classes_of_all_replicas,
    of_all_replicas,
    task_ticks,
)
from cl_anomaly.report.drawn_run import DrawnRun
from cl_anomaly.report.heat_maps import draw_heat_map, new_heat_maps
from cl_anomaly.report.legends import put_title
from cl_anomaly.statistics.aurocs import read_aurocs
from cl_anomaly.statistics.intervals import mean_of_numbers


def draw(run: DrawnRun, score: str) -> Figure:
    """Draw S[i, j], AUROC after task i on the test group of task j: the mean over the replicas.

    Of several anomaly classes it is the mean of their means.
    """
    metrics = run.results.metrics
    classes = read_aurocs(metrics.assign(run=""))
    by_class = [mean_of_numbers(own.s[score], axis=0) for own in classes]
    s = mean_of_numbers(np.stack(by_class), axis=0)
    figure, (axes,) = new_heat_maps(len(s), 1)
    ticks = task_ticks(range(1, len(s) + 1), classes_of_all_replicas(run))
    low = min(0.5, np.floor(10 * np.nanmin(s)) / 10)
    draw_heat_map(axes, s, (low, 1.0), lambda value: f"{value:.2f}", ticks, "AUROC")
    below = ", with its class" if any("\n" in tick for tick in ticks) else ""
    axes.set_xlabel(f"Test group of task{below}")
    axes.set_ylabel("After task")
    put_title(figure, run, f"score {score}", of_all_replicas(run))
    return figure
