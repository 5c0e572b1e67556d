"""Training on one task: which batches there are, and what is noted after each step."""

import time
from collections.abc import Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor

from cl_anomaly.core.machine import now
from cl_anomaly.core.products import matrix_products_in
from cl_anomaly.core.randomness import ShuffledIndices, generator
from cl_anomaly.core.state import State, Wanted
from cl_anomaly.strategies import Strategy
from cl_anomaly.training.loop import train_on_batches
from cl_anomaly.training.outcome import OnStep, Pause, TrainingTime, never
from cl_anomaly.training.step import TrainingSettings, TrainStep, replayable, trained_by

# Steps whose batches are looked up at once: the look-up costs as much for many as for one.
_BLOCK_STEPS = 64


class Training(Protocol):
    """Training of R replicas on their current task; `TaskTraining` says what is what."""

    steps: list[int]
    done: int
    failed: dict[int, tuple[int, str]]
    time: TrainingTime

    @property
    def is_done(self) -> bool: ...  # noqa: D102

    def run(self, on_step: OnStep, pause: Pause = never) -> TrainingTime: ...  # noqa: D102

    def state(self) -> State: ...  # noqa: D102

    def restore(self, state: State) -> None: ...  # noqa: D102


class TaskTraining:
    """Training of a strategy's model on its current task, with a new Adam; it can be paused.

    A replica that is through before the others is put back, at the end, to where it was when it
    ended.

    Args:
        strategy: prepared for the task, with its model on the training device.
        indices: R tensors (n_r,), int64, the samples that each replica may see; none is empty.
        seeds: one for each replica.
        settings: how.

    Attributes:
        indices: as they were given.
        steps: of each replica, in all.
        done: steps so far.
        failed: by replica, the step after which its loss, a gradient or its weights were not finite
            numbers, and which of them.
        time: that it has taken so far.
    """

    def __init__(
        self,
        strategy: Strategy,
        indices: Sequence[Tensor],
        seeds: Sequence[int],
        settings: TrainingSettings,
    ) -> None:
        self._strategy, self.indices = strategy, indices
        self._seeds, self._settings = seeds, settings
        self.steps = [settings.steps(len(own)) for own in indices]
        self.done = 0
        self.failed: dict[int, tuple[int, str]] = {}
        changed = [*strategy.model.parameters(), *strategy.stepped]
        self._ended = _EndedReplicas(changed, self.steps)
        self._step: TrainStep | None = None
        self.time = TrainingTime(0.0, 0.0, 0)

    @property
    def is_done(self) -> bool:
        """Whether no step is left, or no replica that could make one."""
        return self.done == max(self.steps) or len(self.failed) == len(self.steps)

    def run(self, on_step: OnStep, pause: Pause = never) -> TrainingTime:
        """Train until the task is done, or until it is to pause.

        Args:
            on_step: told after each step.
            pause: asked after each step.

        Returns:
            What it has taken so far, with what it took before a pause.

        Raises:
            RunError: a hook returned something else than it should.
        """
        if self.is_done:
            return self.time
        device = self._strategy.samples.stored.device
        started = time.perf_counter()
        with matrix_products_in(self._settings.precision, device), replayable(device) as record:
            step = self._step = self._step or self._new_step()
            step.record_with(record)

            def leave(loss: Tensor) -> bool:
                self.done += 1
                self._ended.keep(self.done)
                if self.done % _BLOCK_STEPS == 0:
                    self._note_failures(step)
                on_step(self.done, max(self.steps), loss)
                return self.is_done or pause() is not Wanted.NOTHING

            train_on_batches(step, self._batches(), leave)
        self._note_failures(step)
        seconds = self.time.seconds + now(device) - started
        self.time = TrainingTime(seconds, step.replay_seconds, step.samples)
        if self.is_done:
            self._conclude()
        return self.time

    def _new_step(self) -> TrainStep:
        return TrainStep(self._strategy, self._seeds, self._settings)

    def _conclude(self) -> None:
        self._ended.restore()
        # Which frees gradients and Adam's moments: the next to train may be another group.
        for own in trained_by(self._strategy):
            own.grad = None
        self._step = None
        parameters = [p.detach() for p in self._strategy.model.parameters()]
        finite = torch.stack([p.isfinite().flatten(1).all(1) for p in parameters]).all(0)
        for replica, own in enumerate(finite.tolist()):
            if not own:
                self.failed.setdefault(replica, (self.steps[replica], "a weight"))

    def _note_failures(self, step: TrainStep) -> None:
        for replica, (number, what) in step.failures(self.done).items():
            # One that has ended goes on with the others, and is put back in the end.
            if number <= self.steps[replica]:
                self.failed.setdefault(replica, (number, what))

    def _batches(self) -> Iterator[Tensor]:
        """Yield the indices of each batch that is left, (R, batch_size)."""
        device, size = self._strategy.samples.stored.device, self._settings.batch_size
        streams = [
            ShuffledIndices(
                visible.to(device),
                generator(seed, "order", self._strategy.task_number, device=device),
            )
            for visible, seed in zip(self.indices, self._seeds, strict=True)
        ]
        for stream in streams:
            stream.skip(self.done * size)
        steps = max(self.steps)
        for start in range(self.done, steps, _BLOCK_STEPS):
            count = min(_BLOCK_STEPS, steps - start)
            block = torch.stack([stream.take(count * size) for stream in streams])
            yield from block.unflatten(1, (count, size)).unbind(1)

    def state(self) -> State:
        """Return where it is, beside the model's weights and what the strategy keeps."""
        values = {"done": self.done, "time": vars(self.time), "failed": list(self.failed.items())}
        state = State(values)
        for replica, weights in self._ended.kept.items():
            state.add(f"ended.{replica}", {str(i): weight for i, weight in enumerate(weights)})
        if self._step:
            step = self._step.state()
            state.values["step"] = step.values
            state.add("step", step.tensors)
        return state

    def restore(self, state: State) -> None:
        """Be where `state` was given."""
        self.done = state.values["done"]
        self.time = TrainingTime(**state.values["time"])
        self.failed = {replica: (step, what) for replica, (step, what) in state.values["failed"]}
        for replica in range(len(self.steps)):
            if weights := state.part(f"ended.{replica}"):
                self._ended.kept[replica] = [weights[str(i)] for i in range(len(weights))]
        if "step" in state.values:
            self._step = self._new_step()
            self._step.restore(State(state.values["step"], state.part("step")))


class _EndedReplicas:
    """The weights of replicas that ended before the others, whose tasks are longer.

    Args:
        changed: what steps change, weights and others, (R, ...) each.
        steps: of each replica.

    Attributes:
        kept: by replica, its part of each of these when it ended.
    """

    def __init__(self, changed: Sequence[Tensor], steps: Sequence[int]) -> None:
        self._changed = changed
        self._ending = {
            step: [replica for replica, own in enumerate(steps) if own == step]
            for step in set(steps) - {max(steps)}
        }
        self.kept: dict[int, list[Tensor]] = {}

    def keep(self, step: int) -> None:
        """Keep the weights of the replicas for which this step was the last."""
        for replica in self._ending.get(step, ()):
            self.kept[replica] = [own.detach()[replica].clone() for own in self._changed]

    @torch.no_grad()
    def restore(self) -> None:
        """Put them back."""
        for replica, weights in self.kept.items():
            for own, kept in zip(self._changed, weights, strict=True):
                own[replica] = kept
