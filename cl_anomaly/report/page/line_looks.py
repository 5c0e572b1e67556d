"""Colours, markers and dashes of all figures, as Vega writes them."""

from collections.abc import Sequence
from dataclasses import dataclass

from cl_anomaly.report.page.content import PageEntry
from cl_anomaly.report.styles import Style, styles_of

TEXT = "currentColor"
"""Colour of words and black lines, light on a dark page."""

_UP, _RIGHT = "M-1,1L1,1L0,-1Z", "M-1,-1L-1,1L1,0Z"
# Paths within −1 and 1, by matplotlib's marker.
_SHAPES = {
    "o": "M-1,0A1,1,0,1,1,1,0A1,1,0,1,1,-1,0Z",
    "s": "M-.9,-.9L.9,-.9L.9,.9L-.9,.9Z",
    "^": _UP,
    "v": "M-1,-1L1,-1L0,1Z",
    "<": "M1,-1L1,1L-1,0Z",
    ">": _RIGHT,
    "D": "M0,-1.2L1.2,0L0,1.2L-1.2,0Z",
    "d": "M0,-1.2L.7,0L0,1.2L-.7,0Z",
    "P": "M-.4,-1L.4,-1L.4,-.4L1,-.4L1,.4L.4,.4L.4,1L-.4,1L-.4,.4L-1,.4L-1,-.4L-.4,-.4Z",
    "X": "M-1,-.5L-.5,-1L0,-.5L.5,-1L1,-.5L.5,0L1,.5L.5,1L0,.5L-.5,1L-1,.5L-.5,0Z",
    "*": "M0,-1.2L.3,-.4L1.1,-.4L.5,.1L.7,1L0,.5L-.7,1L-.5,.1L-1.1,-.4L-.3,-.4Z",
    "p": "M0,-1L.95,-.31L.59,.81L-.59,.81L-.95,-.31Z",
    "h": "M0,-1L.87,-.5L.87,.5L0,1L-.87,.5L-.87,-.5Z",
}
_DASHES = {"-": (1.0, 0.0), "--": (6.0, 3.0), "-.": (6.0, 2.0, 1.0, 2.0), ":": (1.5, 2.0)}


@dataclass(frozen=True)
class Look:
    """Look of a run's line.

    Attributes:
        shape: path of a point, within about −1 and 1.
        dashes: lengths of lines and gaps in turn, in pixels.
    """

    colour: str
    shape: str
    dashes: tuple[float, ...]


def looks_of(entries: Sequence[PageEntry]) -> dict[str, Look]:
    """Return looks by the names of the lines."""
    styles = styles_of({entry.line: entry.strategy for entry in entries})
    return {name: _look(style) for name, style in styles.items()}


def _look(style: Style) -> Look:
    dashes = _DASHES[style.dashes] if isinstance(style.dashes, str) else style.dashes[1]
    colour = TEXT if style.colour == "#000000" else style.colour
    return Look(colour, _SHAPES[style.marker], tuple(float(d) for d in dashes))
