"""Small tasks for Gaussians, and what they have learnt of them."""

from typing import Any

import torch
from torch import Tensor

from cl_anomaly.models.gaussians import Gaussians


def task(place: float, count: int = 200, seed: int = 0, size: int = 4) -> Tensor:
    """Draw samples about a place, their spread of a shape of its own."""
    numbers = torch.Generator().manual_seed(seed)
    mixed = torch.randn(size, size, generator=torch.Generator().manual_seed(int(10 * place)))
    return torch.randn(count, size, generator=numbers) @ mixed + 10 * place


def learnt(tasks: list[Tensor], seeds: tuple[int, ...] = (0,), **options: Any) -> Gaussians:
    """Teach a model each task, all replicas the same."""
    model = Gaussians(tuple(tasks[0].shape[1:]), seeds, **options)
    for x in tasks:
        for replica in range(len(seeds)):
            model.learn(replica, [model.features_of(x, replica)], anew=False)
    return model


def distances_of(model: Gaussians, x: Tensor) -> Tensor:
    """Compute the distances of samples (n, *features) from each task, (R, n, T)."""
    return model.reconstruct(x.expand(model.replicas, *x.shape)).distances
