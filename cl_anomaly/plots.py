"""Figures, for print and for the colour-blind."""

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

# Okabe & Ito's colours, "Color Universal Design" (2008), dark ones first. Marker and dashes tell
# the lines apart once more, where there is no colour. As many markers as one more than colours: no
# two of 56 lines look the same.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#000000", "#CC79A7", "#56B4E9", "#E69F00")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))

_STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.6,
    # Names of runs and datasets are no formulas, whatever is in them.
    "text.parse_math": False,
    # Text stays text in the SVG, and the same data gives the same file.
    "svg.fonttype": "none",
    "svg.hashsalt": "cl-anomaly",
}


def draw_auroc(metrics: pd.DataFrame, score: str) -> Figure:
    """Draw the headline AUROC after every task: a line for each run, the mean over its seeds.

    Args:
        metrics: in tidy form, with a column `run` that names the lines; they are drawn in the order
            in which they first appear.
        score: which of the scores.

    Returns:
        The figure; the band is ± one standard deviation over the seeds.
    """
    headline = metrics[(metrics["metric"] == "auroc_seen") & (metrics["score"] == score)]
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(5.5, 3.5), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        styles = zip(cycle(_COLOURS), cycle(_MARKERS), cycle(_DASHES), strict=True)
        runs = list(headline.groupby("run", sort=False))
        seeds = {str(run): _numbers_of_seeds(values) for run, values in runs}
        different = set().union(*seeds.values())
        for (run, values), style in zip(runs, styles, strict=False):
            # Lines of unlike numbers of seeds say so themselves; the title speaks for all others.
            count = " to ".join(map(str, seeds[str(run)]))
            label = str(run) if len(different) == 1 else f"{run} (n = {count})"
            _draw_line(axes, label, values, *style)
        _label(axes, headline, score, sorted(different))
        _place_legend(figure, axes)
    return figure


def _numbers_of_seeds(values: pd.DataFrame) -> list[int]:
    """How many seeds a line's points are of: where replicas failed, the first and the last."""
    counts = values.groupby("task")["seed"].nunique()
    return list(dict.fromkeys([int(counts.iloc[0]), int(counts.iloc[-1])]))


def _draw_line(
    axes: Axes,
    run: str,
    values: pd.DataFrame,
    colour: str,
    marker: str,
    dashes: str | tuple[int, tuple[int, ...]],
) -> None:
    by_task = values.groupby("task")["value"]
    mean, deviation = by_task.mean(), by_task.std()
    tasks = mean.index.to_numpy()
    axes.plot(
        tasks,
        mean,
        color=colour,
        marker=marker,
        linestyle=dashes,
        markersize=4,
        label=run,
        zorder=3,
    )
    if values["seed"].nunique() > 1:
        axes.fill_between(
            tasks, mean - deviation, mean + deviation, color=colour, alpha=0.18, linewidth=0
        )


def _label(axes: Axes, headline: pd.DataFrame, score: str, seeds: list[int]) -> None:
    anomalies, datasets = headline["anomaly_class"].unique(), headline["dataset"].unique()
    anomaly = f"class {anomalies[0]}" if len(anomalies) == 1 else "the anomaly class"
    axes.set_xlabel("After task")
    axes.set_ylabel(f"AUROC, {anomaly} against\nall classes seen so far")
    if seeds == [1]:
        names = headline["seed"].unique()
        over = f", seed {names[0]}" if len(names) == 1 else ", one seed each"
    else:
        over = ", mean ± s.d." + (f" of {seeds[0]} seeds" if len(seeds) == 1 else "")
    axes.set_title(f"{', '.join(datasets)}, score {score}{over}", fontsize=9)
    axes.xaxis.set_major_locator(MultipleLocator(max(1, headline["task"].max() // 10)))
    low, high = axes.get_ylim()
    if low < 0.5:
        high = max(high, 0.52)
        axes.axhline(0.5, color="0.5", linewidth=0.8, zorder=1)
        place: Any = {"xycoords": ("axes fraction", "data"), "ha": "right", "va": "bottom"}
        axes.annotate("chance", (1, 0.5), color="0.4", fontsize=8, **place)
    axes.set_ylim(low, min(high, 1.005))


def _place_legend(figure: Figure, axes: Axes) -> None:
    """Put the legend beside the axes where its labels are short, below them where they are not."""
    handles, labels = axes.get_legend_handles_labels()
    if max(map(len, labels)) <= 14:
        figure.legend(handles, labels, loc="outside right upper", frameon=False)
        return
    columns = 2 if max(map(len, labels)) <= 32 else 1
    rows = -(-len(labels) // columns)
    figure.set_figheight(figure.get_figheight() + 0.18 * rows)
    figure.legend(handles, labels, loc="outside lower center", frameon=False, ncols=columns)


def save_figure(figure: Figure, path: Path, formats: Sequence[str] = ("png", "svg")) -> list[Path]:
    """Save a figure as PATH.png, PATH.svg...

    Args:
        figure: what to save.
        path: without the ending.
        formats: the endings.

    Returns:
        The files.
    """
    files = [path.with_name(f"{path.name}.{ending}") for ending in formats]
    for file, ending in zip(files, formats, strict=True):
        # No date in the SVG: the same data gives the same file.
        metadata = {"Date": None} if ending == "svg" else None
        with mpl.rc_context(_STYLE):
            figure.savefig(file, dpi=300, metadata=metadata)
    return files
