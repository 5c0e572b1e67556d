"""Replay of stored samples."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from cl_anomaly.scenarios.class_stream import Task
from cl_anomaly.strategies.base import Strategy
from cl_anomaly.strategies.shared.ratio import Ratio, check_ratio, replayed_count
from cl_anomaly.strategies.shared.reservoir import Reservoir, capacity, check_budget


class Replay(Strategy):
    """Replay of stored samples: join each batch with real ones from a reservoir of all seen.

    Chaudhry et al., "On Tiny Episodic Memories in Continual Learning" (2019), algorithm 1, with
    reservoir sampling. Samples are stored as the dataset stores them: a pixel of uint8 takes one
    byte. The reservoir is filled when a task ends, with each of its samples once; the paper offers
    them batch by batch, and draws from the current task too.

    Args:
        samples: how many each replica keeps.
        memory_bytes: how many bytes each replica keeps, in place of `samples`.
        ratio: stored samples for each new one. "proportional" draws one for each past task.
    """

    name = "replay"
    needs_boundaries = False  # the reservoir is the same wherever what has come is cut into tasks
    stores_samples = True

    def __init__(
        self,
        samples: int = 500,
        memory_bytes: int | None = None,
        ratio: float | Literal["proportional"] = "proportional",
    ) -> None:
        check_budget(samples, memory_bytes)
        check_ratio(ratio)
        self.room = (samples, memory_bytes)
        self.ratio: Ratio = ratio
        self.reservoir = Reservoir()

    @property
    def told_boundaries(self) -> str | None:
        """Name the strategy, or the ratio that counts past tasks."""
        if self.ratio == "proportional" and not self.needs_boundaries:
            return f"`ratio` proportional of the strategy {self.name}"
        return super().told_boundaries

    def before_task(self, tasks: Sequence[Task]) -> None:
        """Refuse a budget that holds no sample, before anything is trained."""
        self._slots()

    def _slots(self) -> int:
        return capacity(*self.room, self.samples.stored[0].nbytes)

    def extend(self, x: Tensor) -> Tensor:
        """Append samples from the reservoir."""
        if not self.reservoir:
            return x
        count = replayed_count(self.ratio, self.task_number - 1, x.shape[1])
        return torch.cat([x, self._drawn(count)], dim=1)

    def recall(self, count: int) -> Tensor | None:
        """Give samples from the reservoir."""
        return self._drawn(count) if self.reservoir else None

    def _drawn(self, count: int) -> Tensor:
        slots = self.reservoir.draw(count, self.random)
        return self.samples.scaled(self.reservoir.take("samples", slots))

    def after_task(self, tasks: Sequence[Task]) -> None:
        """Offer the task's samples to the reservoir."""
        indices, device = [task.indices for task in tasks], self.samples.stored.device
        places, is_new = self.reservoir.offer(indices, self._slots(), self.random, device)
        self.reservoir.put("samples", self.samples.as_stored(places), is_new)

    def state_dict(self) -> dict[str, Tensor]:
        """Give the reservoir."""
        return self.reservoir.kept

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take it back."""
        self.reservoir.kept = dict(state)
