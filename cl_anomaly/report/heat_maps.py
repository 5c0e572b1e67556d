"""Heat maps with numbers, a cell for each pair of tasks."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cl_anomaly.report.canvas import new_figure
from cl_anomaly.report.legends import width_of
from cl_anomaly.report.styles import SCALE

_CELL, _WIDEST = 0.42, 10.0  # inches
_POINTS = 72.0  # in an inch
_MOST_WITH_NUMBERS = 24
_DARK = 0.45  # luminance below which black text cannot be read


def new_heat_maps(tasks: int, panels: int) -> tuple[Figure, list[Axes]]:
    """Make a figure for heat maps below each other."""
    side = min(_CELL * tasks, _WIDEST)
    width, height = max(side, 2.6), max(side, 1.0)
    figure = new_figure(width + 1.6, panels * (height + 0.55) + 0.7)
    return figure, [figure.add_subplot(panels, 1, n + 1) for n in range(panels)]


def draw_heat_map(
    axes: Axes,
    values: NDArray[np.float64],
    limits: tuple[float, float],
    written: Callable[[float], str],
    ticks: Sequence[str],
    what: str,
) -> None:
    """Draw a matrix of tasks, with a line between learnt tasks and those to come.

    Args:
        values: (N, M), after task i (row) on task j (column); cells of NaN stay empty.
        written: formats a number.
    """
    rows, columns = values.shape
    image = axes.imshow(values, cmap=SCALE, vmin=limits[0], vmax=limits[1], aspect="equal")
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    step = max(1, columns // _MOST_WITH_NUMBERS)
    axes.set_xticks(range(0, columns, step), ticks[::step])
    cell = _POINTS * min(_CELL, _WIDEST / columns)
    if max(map(width_of, ticks)) > 0.95 * cell * step:
        axes.tick_params(axis="x", labelrotation=90)
    axes.set_yticks(range(0, rows, step), [str(n + 1) for n in range(0, rows, step)])
    if max(values.shape) <= _MOST_WITH_NUMBERS:
        _write_numbers(axes, values, limits, written)
    # Learnt tasks are below the line.
    corners = [(n + 0.5, n + dy) for n in range(columns - 1) for dy in (-0.5, 0.5)]
    corners.append((columns - 0.5, columns - 1.5))
    axes.plot(*zip(*corners, strict=True), color="white", linewidth=2.2)
    axes.plot(*zip(*corners, strict=True), color="black", linewidth=1.0)
    figure = axes.get_figure(root=True)
    figure.colorbar(image, ax=axes, label=what, shrink=0.9, pad=0.02, aspect=25)  # type: ignore[union-attr]


def _write_numbers(
    axes: Axes,
    values: NDArray[np.float64],
    limits: tuple[float, float],
    written: Callable[[float], str],
) -> None:
    low, high = limits
    for (row, column), value in np.ndenumerate(values):
        if np.isnan(value):
            continue
        red, green, blue, _ = colormaps[SCALE]((value - low) / (high - low))
        luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
        colour = "white" if luminance < _DARK else "black"
        words = axes.text(
            column, row, written(value), ha="center", va="center", color=colour, fontsize=7.5
        )
        words.set_in_layout(False)  # they are inside, and need no room
