"""Replicas that stop early: at their own last step, or when their numbers are no longer finite."""

from collections.abc import Sequence

import torch
from torch import Tensor

# Gradients of this many numbers or fewer, such as those of biases, are checked in every step.
# Checking all would cost a tenth of a step. A gradient that is not finite comes from an output's,
# and so reaches the bias as well; any other spoils the next step's loss.
_WATCHED_SIZE = 4096


class EndedReplicas:
    """Copies of the replicas that end before the others, as they were after their last step.

    Args:
        changed: tensors that steps change, (R, ...) each.
        steps: of each replica.
    """

    def __init__(self, changed: Sequence[Tensor], steps: Sequence[int]) -> None:
        self._changed = changed
        self._ending = {
            step: [replica for replica, own in enumerate(steps) if own == step]
            for step in set(steps) - {max(steps)}
        }
        self._values: dict[int, list[Tensor]] = {}

    def note(self, step: int) -> None:
        """Copy the replicas for which this step was the last."""
        for replica in self._ending.get(step, ()):
            self._values[replica] = [own.detach()[replica].clone() for own in self._changed]

    @torch.no_grad()
    def put_back(self) -> None:
        """Reset these replicas to their copies."""
        for replica, values in self._values.items():
            for own, value in zip(self._changed, values, strict=True):
                own[replica] = value

    def state(self) -> dict[str, Tensor]:
        """Return the copies, by REPLICA.PLACE."""
        pairs = ((replica, enumerate(values)) for replica, values in self._values.items())
        return {f"{replica}.{place}": own for replica, values in pairs for place, own in values}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Restore what `state` returned."""
        for replica in sorted({int(name.partition(".")[0]) for name in state}):
            places = range(len(self._changed))
            self._values[replica] = [state[f"{replica}.{place}"] for place in places]


class Trace:
    """Losses and gradients since the last check, so that the device is not waited for at each step.

    Args:
        weights: of the R replicas, (R, ...) each.
        replicas: R.
        device: that they train on.
    """

    STEPS = 64  # its capacity

    def __init__(self, weights: Sequence[Tensor], replicas: int, device: torch.device) -> None:
        self._watched = [own for own in weights if own.numel() <= _WATCHED_SIZE * replicas]
        self._values = torch.zeros(self.STEPS, 2, replicas, device=device)
        self._place = torch.zeros(1, dtype=torch.int64, device=device)

    def keep(self, loss: Tensor) -> None:
        """Keep a step's loss, (R,), and the sums of its gradients; a GPU replays this, too."""
        gradients = [own.grad.flatten(1) for own in self._watched if own.grad is not None]
        sums = torch.cat(gradients, dim=1).sum(1) if gradients else torch.zeros_like(loss)
        self._values.index_copy_(0, self._place, torch.stack([loss, sums])[None])
        self._place += 1

    def failures(self, steps: int, done: int) -> dict[int, tuple[int, str]]:
        """Return each failed replica's first step with a number that is not finite, and which.

        Args:
            steps: since the last check, `STEPS` at most.
            done: steps in all.
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
