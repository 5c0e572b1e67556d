"""The progress that a run reports while it trains."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


class Progress:
    """Listens to a run, and does nothing; subclasses show what they hear.

    Attributes:
        happened: when what it is being told of happened, in seconds since 1970, if that comes from
            an event log; None if it happens now.
    """

    happened: float | None = None
    # Reading a loss waits for the device: often enough to look alive, too seldom to cost anything.
    _pause = 0.2
    _next_update = 0.0

    def task(self, number: int, tasks: int, epochs: int | None) -> None:
        """Training on a task begins: its number from 1, of how many; its epochs, if it has any."""

    def step(self, done: int, total: int, loss: "Tensor") -> None:
        """A training step is done, of how many in this task; the loss of each replica, (R,)."""
        now = time.monotonic()
        if now >= self._next_update or done == total:
            self._next_update = now + self._pause
            self.update(done, total, float(loss.mean()))

    def update(self, done: int, total: int, loss: float) -> None:
        """The same, a few times a second: the loss is the mean over the replicas."""

    def evaluated(self, number: int, aurocs: Sequence[float]) -> None:
        """A task has been learnt and evaluated: the headline AUROC of each replica."""

    def notice(self, text: str) -> None:
        """Something that the user must know."""
