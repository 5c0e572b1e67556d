"""Samples as small images on axes whose unit is a tile."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cl_anomaly.report.canvas import new_figure
from cl_anomaly.report.legends import width_of

GAP = 0.08  # between tiles
_SIZE, _POINTS = 8, 72.0  # of words; points in an inch
_MARGIN, _TITLE = 0.08, 0.4  # inches


class Sheet:
    """Tiles in rows, with words on their left and between them.

    Args:
        columns: width in tiles; gaps between groups make it fractional.
        words: on the left, in at most two lines.
    """

    def __init__(self, columns: float, rows: float, inches: float, words: Sequence[str]) -> None:
        left = _SIZE / mpl.rcParams["font.size"] * max(map(width_of, words)) / _POINTS + 0.25
        width, height = left + inches * columns + _MARGIN, inches * rows + _TITLE + _MARGIN
        self.figure: Figure = new_figure(width, height)
        self.figure.set_layout_engine("none")  # everything has its place
        place = (left / width, _MARGIN / height, inches * columns / width, inches * rows / height)
        self.axes: Axes = self.figure.add_axes(place)
        self.axes.set_axis_off()
        self._size = columns, rows

    def tile(self, image: NDArray[np.floating], x: float, y: float, top: float = 1.0) -> None:
        """Draw an image with its upper left corner at (x, y), y downwards; `top` is white."""
        height = image.shape[0] / image.shape[1]
        self.axes.imshow(
            np.clip(image / top, 0, 1),
            cmap="gray",
            vmin=0,
            vmax=1,
            extent=(x, x + 1, y + height, y),
            interpolation="nearest",
        )

    def write(self, text: str, x: float, y: float, size: float = _SIZE) -> None:
        """Write words around (x, y)."""
        self.axes.text(x, y, text, ha="center", va="center", fontsize=size, linespacing=1.1)

    def write_left(self, text: str, y: float) -> None:
        """Write words on the left, around y."""
        self.axes.text(-0.2, y, text, ha="right", va="center", fontsize=_SIZE, linespacing=1.1)

    def finish(self) -> Figure:
        """Return the whole figure."""
        self.axes.set(xlim=(0, self._size[0]), ylim=(self._size[1], 0), aspect="equal")
        return self.figure
