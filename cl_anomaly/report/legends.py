"""Legends and titles that stay inside their figure, however long their names are."""

from bisect import bisect_right
from collections.abc import Mapping

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

from cl_anomaly.report.drawn_run import DrawnRun

_POINTS = 72.0  # in an inch
_BESIDE = 76.0  # points: labels that are wider stand below the axes
_LINE = 1.25  # a line of text, in font sizes
# The legend's own distances, in font sizes: handle, handle to text, between columns, rows, border.
_HANDLE, _TO_TEXT, _COLUMNS, _ROWS, _BORDER = 2.6, 0.6, 1.6, 0.45, 0.5
_MOST_COLUMNS = 6


def place_legend(figure: Figure, lines: Mapping[str, Artist], beside: bool) -> None:
    """Put the legend beside the axes if there is room and it is small; else extend the figure.

    Args:
        lines: by label.
    """
    size = mpl.rcParams["font.size"]
    widest = max(map(width_of, lines))
    height = size * ((_LINE + _ROWS) * len(lines) + 2 * _BORDER)
    distances = {
        "frameon": False,
        "handlelength": _HANDLE,
        "handletextpad": _TO_TEXT,
        "columnspacing": _COLUMNS,
        "labelspacing": _ROWS,
        "borderpad": _BORDER,
    }
    if beside and widest <= _BESIDE and height <= 0.8 * _POINTS * figure.get_figheight():
        figure.legend(list(lines.values()), list(lines), loc="outside right upper", **distances)
        return
    room = _POINTS * figure.get_figwidth() - 4 * _BORDER * size
    handle = size * (_HANDLE + _TO_TEXT)
    labels = [wrapped(label, room - handle) for label in lines]
    width = handle + max(width_of(label) for label in labels)
    columns = int((room + _COLUMNS * size) // (width + _COLUMNS * size))
    columns = max(1, min(columns, _MOST_COLUMNS, len(labels)))
    rows = -(-len(labels) // columns)
    # A column with all the longest labels is as high as any can be.
    most = sum(sorted((label.count("\n") + 1 for label in labels), reverse=True)[:rows])
    height = size * (_LINE * most + _ROWS * rows + 2 * _BORDER)
    figure.set_figheight(figure.get_figheight() + height / _POINTS)
    figure.legend(
        list(lines.values()), labels, loc="outside lower center", ncols=columns, **distances
    )


def put_title(figure: Figure, run: DrawnRun, *more: str) -> None:
    """Put the dataset, the run's name and more words above a figure."""
    text = run.words.title or ", ".join([run.results.dataset, run.results.name, *more])
    figure.suptitle(wrapped(text, 0.95 * _POINTS * figure.get_figwidth()), fontsize=9)


def wrapped(text: str, width: float) -> str:
    """Break text into lines of at most so many points, after a word or sign if possible."""
    lines = []
    while width_of(text) > width and len(text) > 1:
        fits = bisect_right(range(1, len(text)), width, key=lambda length: width_of(text[:length]))
        line = text[: max(1, fits)]
        place = max(line.rfind(sign) for sign in " ,/_-.:") + 1
        # Not after a word or two, which would leave the line almost empty.
        place = place if place > len(line) // 3 else len(line)
        lines.append(text[:place].strip())
        text = text[place:].lstrip()
    return "\n".join([*lines, text])


def width_of(text: str) -> float:
    """Measure the longest line of text in the figure's font, in points."""
    font = FontProperties(size=mpl.rcParams["font.size"])
    return max(
        TextToPath().get_text_width_height_descent(line, font, False)[0]
        for line in text.split("\n")
    )
