"""In which order replicas see their samples: batches of shuffled passes, each by its own seed."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from cl_anomaly.core.randomness import ShuffledIndices, generator

# Steps whose batches are looked up at once: the look-up costs as much for many as for one.
_BLOCK_STEPS = 64


def shuffled_batches(
    indices: Sequence[Tensor], seeds: Sequence[int], number: int, size: int, steps: range
) -> Iterator[Tensor]:
    """Yield the places of the samples in each batch, (R, size).

    Args:
        indices: R tensors (n_r,), int64, on the device that they are looked up on.
        seeds: one for each replica.
        number: of the task, from 1.
        size: of a batch.
        steps: from the first that is wanted, from 0, to the task's last.
    """
    streams = [
        ShuffledIndices(own, generator(seed, "order", number, device=own.device))
        for own, seed in zip(indices, seeds, strict=True)
    ]
    for stream in streams:
        stream.skip(steps.start * size)
    for start in steps[::_BLOCK_STEPS]:
        count = min(_BLOCK_STEPS, steps.stop - start)
        block = torch.stack([stream.take(count * size) for stream in streams])
        yield from block.unflatten(1, (count, size)).unbind(1)
