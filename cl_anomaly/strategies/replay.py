"""Replay of stored samples."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from cl_anomaly.scenarios.class_stream import Task
from cl_anomaly.strategies.base import Strategy
from cl_anomaly.strategies.shared.ratio import Ratio, checked_ratio, replayed_count
from cl_anomaly.strategies.shared.reservoir import Budget, Reservoir


class Replay(Strategy):
    """Replay of stored samples: join each batch with real ones from a reservoir of all seen.

    Chaudhry et al., "On Tiny Episodic Memories in Continual Learning" (2019), algorithm 1. A sample
    is offered once, when its task ends; in the paper batch by batch, with draws from the current
    task. A fifth are samples kept aside to set thresholds, if there are any.

    Args:
        samples: how many each replica keeps.
        memory_bytes: bytes that each replica keeps, in place of `samples`; a uint8 pixel takes one.
        ratio: stored samples for each new one. "proportional" draws one for each past task.
    """

    name = "replay"
    needs_boundaries = False  # the reservoir is the same, however the stream is cut into tasks
    stores_samples = True

    def __init__(
        self,
        samples: int = 500,
        memory_bytes: int | None = None,
        ratio: float | Literal["proportional"] = "proportional",
    ) -> None:
        self.budget = Budget(samples, memory_bytes)
        self.ratio: Ratio = checked_ratio(ratio)

    @property
    def reservoir(self) -> Reservoir:
        """Stored samples to train on."""
        return Reservoir(self.kept.setdefault("reservoir", {}), self.samples.stored.device)

    @property
    def aside(self) -> Reservoir:
        """Stored samples that set thresholds."""
        return Reservoir(self.kept.setdefault("aside", {}), self.samples.stored.device)

    @property
    def told_boundaries(self) -> str | None:
        """Name the strategy, or the ratio that counts past tasks."""
        if self.ratio == "proportional" and not self.needs_boundaries:
            return f"`ratio` proportional of the strategy {self.name}"
        return super().told_boundaries

    def before_task(self, tasks: Sequence[Task]) -> None:
        """Refuse a budget that holds no sample, before anything is trained."""
        self._slots(tasks)

    def _slots(self, tasks: Sequence[Task]) -> tuple[int, int]:
        """Return how many samples are stored to train on, and how many to set thresholds."""
        if all(len(task.calibration) for task in tasks):
            return self.budget.slots_with_aside(self._bytes_each(), self.samples.stored[0].nbytes)
        return self.budget.slots(self._bytes_each()), 0

    def _bytes_each(self) -> int:
        return self.samples.stored[0].nbytes

    def extend(self, x: Tensor) -> Tensor:
        """Append samples from the reservoir."""
        if not self.reservoir:
            return x
        count = replayed_count(self.ratio, self.task_number - 1, x.shape[1])
        return torch.cat([x, self._drawn(count)], dim=1)

    def stored_aside(self) -> tuple[Tensor, Sequence[int], Sequence[int]] | None:
        """Return the stored samples that were kept aside."""
        if not self.aside:
            return None
        stored, seen = (count.tolist() for count in self.aside.counts())
        return self.samples.scaled(self.aside.kept["samples"]), stored, seen

    def _drawn(self, count: int) -> Tensor:
        return self.samples.scaled(self.reservoir.drawn("samples", count, self.random))

    def after_task(self, tasks: Sequence[Task]) -> None:
        """Offer the task's samples to the reservoir."""
        indices, slots = [task.indices for task in tasks], self._slots(tasks)[0]
        self._store(*self.reservoir.offer(indices, slots, self.random))

    def _store(self, places: Tensor, is_new: Tensor) -> None:
        self.reservoir.put("samples", self.samples.as_stored(places), is_new)

    def store_aside(self, tasks: Sequence[Task]) -> None:
        """Offer the samples kept aside to a second reservoir."""
        if slots := self._slots(tasks)[1]:
            places, is_new = self.aside.offer([t.calibration for t in tasks], slots, self.random)
            self.aside.put("samples", self.samples.as_stored(places), is_new)
