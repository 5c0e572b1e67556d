"""What a run tells about its progress while it trains."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


class Progress:
    """Listens to a run, and does nothing; subclasses show what they hear."""

    def task(self, number: int, tasks: int, epochs: int) -> None:
        """Training on a task begins: its number from 1, of how many, and its epochs."""

    def step(self, done: int, total: int, loss: "Tensor") -> None:
        """A training step is done, of how many in this task; the loss of each replica, (R,)."""

    def evaluated(self, number: int, aurocs: Sequence[float]) -> None:
        """A task has been learnt and evaluated: the headline AUROC of each replica."""
