"""Pictures of one run: each file in this folder is a kind, named as in `--kind`.

Its function `draw` takes the run, and the score if it is a picture of scores. Importing this
imports no matplotlib.
"""

import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cl_anomaly.core.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cl_anomaly.report.drawn_run import DrawnRun

PICTURES = tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))
"""Names of the kinds."""


@dataclass(frozen=True)
class Picture:
    """A kind of picture and the function that draws it."""

    name: str
    function: Callable[..., Any]

    @property
    def is_of_scores(self) -> bool:
        """Whether it shows one of the scores."""
        return "score" in inspect.signature(self.function).parameters

    def draw(self, run: "DrawnRun", score: str) -> "Figure":
        """Draw a run, by one of its scores if the picture is of scores.

        Raises:
            InputError: the run lacks the score, or what the picture needs.
        """
        import matplotlib as mpl

        from cl_anomaly.report.styles import FIGURE_STYLE

        known = run.results.metrics["score"].unique().tolist()
        if score not in known:
            raise InputError(
                setting="score",
                expected=f"to be one that the run has ({', '.join(known)})",
                got=repr(score),
            )
        with mpl.rc_context(FIGURE_STYLE):
            return self.function(run, score) if self.is_of_scores else self.function(run)


def find_picture(name: str) -> Picture:
    """Look up one of PICTURES."""
    return Picture(name, import_module(f"{__name__}.{name}").draw)
