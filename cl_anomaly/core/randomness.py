"""Random numbers with a replica axis; each replica has its own generator."""

import hashlib
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from cl_anomaly.core.state import State

# Numbers drawn ahead: enough that a GPU is not called for each batch, few enough for a processor's
# cache.
_BLOCK = 1 << 17


def generator(seed: int, *stream: str | int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return the generator of a seed's stream; streams are independent of each other.

    Args:
        stream: the purpose of the numbers, such as ("noise", 3) for task 3.
    """
    digest = hashlib.sha256(repr((seed, *stream)).encode()).digest()
    # Every device's generator takes positive seeds below 2**63.
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:8], "big") >> 1)


class Draws(Protocol):
    """A source of random numbers for R replicas."""

    def normal(self, count: int, /, *size: int) -> Tensor:
        """Draw standard normal numbers, shape (R, count, *size), float32."""
        ...

    def integers(self, high: int, count: int, /, *size: int) -> Tensor:
        """Draw whole numbers from 0 to high − 1, shape (R, count, *size), int64."""
        ...


class ReplicaRandom:
    """One generator for each replica, so that seed 7 draws the same alone or among others."""

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
        """Return the states of the generators, (R, bytes), uint8."""
        return torch.stack([numbers.get_state() for numbers in self._generators])

    def _set_states(self, states: Tensor) -> None:
        for numbers, state in zip(self._generators, states, strict=True):
            # A copy: PyTorch 2.15 crashes on a part of a larger tensor.
            numbers.set_state(state.clone())


@dataclass
class _Slot:
    """One of the draws of every step; `before`, (R, bytes), are the generators before `ahead`."""

    high: int | None
    size: tuple[int, ...]
    before: Tensor
    ahead: Tensor
    used: int
    current: Tensor


class StepRandom(ReplicaRandom):
    """Random numbers for training steps that make the same draws in the same order.

    Numbers are drawn ahead for many steps. A draw returns the same tensor at every step, refilled
    by `next_step`, so that a step that a GPU replays finds new numbers in it.
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
        """Restore the state after the block, as if nothing had been drawn in it."""
        before = self.state()
        try:
            yield
        finally:
            self.restore(before)

    def repeat_step(self, mirrored: Tensor | None = None) -> None:
        """Let the next step draw the same numbers again.

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
        """Refill the tensors of all draws with new numbers."""
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
            # This step differs from the last one here, and so in all later draws.
            slots[position:] = [self._new_slot(high, size, used=0)]
        return slots[position].current

    def _new_slot(self, high: int | None, size: tuple[int, ...], used: int) -> _Slot:
        before, ahead = self._states(), self._draw_ahead(high, size)
        return _Slot(high, size, before, ahead, used, ahead[:, used].clone())

    def _draw_ahead(self, high: int | None, size: tuple[int, ...]) -> Tensor:
        # Not by the number of replicas: a seed draws the same alone or among others.
        return super()._draw(high, (max(1, _BLOCK // max(1, math.prod(size))), *size))

    def state(self) -> State:
        """Return the state between two steps: the generators that draw the numbers again."""
        state = State({"slots": [(slot.high, slot.size, slot.used) for slot in self._slots]})
        state.tensors["generators"] = self._states()
        for position, slot in enumerate(self._slots):
            state.tensors[f"before.{position}"] = slot.before
        return state

    def restore(self, state: State) -> None:
        """Restore what `state` returned."""
        self._slots, self._position = [], 0
        for position, (high, size, used) in enumerate(state.values["slots"]):
            self._set_states(state.tensors[f"before.{position}"])
            self._slots.append(self._new_slot(high, tuple(size), used))
        self._set_states(state.tensors["generators"])


class ShuffledIndices:
    """An endless stream of one replica's training indices (n,), shuffled at every pass.

    Batches continue across the end of a pass, so that all are full and no sample is left out.
    """

    def __init__(self, indices: Tensor, generator: torch.Generator) -> None:
        self._indices, self._generator = indices, generator
        self._rest = indices[:0]

    def skip(self, count: int) -> None:
        """Skip the next `count` indices."""
        while count > 0:
            count -= len(self.take(min(count, len(self._indices))))

    def take(self, count: int) -> Tensor:
        """Return the next `count` indices, shape (count,)."""
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
