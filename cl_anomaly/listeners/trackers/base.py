"""The base class of trackers, which record a run in another program's format while it trains."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cl_anomaly.core.events import EVENTS_FILE

End = Literal["finished", "interrupted", "failed"]
"""How a run ended. A killed run counts as interrupted: it can be resumed."""

LOSS = "loss"
"""The name of the loss."""


@dataclass(frozen=True)
class TrackedRun:
    """A run's description for a tracker.

    Attributes:
        id: eight hexadecimal digits, the same after resuming.
        name: of its folder, which a person may have changed.
        store: a tracker's folder on this machine for all runs beside this one; it may be missing.
        settings: the run's configuration, by names such as `epochs` and `strategy.ratio`.
        folder: the run's, with its results once it is finished; see `results`.
        times: the number of times that it was begun or resumed.
    """

    id: str
    name: str
    store: Path
    settings: Mapping[str, Any]
    folder: Path
    times: int = 1

    @property
    def label(self) -> str:
        """A name that no other run has."""
        return f"{self.name}-{self.id}"

    def results(self) -> list[Path]:
        """Return the files in its folder, without the log and hidden ones."""
        files = (path for path in self.folder.iterdir() if path.is_file())
        return sorted(path for path in files if path.name[0] != "." and path.name != EVENTS_FILE)


class Tracker:
    """A tracker that does nothing; subclasses override what they need.

    It lives in its own process: it may wait, print and raise errors. Its first error is shown to
    the user, and the run goes on. An error in `start` ends the tracking; after any other the next
    call comes as usual.
    """

    def start(self, run: TrackedRun) -> Mapping[str, int] | None:
        """Begin to track a run, or resume the one of that id.

        Returns:
            The last step of each recorded name, `loss` among them: later steps are sent, even if
            they happened before. None if that is unknown: then only new events are sent.
        """
        return None

    def loss(self, step: int, value: float) -> None:
        """Record the mean loss of a step, which is counted in thousandths of an epoch."""

    def task(self, number: int, values: Mapping[str, float]) -> None:
        """Record what was measured after a task, from 1, by names such as auroc_seen/mse."""

    def picture(self, name: str, step: int, image: NDArray[np.uint8]) -> None:
        """Record a picture, (H, W, 3), after a task, whose number is the step."""

    def end(self, how: End) -> None:
        """Write what is not written yet; this is the last call."""
