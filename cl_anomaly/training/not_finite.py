"""Replicas whose numbers are no longer finite, found without a wait for the device at each step."""

from collections.abc import Sequence

import torch
from torch import Tensor

# Parameters of so many numbers or fewer, such as biases, are looked at in every step. To look at
# all gradients would cost a tenth of a step, and one that is not finite comes from an output's
# gradient that is not, and so reaches the bias as well. What does not, spoils the next step's loss.
_WATCHED_SIZE = 4096


class Trace:
    """Losses and gradients of the steps since the last look.

    Args:
        weights: of the R replicas, (R, ...) each.
        replicas: R.
        device: that they train on.
    """

    STEPS = 64  # how many it holds

    def __init__(self, weights: Sequence[Tensor], replicas: int, device: torch.device) -> None:
        self._watched = [own for own in weights if own.numel() <= _WATCHED_SIZE * replicas]
        self._values = torch.zeros(self.STEPS, 2, replicas, device=device)
        self._place = torch.zeros(1, dtype=torch.int64, device=device)

    def keep(self, loss: Tensor) -> None:
        """Keep a step's loss, (R,), and its gradients' sums; part of what a device replays."""
        gradients = [own.grad.flatten(1) for own in self._watched if own.grad is not None]
        sums = torch.cat(gradients, dim=1).sum(1) if gradients else torch.zeros_like(loss)
        self._values.index_copy_(0, self._place, torch.stack([loss, sums])[None])
        self._place += 1

    def failures(self, steps: int, done: int) -> dict[int, tuple[int, str]]:
        """Look for numbers that are not finite in the last steps, and begin anew.

        Args:
            steps: since the last look, `STEPS` at most.
            done: steps in all.

        Returns:
            By replica, the first such step, from 1, and what was not finite in it.
        """
        finite, first = self._values[:steps].cpu().isfinite(), done - steps + 1
        self._place.zero_()
        failed = {}
        for replica in (~finite.all(0).all(0)).nonzero().flatten().tolist():
            step = int((~finite[:, :, replica].all(1)).nonzero()[0])
            what = "a gradient" if finite[step, 0, replica] else "its loss"
            failed[replica] = (first + step, what)
        return failed


def broken_weights(weights: Sequence[Tensor]) -> list[int]:
    """List the replicas with weights, (R, ...) each, that are not finite."""
    finite = torch.stack([own.detach().isfinite().flatten(1).all(1) for own in weights]).all(0)
    return (~finite).nonzero().flatten().tolist()
