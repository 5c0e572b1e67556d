"""What a tracker is: it takes down, in a program of its own, what a run tells while it trains."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cl_anomaly.core.events import EVENTS_FILE

End = Literal["finished", "interrupted", "failed"]
"""How a run ended. One that was killed counts as interrupted: it may be gone on with."""

LOSS = "loss"
"""The name of the loss among the names of all that is tracked."""


@dataclass(frozen=True)
class TrackedRun:
    """What a tracker is told of a run at its beginning.

    Attributes:
        id: eight hexadecimal digits; a run that is resumed has the same ones.
        name: of its folder, which a person may have changed since.
        store: folder for what a tracker keeps on this machine, for all runs beside this one. It
            need not be there yet.
        settings: the run's configuration, by names such as `epochs` and `strategy.ratio`.
        folder: the run's, with its results once it is finished; see `results`.
        times: how many times it was begun or resumed.
    """

    id: str
    name: str
    store: Path
    settings: Mapping[str, Any]
    folder: Path
    times: int = 1

    @property
    def label(self) -> str:
        """Name it so that no other run is called the same."""
        return f"{self.name}-{self.id}"

    def results(self) -> list[Path]:
        """List the files in its folder that are worth keeping: all but its log and hidden ones."""
        files = (path for path in self.folder.iterdir() if path.is_file())
        return sorted(path for path in files if path.name[0] != "." and path.name != EVENTS_FILE)


class Tracker:
    """Takes down what a run tells, and does nothing; subclasses override what they need.

    It lives in a process of its own, beside the run: it may wait, print and raise errors as it
    likes. Its first error is shown to the user, and the run goes on. One that `start` raises ends
    the tracking; after any other the next call comes as usual.
    """

    def start(self, run: TrackedRun) -> Mapping[str, int] | None:
        """Begin to track a run, or go on with the one of that id.

        Returns:
            Of a run that is gone on with, the last step of each name that is there, `loss` among
            them: nothing that is there is told again, and what is missing is. None where that is
            not known: then it is told of what happens from now on.
        """
        return None

    def loss(self, step: int, value: float) -> None:
        """Take down the mean loss of a step, which is counted in thousandths of an epoch."""

    def task(self, number: int, values: Mapping[str, float]) -> None:
        """Take down what was measured after a task, from 1, by names such as auroc_seen/mse."""

    def picture(self, name: str, step: int, image: NDArray[np.uint8]) -> None:
        """Take down a picture, (H, W, 3), that was made after a task; its number is the step."""

    def end(self, how: End) -> None:
        """Write what is not written yet: this is the last call of all."""
