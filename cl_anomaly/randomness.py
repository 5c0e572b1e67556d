"""Random numbers with a replica axis, in which no replica disturbs another."""

import hashlib
import math
from collections.abc import Sequence

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
        self._block = torch.empty(0, 0)
        self._used = 0

    def normal(self, *size: int) -> Tensor:
        """Draw standard normal numbers, shape (R, *size), float32."""
        if self._block.shape[2:] != size or self._used == self._block.shape[1]:
            # How many are drawn ahead depends on one replica's size alone: it must not change
            # what a seed sees when other seeds run beside it.
            ahead = max(1, _BLOCK // max(1, math.prod(size)))
            self._block = torch.empty(len(self._generators), ahead, *size, device=self._device)
            for numbers, replica in zip(self._generators, self._block, strict=True):
                replica.normal_(generator=numbers)
            self._used = 0
        self._used += 1
        return self._block[:, self._used - 1]

    def integers(self, high: int, *size: int) -> Tensor:
        """Draw whole numbers from 0 to high − 1, shape (R, *size), int64."""
        draws = [
            torch.randint(high, size, generator=numbers, device=self._device)
            for numbers in self._generators
        ]
        return torch.stack(draws)


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
