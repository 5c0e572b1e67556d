"""The one training loop: every strategy, model and number of replicas goes through it."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cl_anomaly.environment import matrix_products_in, now
from cl_anomaly.errors import RunError
from cl_anomaly.randomness import ShuffledIndices, generator
from cl_anomaly.step import TrainingSettings, TrainStep, replayable
from cl_anomaly.strategies import Strategy

# Steps whose batches are looked up at once: the look-up costs as much for many as for one.
_BLOCK_STEPS = 64

OnStep = Callable[[int, Tensor], None]
"""Told after each step: steps done, and the loss of each replica (R,)."""


@dataclass(frozen=True)
class TrainingTime:
    """What training on one task took.

    Attributes:
        seconds: in all.
        replay_seconds: of these, in the strategy's `extend`; None on a GPU, which replays steps
            whole.
        samples: trained on, over all replicas, replayed ones included.
    """

    seconds: float
    replay_seconds: float | None
    samples: int


def train_task(
    strategy: Strategy,
    indices: Sequence[Tensor],
    seeds: Sequence[int],
    settings: TrainingSettings,
    on_step: OnStep,
) -> TrainingTime:
    """Train the strategy's model on its current task, with a new Adam.

    A replica that is through before the others is put back, at the end, to where it was when it
    ended.

    Args:
        strategy: prepared for the task, with its model on the training device.
        indices: R tensors (n_r,), int64, the samples that each replica may see.
        seeds: one for each replica.
        settings: how.
        on_step: told after each step.

    Raises:
        RunError: a hook returned something else than it should, or a replica's weights are no
            longer finite numbers.
    """
    _check_indices(strategy, indices)
    device = strategy.samples.stored.device
    steps = settings.steps(indices)
    ended = _EndedReplicas(strategy.model, steps)
    started = time.perf_counter()
    with matrix_products_in(settings.precision, device), replayable(device) as record:
        train_step = TrainStep(strategy, seeds, settings, record)
        for step, batch in enumerate(_batches(strategy, indices, seeds, settings, max(steps)), 1):
            loss = train_step(batch)
            ended.keep(step)
            on_step(step, loss)
    ended.restore()
    strategy.model.zero_grad()  # which frees them: the next task may be another group's
    _check_finite(strategy.model, strategy.task_number, seeds)
    seconds = now(device) - started
    return TrainingTime(seconds, train_step.replay_seconds, train_step.samples)


def _check_indices(strategy: Strategy, indices: Sequence[Tensor]) -> None:
    count = len(strategy.samples)
    for own in indices:
        if own.dtype != torch.int64 or own.dim() != 1 or not len(own):
            got = f"{tuple(own.shape)}, {own.dtype}"
        elif own.min() < 0 or own.max() >= count:
            got = f"{int(own.min())} to {int(own.max())}"
        else:
            continue
        raise RunError(
            f"Expected {type(strategy).__name__}.training_indices to give one or more places in "
            f"the training set, (n,), int64, from 0 to {count - 1}, but in task "
            f"{strategy.task_number} it gave {got}."
        )


def _batches(
    strategy: Strategy,
    indices: Sequence[Tensor],
    seeds: Sequence[int],
    settings: TrainingSettings,
    steps: int,
) -> Iterator[Tensor]:
    """Yield the indices of each step's batch, (R, batch_size)."""
    device = strategy.samples.stored.device
    streams = [
        ShuffledIndices(
            visible.to(device), generator(seed, "order", strategy.task_number, device=device)
        )
        for visible, seed in zip(indices, seeds, strict=True)
    ]
    for start in range(0, steps, _BLOCK_STEPS):
        count = min(_BLOCK_STEPS, steps - start)
        block = torch.stack([stream.take(count * settings.batch_size) for stream in streams])
        yield from block.unflatten(1, (count, settings.batch_size)).unbind(1)


class _EndedReplicas:
    """The weights of replicas that ended before the others, whose tasks are longer."""

    def __init__(self, model: torch.nn.Module, steps: Sequence[int]) -> None:
        self._model = model
        self._ending = {
            step: [replica for replica, own in enumerate(steps) if own == step]
            for step in set(steps) - {max(steps)}
        }
        self._kept: list[tuple[int, list[Tensor]]] = []

    def keep(self, step: int) -> None:
        """Keep the weights of the replicas for which this step was the last."""
        for replica in self._ending.get(step, ()):
            weights = [p.detach()[replica].clone() for p in self._model.parameters()]
            self._kept.append((replica, weights))

    @torch.no_grad()
    def restore(self) -> None:
        """Put them back."""
        for replica, weights in self._kept:
            for parameter, kept in zip(self._model.parameters(), weights, strict=True):
                parameter[replica] = kept


def _check_finite(model: torch.nn.Module, task_number: int, seeds: Sequence[int]) -> None:
    # A loss that is no number has made the weights so, too.
    finite = torch.stack([p.detach().isfinite().flatten(1).all(1) for p in model.parameters()])
    failed = [str(seed) for seed, own in zip(seeds, finite.all(0).tolist(), strict=True) if not own]
    if failed:
        raise RunError(
            f"Expected finite weights after task {task_number}, but those of seed(s) "
            f"{', '.join(failed)} are not. Try a lower learning rate, or float32."
        )
