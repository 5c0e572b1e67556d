"""Gaussians of each task: what came first with which task, and how far it is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn

from cl_anomaly.models.covariances import (
    Compared,
    Moments,
    together,
    unlikeness,
)
from cl_anomaly.models.kept_covariances import Distance, Form, dense_distance

# Two covariances of n samples in F dimensions are unlike by chance alone, by about F/2n.
_BY_CHANCE = 1.5


class GaussianConcepts(nn.Module):
    """The Gaussians that R replicas keep, K at most for each.

    A Gaussian of a new task that coincides with one that is there joins it: what returns is no new
    concept, and memory does not grow. They coincide where `unlikeness` is at most
    1 + merge + 1.5 F / n, with n samples in the smaller one.

    Args:
        replicas: R.
        size: F, features.
        shrinkage: of each covariance.
        merge: how much farther samples may be from what they join; 0 joins nothing.
        form: how covariances are kept; its tensors are buffers, (R, K, ...).

    Attributes:
        means: (R, K, F), float32.
        counts: (R, K), float32, samples of each; 0 where a replica has fewer than K.
        tasks: (R, K), int64, the task that each came with first, from 1.
    """

    means: Tensor
    counts: Tensor
    tasks: Tensor

    def __init__(
        self,
        replicas: int,
        size: int,
        shrinkage: float,
        merge: float,
        form: Form,
    ) -> None:
        super().__init__()
        self._size, self._shrinkage, self._merge, self._form = size, shrinkage, merge, form
        self._from: dict[int, list[Distance]] = {}
        self._pooled: dict[int, Distance] = {}
        shapes = {
            "means": ((size,), torch.float32),
            **form.shapes(),
            "counts": ((), torch.float32),
            "tasks": ((), torch.int64),
        }
        for name, (shape, dtype) in shapes.items():
            self.register_buffer(name, torch.zeros(replicas, 0, *shape, dtype=dtype))
        self.register_load_state_dict_pre_hook(_take_its_size)

    def add(self, replica: int, task: int, components: Sequence[Moments]) -> None:
        """Keep the Gaussians of a task that a replica has learnt; others stay as they are."""
        places = [self._joined(replica, new) for new in components]
        for new, place in zip(components, places, strict=True):
            if place is None:
                self._put(replica, self._used(replica), task, new)
            else:
                first = int(self.tasks[replica, place])
                self._put(replica, place, first, together(self._moments(replica, place), new))

    def clear(self, replica: int) -> None:
        """Keep nothing of a replica."""
        for own in self.buffers():
            own[replica] = 0
        self._forget()

    def _used(self, replica: int) -> int:
        return int((self.counts[replica] > 0).sum())

    def _moments(self, replica: int, place: int) -> Moments:
        covariance = self._form.covariance(self._kept(replica, place))
        mean = self.means[replica, place].double()
        return Moments(float(self.counts[replica, place]), mean, covariance)

    def _kept(self, replica: int, place: int) -> dict[str, Tensor]:
        return {name: getattr(self, name)[replica, place] for name in self._form.shapes()}

    def _joined(self, replica: int, new: Moments) -> int | None:
        """Find what a Gaussian of a new task coincides with, the most alike of those kept."""
        if not self._merge:
            return None
        own, found = Compared.of(new, self._shrinkage), (float("inf"), -1)
        for place, distance in enumerate(self._distances_from(replica)):
            fewest = min(new.count, float(self.counts[replica, place]))
            most = 1 + self._merge + _BY_CHANCE * self._size / fewest
            # Most are told apart by their means alone.
            if float(distance(new.mean.float()[None])) > most * float(own.own):
                continue
            there = Compared.of(self._moments(replica, place), self._shrinkage)
            if (value := unlikeness(own, there)) <= most:
                found = min(found, (value, place))
        return None if found[1] < 0 else found[1]

    def _put(self, replica: int, place: int, task: int, own: Moments) -> None:
        for name, buffer in list(self.named_buffers()):
            if place == buffer.shape[1]:
                more = buffer.new_zeros(len(buffer), 1, *buffer.shape[2:])
                setattr(self, name, torch.cat([buffer, more], dim=1))
        for name, value in self._form.keep(own.covariance).items():
            getattr(self, name)[replica, place] = value
        self.means[replica, place] = own.mean.float()
        self.counts[replica, place] = own.count
        self.tasks[replica, place] = task
        self._forget()

    def _forget(self) -> None:
        self._from.clear()
        self._pooled.clear()

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        """Move to another device; what is computed from what is kept is computed there anew."""
        self._forget()
        return super()._apply(fn, recurse)

    def distances(self, f: Tensor, replica: int, tasks: int) -> Tensor:
        """Give squared distances from the nearest Gaussian that came with each task, (n, tasks).

        Each is computed by itself: it does not depend on what else is kept, or in which order.

        Args:
            f: (n, F), features of samples.
            replica: whose Gaussians.
            tasks: how many there have been; one that brought nothing new is infinitely far.
        """
        own, result = self._distances_from(replica), f.new_full((tasks, len(f)), float("inf"))
        for task, distance in zip(self.tasks[replica].tolist(), own, strict=False):
            result[task - 1] = torch.minimum(result[task - 1], distance(f))
        return result.mT

    def _distances_from(self, replica: int) -> list[Distance]:
        """Give what tells distances from each Gaussian that a replica keeps."""
        if replica not in self._from:
            self._from[replica] = [
                self._form.distance(
                    self._kept(replica, place), self.means[replica, place], self._shrinkage
                )
                for place in range(self._used(replica))
            ]
        return self._from[replica]

    def background(self, f: Tensor, replica: int) -> Tensor:
        """Give squared distances from one Gaussian of all samples of all tasks, (n,).

        Its mean and covariance follow from those that are kept, and take no memory of their own.
        """
        if replica not in self._pooled:
            all_of_them = [self._moments(replica, place) for place in range(self._used(replica))]
            own = reduce(together, all_of_them)
            mean = own.mean.float()
            self._pooled[replica] = dense_distance(own.covariance, mean, self._shrinkage)
        return self._pooled[replica](f)

    def bytes_kept(self, replica: int) -> int:
        """Count the bytes of what a replica keeps."""
        each = [own[0, 0].numel() * own.element_size() for own in self.buffers() if own.shape[1]]
        return self._used(replica) * sum(each)


def _take_its_size(
    module: nn.Module, state: dict[str, Tensor], prefix: str, *_args: object
) -> None:
    """Make room for as many Gaussians as a state has that is about to be loaded."""
    assert isinstance(module, GaussianConcepts)  # noqa: S101
    for name, own in list(module.named_buffers(recurse=False)):
        if (given := state.get(prefix + name)) is not None:
            setattr(module, name, own.new_zeros(given.shape))
    module._forget()
