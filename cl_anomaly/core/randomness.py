"""Random numbers with a replica axis, in which no replica disturbs another."""

import hashlib
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from cl_anomaly.core.state import State

# Drawn ahead at once, in numbers: large enough that a GPU is not asked for each batch anew, small
# enough to stay in a processor's cache.
_BLOCK = 1 << 17


def generator(seed: int, *stream: str | int, device: torch.device | str = "cpu") -> torch.Generator:
    """Make the generator of one stream of one seed; streams are independent of each other.

    Args:
        seed: of the replica.
        stream: what the numbers are for, such as ("noise", 3) for task 3.
        device: where the numbers are drawn.
    """
    digest = hashlib.sha256(repr((seed, *stream)).encode()).digest()
    # Positive and below 2**63: what every device's generator takes.
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:8], "big") >> 1)


class Draws(Protocol):
    """What draws random numbers for R replicas."""

    def normal(self, count: int, /, *size: int) -> Tensor:
        """Draw standard normal numbers, shape (R, count, *size), float32."""
        ...

    def integers(self, high: int, count: int, /, *size: int) -> Tensor:
        """Draw whole numbers from 0 to high − 1, shape (R, count, *size), int64."""
        ...


class ReplicaRandom:
    """One generator for each replica, so that seed 7 draws the same alone or among others.

    Args:
        seeds: one for each replica.
        stream: what the numbers are for, see `generator`.
        device: where the numbers are drawn.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        *stream: str | int,
        device: torch.device | str = "cpu",
    ) -> None:
        self._generators = [generator(seed, *stream, device=device) for seed in seeds]
        self._device = device

    def normal(self, *size: int) -> Tensor:
        """Draw standard normal numbers, shape (R, *size), float32."""
        return self._draw(None, size)

    def integers(self, high: int, *size: int) -> Tensor:
        """Draw whole numbers from 0 to high − 1, shape (R, *size), int64."""
        return self._draw(high, size)

    def _draw(self, high: int | None, size: tuple[int, ...]) -> Tensor:
        dtype = torch.float32 if high is None else torch.int64
        values = torch.empty(len(self._generators), *size, dtype=dtype, device=self._device)
        for numbers, replica in zip(self._generators, values, strict=True):
            if high is None:
                replica.normal_(generator=numbers)
            else:
                replica.random_(0, high, generator=numbers)
        return values

    def _states(self) -> Tensor:
        """Where the generators are, (R, bytes), uint8."""
        return torch.stack([numbers.get_state() for numbers in self._generators])

    def _set_states(self, states: Tensor) -> None:
        for numbers, state in zip(self._generators, states, strict=True):
            # A copy: PyTorch 2.15 crashes on a part of a larger tensor.
            numbers.set_state(state.clone())


@dataclass
class _Slot:
    """One of the draws that every step makes: what was drawn ahead, and where a step finds it.

    `before` is what the generators were, (R, bytes), when `ahead` was drawn.
    """

    high: int | None
    size: tuple[int, ...]
    before: Tensor
    ahead: Tensor
    used: int
    current: Tensor


class StepRandom(ReplicaRandom):
    """Random numbers for training steps, which draw the same kinds and sizes one after another.

    Numbers are drawn ahead for many steps. What a draw returns is the same tensor at every step,
    filled anew by `next_step`: a step that a GPU replays finds new numbers where the old ones were.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        *stream: str | int,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__(seeds, *stream, device=device)
        self._slots: list[_Slot] = []
        self._position = 0

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Let numbers be drawn that will not have been: what follows is as if they had not."""
        before = self.state()
        try:
            yield
        finally:
            self.restore(before)

    def repeat_step(self, mirrored: Tensor | None = None) -> None:
        """Let a step be made once more: its draws give the numbers that they gave.

        Args:
            mirrored: (R,), bool, the replicas that get other numbers of the same distribution.
        """
        self._position = 0
        for slot in self._slots:
            slot.current.copy_(slot.ahead[:, slot.used])
            if mirrored is not None:
                drawn = slot.current[mirrored]
                slot.current[mirrored] = -drawn if slot.high is None else slot.high - 1 - drawn

    def next_step(self) -> None:
        """Fill every tensor that the last step drew with new numbers."""
        self._position = 0
        for slot in self._slots:
            slot.used += 1
            if slot.used == slot.ahead.shape[1]:
                slot.before, slot.used = self._states(), 0
                slot.ahead = self._draw_ahead(slot.high, slot.size)
            slot.current.copy_(slot.ahead[:, slot.used])

    def _draw(self, high: int | None, size: tuple[int, ...]) -> Tensor:
        slots, position = self._slots, self._position
        self._position += 1
        if position == len(slots) or (slots[position].high, slots[position].size) != (high, size):
            # This step draws other things than the last one: what follows is new as well.
            slots[position:] = [self._new_slot(high, size, used=0)]
        return slots[position].current

    def _new_slot(self, high: int | None, size: tuple[int, ...], used: int) -> _Slot:
        before, ahead = self._states(), self._draw_ahead(high, size)
        return _Slot(high, size, before, ahead, used, ahead[:, used].clone())

    def _draw_ahead(self, high: int | None, size: tuple[int, ...]) -> Tensor:
        # How many steps depends on one replica's size alone: it must not change what a seed sees
        # when other seeds run beside it.
        return super()._draw(high, (max(1, _BLOCK // max(1, math.prod(size))), *size))

    def state(self) -> State:
        """Return where it is between two steps: not the numbers, but what draws them again."""
        state = State({"slots": [(slot.high, slot.size, slot.used) for slot in self._slots]})
        state.tensors["generators"] = self._states()
        for position, slot in enumerate(self._slots):
            state.tensors[f"before.{position}"] = slot.before
        return state

    def restore(self, state: State) -> None:
        """Be where `state` was given."""
        self._slots, self._position = [], 0
        for position, (high, size, used) in enumerate(state.values["slots"]):
            self._set_states(state.tensors[f"before.{position}"])
            self._slots.append(self._new_slot(high, tuple(size), used))
        self._set_states(state.tensors["generators"])


class ShuffledIndices:
    """An endless stream of one replica's training indices, shuffled anew at every pass.

    Batches run on across the end of a pass, so that all are full and no sample is left out.

    Args:
        indices: (n,), what the passes go over.
        generator: draws the order.
    """

    def __init__(self, indices: Tensor, generator: torch.Generator) -> None:
        self._indices = indices
        self._generator = generator
        self._rest = indices[:0]

    def skip(self, count: int) -> None:
        """Pass over the next `count` indices: what follows is as if they had been taken."""
        while count > 0:
            count -= len(self.take(min(count, len(self._indices))))

    def take(self, count: int) -> Tensor:
        """Take the next `count` indices, shape (count,)."""
        parts, missing = [self._rest], count - len(self._rest)
        while missing > 0:
            order = torch.randperm(
                len(self._indices), generator=self._generator, device=self._indices.device
            )
            parts.append(self._indices[order])
            missing -= len(order)
        stream = torch.cat(parts)
        self._rest = stream[count:]
        return stream[:count]
