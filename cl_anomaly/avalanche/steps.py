"""Our steps in Avalanche's templates: order of samples, noise, and a check of each batch."""

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from avalanche.benchmarks.utils.data_loader import MultiDatasetDataLoader
from torch import Tensor

from cl_anomaly.avalanche.model import Noise
from cl_anomaly.avalanche.scenario import Rows, rows_and_places
from cl_anomaly.core.errors import RunError
from cl_anomaly.core.randomness import ReplicaRandom, ShuffledIndices, StepRandom, generator
from cl_anomaly.training.schedule import TrainingSettings

# Steps whose batches are looked up together, as in our own loop.
_BLOCK_STEPS = 64

# By rounding, values may leave the model's range by this much.
_TOLERANCE = 1e-4


class Batches:
    """The loader of a task: as many full batches as our own loop takes, an epoch's share at a time.

    Args:
        batches: an endless stream.
        steps: in all.
        epochs: passes over the loader.
    """

    def __init__(self, batches: Iterator[Any], steps: int, epochs: int) -> None:
        self._batches, self._steps, self._epochs, self._epoch = batches, steps, epochs, 0

    def __iter__(self) -> Iterator[Any]:
        """Yield the next epoch's batches."""
        first, self._epoch = self._epoch, self._epoch + 1
        begin, end = (self._steps * epoch // self._epochs for epoch in (first, first + 1))
        for _ in range(end - begin):
            yield next(self._batches)

    def __len__(self) -> int:
        """Return about the number of an epoch's batches."""
        return max(1, self._steps // self._epochs)


class OurSteps:
    """Mixin for templates: our order of samples, steps and noise, and a new Adam for each task.

    A plain mixin without `__init__`, put before the template.

    Attributes:
        noise: what the model draws from.
        settings: of the current task.
        strategy_name: as in `--strategy`.
    """

    seed: int
    noise: Noise
    settings: TrainingSettings
    strategy_name: str

    def make_train_dataloader(self: Any, **_: Any) -> None:
        """Look batches up in tensors, on the training device."""
        self.dataloader = self._scheduled(
            self._batches_of([(self.adapted_dataset, self.train_mb_size)])
        )

    def _before_training_exp(self: Any, **settings: Any) -> None:
        task = self.clock.train_exp_counter + 1
        self.noise.training = StepRandom([self.seed], "noise", task, device=self.device)
        self.noise.replay = StepRandom([self.seed], "strategy", task, device=self.device)
        super()._before_training_exp(**settings)  # type: ignore[misc]
        loader = self.dataloader
        # A plugin may have replaced the loader.
        if isinstance(loader, MultiDatasetDataLoader):
            parts = list(zip(loader.datasets, loader.batch_sizes, strict=True))
            self.dataloader = self._scheduled(self._batches_of(parts))
        elif not isinstance(loader, Batches):
            self.dataloader = self._scheduled(self._again(loader))

    def _scheduled(self: Any, batches: Iterator[Any]) -> Batches:
        steps = self.settings.steps(len(self.adapted_dataset))
        return Batches(batches, steps, self.train_epochs)

    def _batches_of(self: Any, parts: Sequence[tuple[Any, int]]) -> Iterator[list[Tensor]]:
        """Return endless batches with a number of samples from each dataset, after a check."""
        task, streams = self.clock.train_exp_counter + 1, []
        for number, (data, size) in enumerate(parts):
            # The first draws the same numbers as our own loop.
            name = ("order", task, number) if number else ("order", task)
            numbers = generator(self.seed, *name, device=self.device)
            rows, places = rows_and_places(data)
            rows.check(places)
            stream = ShuffledIndices(places.to(self.device), numbers)
            streams.append((rows, min(size, len(places)), stream))
        return _joined(streams)

    def _again(self: Any, loader: Any) -> Iterator[Any]:
        """Yield the batches of another loader, over and over."""
        while True:
            is_empty = True
            for batch in loader:
                is_empty = False
                yield batch
            if is_empty:
                raise RunError(f"Expected {self.strategy_name} to load batches, but got none.")

    def make_optimizer(self: Any, **settings: Any) -> None:
        """Forget the moments of the last task's gradients."""
        super().make_optimizer(**settings | {"reset_optimizer_state": True})  # type: ignore[misc]

    def _before_training_iteration(self: Any, **settings: Any) -> None:
        self.noise.training.next_step()
        self.noise.replay.next_step()
        super()._before_training_iteration(**settings)  # type: ignore[misc]
        self._check_batch(self.mbatch[0])

    def _check_batch(self: Any, x: Tensor) -> None:
        """Refuse an empty batch, and values out of range at the first step of a task."""
        if not len(x):
            raise RunError(f"Expected {self.strategy_name} to train on batches: one is empty.")
        # Values that are not finite end the replica, and it alone.
        if self.clock.train_exp_iterations == 0 and x.isfinite().all():
            low, high = (float(value) for value in x.aminmax())
            if low < -_TOLERANCE or high > 1 + _TOLERANCE:
                raise RunError(
                    f"Expected {self.strategy_name} to train on values in the model's range, 0 to "
                    f"1, but got {low:g} to {high:g}."
                )

    def _after_training_exp(self: Any, **settings: Any) -> None:
        task = self.clock.train_exp_counter + 1
        self.noise.training = ReplicaRandom([self.seed], "after task", task, device=self.device)
        # Avalanche's buffers call functions that it has deprecated, and warn whatever the filters
        # are; SI calls ones that NumPy has deprecated.
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            super()._after_training_exp(**settings)  # type: ignore[misc]
        for warning in caught:
            if not issubclass(warning.category, DeprecationWarning):
                warnings.warn_explicit(
                    warning.message, warning.category, warning.filename, warning.lineno
                )


def _joined(streams: Sequence[tuple[Rows, int, ShuffledIndices]]) -> Iterator[list[Tensor]]:
    """Yield endless batches with a number of samples from each stream."""
    while True:
        blocks = [
            (rows, stream.take(_BLOCK_STEPS * size).unflatten(0, (_BLOCK_STEPS, size)))
            for rows, size, stream in streams
        ]
        for step in range(_BLOCK_STEPS):
            batches = [rows.batch(block[step]) for rows, block in blocks]
            yield [torch.cat(part) for part in zip(*batches, strict=True)]
