"""Samples and their labels, whole, on one device."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cl_anomaly.core.labels import Label, find_label
from cl_anomaly.data.scaling import Scaling


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples as they were read, whole, on one device; a batch is an index lookup.

    Attributes:
        stored: (N, *features), uint8 or float32.
        scale: factor that brings a stored value into [0, 1].
        scaling: of each replica, in place of `scale`, if values do not lie in [0, 1] by nature.
    """

    stored: Tensor
    scale: float
    scaling: Scaling | None = None

    def __len__(self) -> int:
        """Count the samples."""
        return len(self.stored)

    @cached_property
    def is_bounded(self) -> bool:
        """Whether all values lie in [0, 1]."""
        if self.scaling is not None:
            return False
        return self.stored.dtype == torch.uint8 or bool(
            ((self.stored >= 0) & (self.stored <= 1)).all()
        )

    def to(self, device: torch.device) -> "Samples":
        """Move them to a device."""
        scaling = self.scaling and self.scaling.to(device)
        return replace(self, stored=self.stored.to(device), scaling=scaling)

    def scaled_by(self, scaling: Scaling | None) -> "Samples":
        """Return the same samples with another scaling."""
        return replace(self, scaling=scaling and scaling.to(self.stored.device))

    def batch(self, indices: Tensor) -> Tensor:
        """Look samples up.

        Args:
            indices: of any shape, such as (R, B), int64, on the samples' device. If R replicas
                scale samples by ranges of their own, the first axis is R.

        Returns:
            (*indices.shape, *features), float32 in [0, 1]; with `scaling`, [0, 1] is the range that
            each replica's first task has, and other values lie outside.
        """
        return self.scaled(self.as_stored(indices))

    def as_stored(self, indices: Tensor) -> Tensor:
        """Look samples up, and leave them as they are stored, (*indices.shape, *features)."""
        return self.stored.index_select(0, indices.flatten()).unflatten(0, indices.shape)

    def scaled(self, stored: Tensor) -> Tensor:
        """Turn stored samples into what models take, see `batch`."""
        if self.scaling is None:
            return stored * self.scale  # float32, of uint8 as well
        return self.scaling(stored.to(torch.float32))

    def for_all(self, indices: Tensor, replicas: int) -> Tensor:
        """Look up samples (n,), the same for all replicas: (R, n, *features), float32."""
        if self.scaling is None:
            x = self.batch(indices)
            return x.expand(replicas, *x.shape)
        return self.batch(indices.expand(replicas, -1))

    def padded_batches(
        self, indices: Sequence[Tensor], size: int
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Look up each replica's own samples, `size` at a time.

        Args:
            indices: R tensors (n_r,), int64, each replica's samples; none may be empty.
            size: B.

        Yields:
            Samples (R, B, *features), and which of them count, (R, B), bool: a replica with fewer
            samples than others is filled up with its own, because others need not have arrived.
        """
        device = self.stored.device
        counts = torch.tensor([len(places) for places in indices], device=device)
        longest = torch.arange(max(len(places) for places in indices))
        padded = torch.stack([places[longest % len(places)] for places in indices]).to(device)
        for chunk, order in zip(padded.split(size, 1), longest.to(device).split(size), strict=True):
            yield self.batch(chunk), order < counts[:, None]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled samples to train and to test on.

    Attributes:
        name: as `--dataset` calls it, without a path.
        train: N training samples.
        train_labels: (N,), int64.
        test: n test samples.
        test_labels: (n,), int64.
        sha256: of the samples and labels, to tell whether two runs saw the same data.
        class_names: of the classes 0, 1, …; None if they are called by number.
        note: a warning to read before any number that comes from the data.
    """

    name: str
    train: Samples
    train_labels: Tensor
    test: Samples
    test_labels: Tensor
    sha256: str
    class_names: tuple[Label, ...] | None = None
    note: str | None = None

    @property
    def features(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(self.train.stored.shape[1:])

    @cached_property
    def classes(self) -> list[Label]:
        """The names of all classes that have samples, ascending."""
        return self.named(torch.cat([self.train_labels, self.test_labels]).unique())

    @cached_property
    def trained_classes(self) -> list[Label]:
        """The names of the classes that have training samples, ascending."""
        return self.named(self.train_labels.unique())

    def named(self, codes: Tensor) -> list[Label]:
        """Return the names of the classes of labels (n,), int64."""
        if self.class_names is None:
            return codes.tolist()
        return [self.class_names[code] for code in codes.tolist()]

    def named_array(self, codes: Tensor) -> NDArray[Any]:
        """Return the same as an array without objects: int64, or text."""
        return codes.numpy() if self.class_names is None else np.array(self.named(codes))

    def codes(self, labels: Iterable[Label]) -> Tensor:
        """Return the numbers of classes in `train_labels`, (n,), int64."""
        if self.class_names is None:
            return torch.tensor([int(label) for label in labels], dtype=torch.int64)
        matches = [find_label(label, self.class_names) for label in labels]
        return torch.tensor(
            [self.class_names.index(match) for match in matches if match is not None]
        )
