"""Style of all figures, and looks of lines by strategy."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FIGURE_STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.6,
    # Names of runs and datasets are no formulas, whatever is in them.
    "text.parse_math": False,
    # Text stays text in the SVG and the PDF, and the same data gives the same file.
    "svg.fonttype": "none",
    "svg.hashsalt": "cl-anomaly",
    "pdf.fonttype": 42,
}
"""For `matplotlib.rc_context` around drawing and writing a figure."""

SCALE = "cividis"
"""Colour map for the colour-blind, whose lightness rises in grey, too."""

NORMAL, ANOMALOUS, THRESHOLD = "#56B4E9", "#000000", "#D55E00"
"""Colours of normal samples, anomalous samples and thresholds."""

Dashes = str | tuple[int, tuple[float, ...]]


@dataclass(frozen=True)
class Style:
    """Look of a line; marker and dashes distinguish it without colour."""

    colour: str
    marker: str
    dashes: Dashes


# Okabe & Ito's colours, "Color Universal Design" (2008), dark ones first.
_BUILT_IN = {
    "upper": Style("#0072B2", "o", "-"),
    "gr": Style("#D55E00", "s", "--"),
    "ewc": Style("#009E73", "^", "-."),
    "lower": Style("#000000", "D", ":"),
}
# For all others: the remaining colours, then some of Paul Tol's "muted".
_COLOURS = ("#CC79A7", "#56B4E9", "#E69F00", "#882255", "#999933", "#332288", "#8C564B")
_MARKERS = ("v", "P", "X", "*", "<", ">", "p", "h", "d")
_DASHES: tuple[Dashes, ...] = (
    (0, (5, 1)),
    (0, (3, 1, 1, 1)),
    (0, (1, 1)),
    (0, (8, 2)),
    (0, (6, 1, 1, 1, 1, 1)),
    (0, (2, 1)),
    (0, (9, 1, 3, 1)),
)
# All differ: the numbers of colours and markers have no common divisor.
_SLOTS = len(_COLOURS) * len(_MARKERS)
_ALL_MARKERS = ("o", "s", "^", "D", *_MARKERS)
_ALL_DASHES: tuple[Dashes, ...] = ("-", "--", "-.", ":", *_DASHES)


def styles_of(strategies: Mapping[str, str]) -> dict[str, Style]:
    """Return the styles of lines from their strategies, by the lines' names.

    A built-in strategy always has the same style. Another's depends on its name, and on the styles
    taken already: no two are the same, up to 63 strategies. Several lines of a strategy are shades.
    """
    first = _styles_of_strategies(set(strategies.values()))
    lines: dict[str, list[str]] = {}
    for line, strategy in strategies.items():
        lines.setdefault(strategy, []).append(line)
    return {
        line: _shade(first[strategy], number, len(names))
        for strategy, names in lines.items()
        for number, line in enumerate(names)
    }


def _styles_of_strategies(strategies: set[str]) -> dict[str, Style]:
    styles = {name: style for name, style in _BUILT_IN.items() if name in strategies}
    # In alphabetical order, so that the order of the lines changes nothing.
    for strategy in sorted(strategies - styles.keys()):
        start = int.from_bytes(hashlib.sha256(strategy.encode()).digest()[:8]) % _SLOTS
        slots = [_style((start + step) % _SLOTS) for step in range(_SLOTS)]
        colours = {style.colour for style in styles.values()}
        markers = {style.marker for style in styles.values()}
        # The first that shares least with those taken; colour weighs most.
        styles[strategy] = min(
            slots,
            key=lambda s: (s in styles.values(), s.colour in colours, s.marker in markers),
        )
    return styles


def _style(slot: int) -> Style:
    colour, marker = _COLOURS[slot % len(_COLOURS)], _MARKERS[slot % len(_MARKERS)]
    return Style(colour, marker, _DASHES[slot % len(_DASHES)])


def _shade(style: Style, number: int, count: int) -> Style:
    """Return the style of one of several lines of a strategy; the first is unchanged."""
    if number == 0:
        return style
    marker = _ALL_MARKERS[(_ALL_MARKERS.index(style.marker) + number) % len(_ALL_MARKERS)]
    dashes = _ALL_DASHES[(_ALL_DASHES.index(style.dashes) + number) % len(_ALL_DASHES)]
    # A page whose lines have different strategies needs no matplotlib.
    from matplotlib.colors import to_hex, to_rgb

    rgb = to_rgb(style.colour)
    # Every second line is darker, except black ones.
    dark = number % 2 == 0 and any(rgb)
    share, end = (0.6, 0.0) if dark else (0.7, 1.0)
    red, green, blue = (part + share * number / count * (end - part) for part in rgb)
    return Style(to_hex((red, green, blue)), marker, dashes)


def styles_of_tasks(count: int) -> list[Style]:
    """Return styles of the tasks of a stream, from dark to light in order."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    steps = [0.85 * task / max(1, count - 1) for task in range(count)]
    return [
        Style(
            to_hex(colormaps[SCALE](step)),
            _ALL_MARKERS[task % len(_ALL_MARKERS)],
            _ALL_DASHES[task % len(_ALL_DASHES)],
        )
        for task, step in enumerate(steps)
    ]
