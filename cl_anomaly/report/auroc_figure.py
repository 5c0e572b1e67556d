"""Figure of the headline AUROC, for print and for the colour-blind."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from cl_anomaly.report.canvas import new_figure
from cl_anomaly.report.legends import place_legend, width_of, wrapped
from cl_anomaly.report.run_names import headline_of, is_of_several, panels_of
from cl_anomaly.report.styles import FIGURE_STYLE, Style, styles_of
from cl_anomaly.report.words import NO_WORDS, Words
from cl_anomaly.statistics.summary import t_interval

_MOST_IN_A_ROW = 4
_POINTS = 72.0  # in an inch
_SHARE_OF_AXES = 0.6  # of a panel's width


def draw_auroc(metrics: pd.DataFrame, score: str, words: Words = NO_WORDS) -> Figure:
    """Draw the headline AUROC after every task: a line for each run, the mean over its seeds.

    Each dataset and anomaly class has a panel. The band is ± one standard deviation over the seeds.
    For several anomaly classes, a line is the mean of the classes' means, and its band the 95 %
    t-interval.

    Args:
        metrics: in tidy form, with a column `run` that names the lines in their order.
    """
    headline = headline_of(metrics, score)
    panels = panels_of(headline)
    strategies = headline.drop_duplicates("run").set_index("run")["strategy"].to_dict()
    styles = styles_of({str(run): str(strategy) for run, strategy in strategies.items()})
    with mpl.rc_context(FIGURE_STYLE):
        figure, every_axes = _lay_out(len(panels))
        lines: dict[str, Artist] = {}
        below = 0.0
        for axes, (title, rows) in zip(every_axes, panels, strict=True):
            for run, values in rows.groupby("run", sort=False):
                lines[str(run)] = _draw_line(axes, values, styles[str(run)])
            axes.set_xlabel("After task")
            room = 0.8 * _SHARE_OF_AXES * _width(figure, every_axes)
            below = max(below, _number_tasks(axes, int(rows["task"].max()), words, room))
            axes.set_title(wrapped(title, 0.85 * _width(figure, every_axes)), fontsize=9)
        # Upright names extend the figure.
        grown = below * -(-len(panels) // _MOST_IN_A_ROW) / _POINTS
        figure.set_figheight(figure.get_figheight() + grown)
        _label(figure, every_axes, headline, score, words)
        _mark_chance(every_axes)
        place_legend(figure, {run: lines[run] for run in styles}, beside=len(panels) == 1)
    return figure


def _lay_out(panels: int) -> tuple[Figure, list[Axes]]:
    """Make the axes of a figure in rows, with one vertical scale."""
    columns = min(panels, _MOST_IN_A_ROW)
    rows = -(-panels // columns)
    size = (5.5, 3.5) if panels == 1 else (0.9 + 2.5 * columns, 1.0 + 2.2 * rows)
    figure = new_figure(*size)
    every_axes: list[Axes] = []
    for number in range(panels):
        axes = figure.add_subplot(
            rows, columns, number + 1, sharey=every_axes[0] if every_axes else None
        )
        axes.tick_params(labelleft=number % columns == 0)
        every_axes.append(axes)
    return figure, every_axes


def _width(figure: Figure, every_axes: Sequence[Axes]) -> float:
    """Return the width of a panel in points."""
    return _POINTS * figure.get_figwidth() / min(len(every_axes), _MOST_IN_A_ROW)


def _draw_line(axes: Axes, values: pd.DataFrame, style: Style) -> Artist:
    by_task = values.groupby("task")["value"]
    several = is_of_several(values["anomaly_class"].iloc[0])
    mean, margin = by_task.mean(), by_task.agg(t_interval if several else "std")
    tasks = mean.index.to_numpy()
    (line,) = axes.plot(
        tasks,
        mean,
        color=style.colour,
        marker=style.marker,
        linestyle=style.dashes,
        markersize=4,
        label=values["run"].iloc[0],
        zorder=3,
    )
    if values["seed"].nunique() > 1:
        axes.fill_between(
            tasks, mean - margin, mean + margin, color=style.colour, alpha=0.18, linewidth=0
        )
    return line


def _number_tasks(axes: Axes, tasks: int, words: Words, room: float) -> float:
    """Number or name the tasks, upright if necessary; return the height of upright names."""
    if not words.task_names:
        axes.xaxis.set_major_locator(MultipleLocator(max(1, tasks // 10)))
        return 0.0
    names = words.task_names[:tasks]
    widest = max(map(width_of, names))
    is_wide = widest > room / tasks
    axes.set_xticks(range(1, tasks + 1), names, rotation=90 if is_wide else 0)
    return widest if is_wide else 0.0


def _label(
    figure: Figure, every_axes: Sequence[Axes], headline: pd.DataFrame, score: str, given: Words
) -> None:
    """Label the axes, and write the title that all panels share."""
    anomalies, datasets = headline["anomaly_class"].unique(), headline["dataset"].unique()
    is_one = len(anomalies) == 1 and not is_of_several(anomalies[0])
    anomaly = f"class {anomalies[0]}" if is_one else "the anomaly class"
    for axes in every_axes[::_MOST_IN_A_ROW]:
        axes.set_ylabel(f"AUROC, {anomaly} against\nall classes seen so far")
    words = [Path(str(datasets[0])).name] if len(datasets) == 1 else []
    title = given.title or ", ".join([*words, f"score {score}", _seeds(headline)])
    if len(every_axes) == 1:
        # Narrow enough for a legend beside the axes.
        every_axes[0].set_title(wrapped(title, 0.58 * _width(figure, every_axes)), fontsize=9)
    else:
        room = 0.9 * _POINTS * figure.get_figwidth()
        figure.suptitle(wrapped(title, room), fontsize=9)


def _seeds(headline: pd.DataFrame) -> str:
    """Describe the means and the bands of the lines."""
    several = headline["anomaly_class"].map(is_of_several)
    parts = [_over_seeds(headline[~several])] if not several.all() else []
    for classes in headline.loc[several, "anomaly_class"].unique():
        parts.append(f"{classes} ± 95 % t-interval")
    return "; ".join(parts)


def _over_seeds(headline: pd.DataFrame) -> str:
    by_task = headline.groupby(["run", "dataset", "anomaly_class", "task"])["seed"]
    numbers = set(by_task.nunique())
    if numbers == {1}:
        names = headline["seed"].unique()
        return f"seed {names[0]}" if len(names) == 1 else "one seed each"
    return "mean ± s.d." + (f" of {numbers.pop()} seeds" if len(numbers) == 1 else "")


def _mark_chance(every_axes: Sequence[Axes]) -> None:
    low, high = every_axes[0].get_ylim()
    if low < 0.5:
        low, high = min(low, 0.48), max(high, 0.52)
        for axes in every_axes:
            axes.axhline(0.5, color="0.5", linewidth=0.8, zorder=1)
        for axes in {*every_axes[_MOST_IN_A_ROW - 1 :: _MOST_IN_A_ROW], every_axes[-1]}:
            # Beside the axes, where no line is.
            word = axes.annotate(
                "chance",
                (1, 0.5),
                xycoords=("axes fraction", "data"),
                xytext=(3, 0),
                textcoords="offset points",
                color="0.4",
                fontsize=8,
                va="center",
            )
            # There is room beside a row that is not full.
            place = axes.get_subplotspec()
            word.set_in_layout(place is not None and place.is_last_col())
    every_axes[0].set_ylim(low, min(high, 1.015))
