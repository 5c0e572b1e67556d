"""Pictures of one run, one kind a file: a new file in this folder is found without being named.

A kind's file is called as `--kind` calls it. Its function `draw` takes the run, and the score where
the picture is of scores. What else it needs lies beside this folder. Importing this imports no
matplotlib.
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
"""The kinds that there are."""


@dataclass(frozen=True)
class Picture:
    """A kind of picture.

    Attributes:
        name: of the kind.
        function: draws it.
    """

    name: str
    function: Callable[..., Any]

    @property
    def is_of_scores(self) -> bool:
        """Whether it shows one of the scores."""
        return "score" in inspect.signature(self.function).parameters

    def draw(self, run: "DrawnRun", score: str) -> "Figure":
        """Draw a run.

        Args:
            run: what is drawn.
            score: which of its scores, where the picture is of scores.

        Raises:
            InputError: the run has not recorded what the picture needs, or its score is none that
                the run has.
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
