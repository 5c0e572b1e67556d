"""The progress that a run reports while it trains."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


class Progress:
    """A listener that does nothing; subclasses show what a run reports.

    Attributes:
        happened: the event's time in seconds since 1970 if it comes from a log, None if it is now.
    """

    happened: float | None = None
    # Reading a loss waits for the device, so it is read a few times a second.
    _pause = 0.2
    _next_update = 0.0

    def task(self, number: int, tasks: int, epochs: int | None) -> None:
        """Hear that task `number`, from 1, begins; `epochs` is None if it has none."""

    def step(self, done: int, total: int, loss: "Tensor") -> None:
        """Hear that a training step is done, of `total` in this task; losses (R,)."""
        now = time.monotonic()
        if now >= self._next_update or done == total:
            self._next_update = now + self._pause
            self.update(done, total, float(loss.mean()))

    def update(self, done: int, total: int, loss: float) -> None:
        """Hear the same a few times a second, with the mean loss of the replicas."""

    def evaluated(self, number: int, aurocs: Sequence[float]) -> None:
        """Hear the headline AUROC of each replica after a task."""

    def notice(self, text: str) -> None:
        """Hear what the user must know."""
