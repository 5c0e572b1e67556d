"""Gaussians of each task, joined if a task returns, and distances from them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn

from cl_anomaly.models.shared.components import nearest_centres
from cl_anomaly.models.shared.covariances import Compared, Moments, together, unlikeness
from cl_anomaly.models.shared.leave_one_out import Fitted, distances_left_out
from cl_anomaly.models.shared.stored_covariances import Distance, Form, Spectrum, dense_distance

# By chance alone, two covariances of n samples in F dimensions are unlike by about F/2n.
_BY_CHANCE = 1.5
_MOST_BY_CHANCE = 1.0
# Unlikeness of two equal sets of samples, by rounding.
_BY_ROUNDING = 0.01
# Tensors with a place for each task, not for each Gaussian.
_OF_TASKS = "joined"


class GaussianConcepts(nn.Module):
    """The Gaussians of R replicas, at most K for each.

    A task that returns is not a new concept, and takes no memory: `returned` finds the earlier one.
    It compares tasks as one Gaussian of all their samples each, whatever their parts. Two coincide
    if their `unlikeness` is at most 1 + merge + min(1.5 F / n, 1), with n samples in the smaller
    task. If n is at most F, tasks are more unlike by chance than by their differences; then only
    tasks that are equal up to rounding coincide, such as two tasks of the same single sample.

    Args:
        replicas: R.
        size: F, the number of features.
        merge: how much farther samples may be from the Gaussian they join; 0 joins none.
        form: form of stored covariances; its tensors are buffers, (R, K, ...).
        pooling: share of a task's common covariance in that of each of its parts.

    Attributes:
        means: (R, K, F), float32.
        counts: (R, K), float32, samples of each Gaussian; 0 if a replica has fewer than K.
        tasks: (R, K), int64, the task that brought each Gaussian, from 1.
        joined: (R, T), int64, the task that each of T tasks was learnt as: itself if new, an
            earlier one if it returned, 0 if it is not kept separately.
    """

    means: Tensor
    counts: Tensor
    tasks: Tensor
    joined: Tensor

    def __init__(
        self,
        replicas: int,
        size: int,
        shrinkage: float,
        merge: float,
        form: Form,
        pooling: float = 0.0,
    ) -> None:
        super().__init__()
        self._size, self._shrinkage, self._merge = size, shrinkage, merge
        self._form, self._pooling = form, pooling
        self._from: dict[int, list[Distance]] = {}
        self._spectra: dict[tuple[int, int], Spectrum] = {}
        self._pooled: dict[int, Distance] = {}
        shapes = {
            "means": ((size,), torch.float32),
            **form.shapes(),
            "counts": ((), torch.float32),
            "tasks": ((), torch.int64),
            _OF_TASKS: ((), torch.int64),
        }
        for name, (shape, dtype) in shapes.items():
            self.register_buffer(name, torch.zeros(replicas, 0, *shape, dtype=dtype))
        self.register_load_state_dict_pre_hook(_take_its_size)

    def returned(self, replica: int, new: Moments) -> int | None:
        """Find the most alike of a replica's tasks that a new one coincides with, if any.

        Args:
            new: moments of all samples of the new task.
        """
        if not self._merge:
            return None
        compared, nearest = Compared.of(new, self._shrinkage), (float("inf"), 0)
        for task in sorted(set(self.tasks[replica, : self._used(replica)].tolist())):
            there = reduce(
                together, [self._moments(replica, p) for p in self.places(replica, task)]
            )
            most = self._most_unlike(min(new.count, there.count))
            # Samples are at most F from their own Gaussian, so most tasks need no second inverse.
            if float(compared.distance_of(there)) > most * self._size:
                continue
            if (value := unlikeness(compared, Compared.of(there, self._shrinkage))) <= most:
                nearest = min(nearest, (value, task))
        return nearest[1] or None

    def _most_unlike(self, count: float) -> float:
        if count <= self._size:
            return 1 + _BY_ROUNDING
        return 1 + self._merge + min(_BY_CHANCE * self._size / count, _MOST_BY_CHANCE)

    def add(self, replica: int, task: int, parts: Sequence[Moments]) -> None:
        """Add the Gaussians of a new task, one for each part."""
        for part in parts:
            self._put(replica, self._used(replica), task, part)
        self._note(replica, task, task)

    def join(self, replica: int, task: int, first: int, parts: Sequence[Moments | None]) -> None:
        """Merge the parts of a task that returned into those of the earlier task.

        Args:
            task: number of the new task, from 1.
            first: number of the earlier one.
            parts: one for each of the earlier task's `places`; None leaves it unchanged.
        """
        for place, part in zip(self.places(replica, first), parts, strict=True):
            if part is not None:
                self._put(replica, place, first, together(self._moments(replica, place), part))
        self._note(replica, task, first)

    def places(self, replica: int, task: int) -> list[int]:
        """Return the places of a task's Gaussians among a replica's."""
        tasks = self.tasks[replica, : self._used(replica)].tolist()
        return [place for place, first in enumerate(tasks) if first == task]

    def tasks_joined(self, replica: int) -> list[int]:
        """Return the task that each task was learnt as, see `joined`."""
        return self.joined[replica].tolist()

    def clear(self, replica: int) -> None:
        """Remove a replica's Gaussians."""
        for buffer in self.buffers():
            buffer[replica] = 0
        self._forget()

    def _used(self, replica: int) -> int:
        return int((self.counts[replica] > 0).sum())

    def _moments(self, replica: int, place: int) -> Moments:
        covariance = self._form.covariance(self._kept(replica, place))
        mean = self.means[replica, place].double()
        return Moments(float(self.counts[replica, place]), mean, covariance)

    def _kept(self, replica: int, place: int) -> dict[str, Tensor]:
        return {name: getattr(self, name)[replica, place] for name in self._form.shapes()}

    def _note(self, replica: int, task: int, first: int) -> None:
        self._make_room([_OF_TASKS], task)
        self.joined[replica, task - 1] = first

    def _make_room(self, names: Sequence[str], count: int) -> None:
        for name in names:
            buffer = getattr(self, name)
            if (missing := count - buffer.shape[1]) > 0:
                more = buffer.new_zeros(len(buffer), missing, *buffer.shape[2:])
                setattr(self, name, torch.cat([buffer, more], dim=1))

    def _put(self, replica: int, place: int, task: int, moments: Moments) -> None:
        self._make_room([n for n, _ in self.named_buffers() if n != _OF_TASKS], place + 1)
        for name, value in self._form.keep(moments.covariance).items():
            getattr(self, name)[replica, place] = value
        self.means[replica, place] = moments.mean.float()
        self.counts[replica, place] = moments.count
        self.tasks[replica, place] = task
        self._forget()

    def _forget(self) -> None:
        for known in (self._from, self._spectra, self._pooled):
            known.clear()

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        """Move to another device, and drop the cached distances."""
        self._forget()
        return super()._apply(fn, recurse)

    def distances(self, f: Tensor, replica: int, tasks: int) -> Tensor:
        """Compute squared distances of features f (n, F) from each task's nearest Gaussian.

        They depend neither on other Gaussians nor on their order.

        Args:
            tasks: number of tasks so far; one that brought nothing new is infinitely far.

        Returns:
            (n, tasks).
        """
        return self._nearest(
            replica, [distance(f) for distance in self._distances_from(replica)], f, tasks
        )

    def distances_left_out(self, f: Tensor, replica: int, task: int) -> Tensor:
        """Compute the same for samples f (n, F) that the last task was learnt from, (n, task).

        Each is left out of the Gaussian that learnt it, which is the one with the nearest mean.
        """
        each = [distance(f) for distance in self._distances_from(replica)]
        places = self.places(replica, int(self.joined[replica, task - 1]))
        fitted = [self._fitted(replica, place) for place in places]
        pooling = self._pooling if len(places) > 1 else 0.0
        parts = nearest_centres(f, self.means[replica, places])
        for part in parts.unique().tolist():
            in_part = parts == part
            without = distances_left_out(f[in_part], part, fitted, pooling, self._shrinkage)
            for place, distance in zip(places, without, strict=True):
                each[place][in_part] = distance
        return self._nearest(replica, each, f, task)

    def _fitted(self, replica: int, place: int) -> Fitted:
        if (replica, place) not in self._spectra:
            kept = self._kept(replica, place)
            self._spectra[replica, place] = self._form.spectrum(kept)
        spectrum, count = self._spectra[replica, place], float(self.counts[replica, place])
        return Fitted(self.means[replica, place], spectrum, count)

    def _nearest(self, replica: int, each: Sequence[Tensor], f: Tensor, tasks: int) -> Tensor:
        """Reduce distances (n,) from each Gaussian to the least of each task: (n, tasks)."""
        result = f.new_full((tasks, len(f)), float("inf"))
        for task, distance in zip(self.tasks[replica].tolist(), each, strict=False):
            result[task - 1] = torch.minimum(result[task - 1], distance)
        return result.mT

    def _distances_from(self, replica: int) -> list[Distance]:
        """Return the distance functions of a replica's Gaussians."""
        if replica not in self._from:
            self._from[replica] = [
                self._form.distance(
                    self._kept(replica, place), self.means[replica, place], self._shrinkage
                )
                for place in range(self._used(replica))
            ]
        return self._from[replica]

    def background(self, f: Tensor, replica: int) -> Tensor:
        """Compute squared distances from one Gaussian of all samples of all tasks, (n,).

        Its mean and covariance follow from the stored ones, and take no memory.
        """
        if replica not in self._pooled:
            all_of_them = [self._moments(replica, place) for place in range(self._used(replica))]
            pooled = reduce(together, all_of_them)
            mean = pooled.mean.float()
            self._pooled[replica] = dense_distance(pooled.covariance, mean, self._shrinkage)
        return self._pooled[replica](f)

    def bytes_kept(self, replica: int) -> int:
        """Count the bytes of a replica's Gaussians, and of a number for each task."""
        sizes = {
            n: b.element_size() * b[0, 0].numel() for n, b in self.named_buffers() if b.shape[1]
        }
        of_tasks = sizes.pop(_OF_TASKS, 0) * self.joined.shape[1]
        return self._used(replica) * sum(sizes.values()) + of_tasks


def _take_its_size(
    module: nn.Module, state: dict[str, Tensor], prefix: str, *_args: object
) -> None:
    """Make room for as many Gaussians as the state about to be loaded has."""
    assert isinstance(module, GaussianConcepts)  # noqa: S101
    for name, buffer in list(module.named_buffers(recurse=False)):
        if (given := state.get(prefix + name)) is not None:
            setattr(module, name, buffer.new_zeros(given.shape))
    module._forget()
