"""Callback and result types of training, and the losses of its epochs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from cl_anomaly.core.state import PauseReason

OnStep = Callable[[int, int, Tensor], None]
"""Called after each step with the steps done, the steps in all, and each replica's loss (R,)."""

Pause = Callable[[], PauseReason]
"""Asked after each step whether to leave the training."""


def never() -> PauseReason:
    """Let training go on."""
    return PauseReason.NONE


@dataclass(frozen=True)
class TrainingTime:
    """Time and samples of training on one task.

    Attributes:
        seconds: in all.
        replay_seconds: of these, in the strategy's `extend`; None on a GPU, which replays whole
            steps.
        samples: trained on, over all replicas, replayed ones included.
    """

    seconds: float
    replay_seconds: float | None
    samples: int


@dataclass(frozen=True)
class Learnt:
    """The result of learning a task.

    Attributes:
        trained: time and samples.
        after_task_seconds: spent in the strategy's `after_task` and the scores' statistics.
        failures: by replica, the step at which it failed, and what was not finite.
        steps: mean over the replicas; 0 of what learns in closed form.
    """

    trained: TrainingTime
    after_task_seconds: float
    failures: dict[int, tuple[int, str]]
    steps: float


class EpochLosses:
    """The mean loss of each epoch, of every replica; the work of a step is not touched.

    Step s of a replica's S belongs to epoch ⌊(s − 1) E / S⌋ of its E: batches run on across the end
    of an epoch. A replica with fewer steps than the others counts to its own last step.

    Args:
        steps: of each of the R replicas.
        epochs: E.
        device: that they train on.
    """

    def __init__(self, steps: Sequence[int], epochs: int, device: torch.device) -> None:
        self._steps, self._epochs = list(steps), epochs
        self._sums = torch.zeros(epochs, len(steps), dtype=torch.float64, device=device)
        self._done = 0
        self._alike = {
            number: torch.tensor([r for r, own in enumerate(steps) if own == number], device=device)
            for number in dict.fromkeys(steps)
        }

    def add(self, done: int, loss: Tensor) -> None:
        """Add a step's losses, (R,); `done` counts the steps, this one included."""
        if done == 1:  # the task begins, perhaps again
            self._sums.zero_()
        self._done, loss = done, loss.flatten()
        for steps, replicas in self._alike.items():
            if done > steps:
                continue
            row = self._sums[(done - 1) * self._epochs // steps]
            if len(self._alike) == 1:
                row.add_(loss)
            else:
                row.index_add_(0, replicas, loss[replicas].double())

    def means(self) -> Tensor:
        """Return the mean of each epoch, (R, E), float64; NaN of an epoch without a step."""
        counts = torch.tensor([self._counts(steps) for steps in self._steps], dtype=torch.float64)
        return self._sums.T.cpu() / counts

    def _counts(self, steps: int) -> list[int]:
        """Count the steps made so far in each epoch by a replica that makes `steps`."""
        starts = [-(-epoch * steps // self._epochs) for epoch in range(self._epochs + 1)]
        made = [min(start, self._done) for start in starts]
        return [end - start for start, end in pairwise(made)]

    def state_dict(self) -> dict[str, Tensor]:
        """Return the sums, (E, R), and how many steps are in them."""
        return {"sums": self._sums, "done": torch.tensor(self._done)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore what `state_dict` returned."""
        self._sums.copy_(state["sums"])
        self._done = int(state["done"])
