"""Replicas whose tasks are shorter than the others': they end where their own last step was."""

from collections.abc import Sequence

import torch
from torch import Tensor


class EndedReplicas:
    """What steps change of the replicas that ended before the others.

    Args:
        changed: what steps change, weights and others, (R, ...) each.
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
        """Copy what belongs to the replicas for which this step was the last."""
        for replica in self._ending.get(step, ()):
            self._values[replica] = [own.detach()[replica].clone() for own in self._changed]

    @torch.no_grad()
    def put_back(self) -> None:
        """Put all of them back to where they ended."""
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
