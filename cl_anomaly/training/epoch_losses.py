"""The mean loss of each epoch, of every replica, as it trains on a task."""

from collections.abc import Sequence

import torch
from torch import Tensor


class EpochLosses:
    """Adds up what replicas' losses are in the steps of each epoch; a step's work is not touched.

    Step s of a replica's S belongs to epoch ⌊(s − 1) E / S⌋ of its E: batches run on across the end
    of an epoch. A replica that is through before the others counts to its own last step.

    Args:
        steps: of each of the R replicas, in all.
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
        if done == 1:  # of a task that begins, perhaps anew
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
        """How many steps have been made in each epoch by a replica that makes `steps`."""
        starts = [-(-epoch * steps // self._epochs) for epoch in range(self._epochs + 1)]
        made = [min(start, self._done) for start in starts]
        return [end - start for start, end in zip(made, made[1:], strict=False)]

    def state_dict(self) -> dict[str, Tensor]:
        """Return the sums, (E, R), and how many steps are in them."""
        return {"sums": self._sums, "done": torch.tensor(self._done)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take back what `state_dict` gave."""
        self._sums.copy_(state["sums"])
        self._done = int(state["done"])
