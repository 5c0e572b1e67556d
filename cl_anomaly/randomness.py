"""Random numbers with a replica axis, in which no replica disturbs another."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

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


@dataclass
class _Slot:
    """One of the draws that every step makes: what was drawn ahead, and where a step finds it."""

    high: int | None
    size: tuple[int, ...]
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

    def next_step(self) -> None:
        """Fill every tensor that the last step drew with new numbers."""
        self._position = 0
        for slot in self._slots:
            slot.used += 1
            if slot.used == slot.ahead.shape[1]:
                slot.ahead, slot.used = self._draw_ahead(slot.high, slot.size), 0
            slot.current.copy_(slot.ahead[:, slot.used])

    def _draw(self, high: int | None, size: tuple[int, ...]) -> Tensor:
        slots, position = self._slots, self._position
        self._position += 1
        if position == len(slots) or (slots[position].high, slots[position].size) != (high, size):
            ahead = self._draw_ahead(high, size)
            # This step draws other things than the last one: what follows is new as well.
            slots[position:] = [_Slot(high, size, ahead, 0, ahead[:, 0].clone())]
        return slots[position].current

    def _draw_ahead(self, high: int | None, size: tuple[int, ...]) -> Tensor:
        # How many steps depends on one replica's size alone: it must not change what a seed sees
        # when other seeds run beside it.
        return super()._draw(high, (max(1, _BLOCK // max(1, math.prod(size))), *size))


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
