"""Make and save figures; the same data gives the same bytes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cl_anomaly.report.styles import FIGURE_STYLE

FORMATS = ("png", "svg", "pdf")
# No date: the same data gives the same file.
_METADATA: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure with automatic layout; sizes in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: Path, formats: Sequence[str] = ("png", "svg")) -> list[Path]:
    """Save a figure as PATH.png, PATH.svg..., and return these files."""
    files = {path.with_name(f"{path.name}.{ending}"): ending for ending in formats}
    for file, ending in files.items():
        write_figure(figure, file, ending)
    return list(files)


def write_figure(figure: Figure, file: Path, ending: str) -> None:
    """Write a figure into a file of any name, in the given format."""
    with mpl.rc_context(FIGURE_STYLE):
        figure.savefig(file, dpi=300, format=ending, metadata=_METADATA.get(ending))
