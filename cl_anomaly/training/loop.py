"""The training loop: what happens for each task, for each batch, and in each step.

`learn_task` is a task, `TaskTraining.run` goes over its batches, and `TrainStep.work` is a step.
Around them, `groups.py` and `learner.py` put replicas side by side, `hooks.py` guards the
strategy's hooks, `ended.py` finds replicas that fail or end early, and `cuda_graphs.py` lets a GPU
replay steps.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import fmean

import torch
from torch import Tensor

from cl_anomaly.core.errors import RunError
from cl_anomaly.core.machine import now
from cl_anomaly.core.products import matrix_products_in
from cl_anomaly.core.randomness import StepRandom
from cl_anomaly.core.state import PauseReason, State
from cl_anomaly.strategies import Strategy
from cl_anomaly.training.adam import Adam
from cl_anomaly.training.cuda_graphs import Repeated, replayable
from cl_anomaly.training.ended import EndedReplicas, Trace, broken_weights
from cl_anomaly.training.groups import ReplicaGroups
from cl_anomaly.training.hooks import StepHooks
from cl_anomaly.training.outcome import Learnt, OnStep, Pause, TrainingTime, never
from cl_anomaly.training.schedule import TrainingSettings, shuffled_batches


def learn_task(
    replicas: ReplicaGroups, number: int, on_step: OnStep, pause: Pause, save: Callable[[], None]
) -> Learnt:
    """Learn a task, counted from 1, or the rest of an interrupted one; save in each pause."""
    if not replicas.has_begun:
        replicas.begin(number)  # the strategy's `before_task`, and which samples it may see
    trained = replicas.train(on_step, pause)  # `TaskTraining.run`, for each group of replicas
    while not replicas.is_done:
        save()
        trained = replicas.train(on_step, pause)
    failures, steps = replicas.failures(), fmean(replicas.steps())
    started = now(replicas.device)
    replicas.conclude()  # the strategy's `after_task`, and what the scores keep of the task
    return Learnt(trained, now(replicas.device) - started, failures, steps)


class TaskTraining:
    """Training of a strategy's model on its current task; it can be paused.

    A replica that finishes before the others is reset, at the end, to its own last step.

    Args:
        strategy: prepared for the task, with its model on the training device.
        indices: R tensors (n_r,), int64, the samples that each replica may see; none is empty.
        seeds: one for each replica.
        settings: of this task.
        moments: of an Adam that continues from task to task, empty at first. None: a new Adam.

    Attributes:
        steps: of each replica, in all.
        done: steps so far.
        failed: by replica, the step after which its loss, a gradient or its weights were not finite
            numbers, and which of them.
        time: spent so far.
        moments: those of the argument, updated when the task is done.
    """

    def __init__(
        self,
        strategy: Strategy,
        indices: Sequence[Tensor],
        seeds: Sequence[int],
        settings: TrainingSettings,
        moments: dict[str, Tensor] | None = None,
    ) -> None:
        self._strategy, self._indices = strategy, indices
        self._seeds, self._settings = seeds, settings
        self.steps, self.done = [settings.steps(len(places)) for places in indices], 0
        self.failed: dict[int, tuple[int, str]] = {}
        changed = [*strategy.model.parameters(), *strategy.stepped]
        self._ended = EndedReplicas(changed, self.steps)
        self._step: TrainStep | None = None
        self._looked = 0  # steps made when failures were last looked for
        self.time, self.moments = TrainingTime(0.0, 0.0, 0), moments

    @property
    def is_done(self) -> bool:
        """Whether no step is left, or no replica that could make one."""
        return self.done == max(self.steps) or len(self.failed) == len(self.steps)

    def run(self, on_step: OnStep, pause: Pause = never) -> TrainingTime:
        """Train until the task is done or to be paused; return the time spent on it in all.

        Raises:
            RunError: a hook returned something invalid.
        """
        if self.is_done:
            return self.time
        device = self._strategy.samples.stored.device
        started = time.perf_counter()
        with matrix_products_in(self._settings.precision, device), replayable(device) as record:
            step = self._step = self._step or self._new_step()
            step.repeated.begin(record)
            for batch in self._batches():
                loss = step(batch)
                self.done += 1
                self._ended.note(self.done)
                if self.done % Trace.STEPS == 0:
                    self._note_failures(step)
                on_step(self.done, max(self.steps), loss)
                if self.is_done or pause() is not PauseReason.NONE:
                    break
        self._note_failures(step)
        seconds = self.time.seconds + now(device) - started
        self.time = TrainingTime(seconds, step.replay_seconds, step.samples)
        if self.is_done:
            self._conclude(step)
        return self.time

    def _new_step(self) -> TrainStep:
        step = TrainStep(self._strategy, self._seeds, self._settings)
        if self.moments:
            step.restore_moments(self.moments)
        return step

    def _batches(self) -> Iterator[Tensor]:
        """Yield the places of each batch that is left, (R, batch_size)."""
        number, device = self._strategy.task_number, self._strategy.samples.stored.device
        visible, left = [own.to(device) for own in self._indices], range(self.done, max(self.steps))
        return shuffled_batches(visible, self._seeds, number, self._settings.batch_size, left)

    def _note_failures(self, step: TrainStep) -> None:
        failures = step.trace.failures(self.done - self._looked, self.done)
        self._looked = self.done
        for replica, (number, what) in failures.items():
            # A replica past its last step runs on with the others, and is reset in the end.
            if number <= self.steps[replica]:
                self.failed.setdefault(replica, (number, what))

    def _conclude(self, step: TrainStep) -> None:
        self._ended.put_back()
        if self.moments is not None:
            self.moments = step.adam.state()
        # Free gradients and buffers: another group may train next.
        step.adam.zero_grad()
        self._step = None
        for replica in broken_weights(list(self._strategy.model.parameters())):
            self.failed.setdefault(replica, (self.steps[replica], "a weight"))

    def state(self) -> State:
        """Return the position in the task, without the model's weights and the strategy's state."""
        state = State(
            {"done": self.done, "time": vars(self.time), "failed": [*self.failed.items()]}
        )
        state.add("ended", self._ended.state())
        if self._step:
            step = self._step.state()
            state.values["step"] = step.values
            state.add("step", step.tensors)
        return state

    def restore(self, state: State) -> None:
        """Restore what `state` returned."""
        self.done = self._looked = state.values["done"]
        self.time = TrainingTime(**state.values["time"])
        self.failed = {replica: (step, what) for replica, (step, what) in state.values["failed"]}
        self._ended.restore(state.part("ended"))
        if "step" in state.values:
            self._step = self._new_step()
            self._step.restore(State(state.values["step"], state.part("step")))


class TrainStep:
    """Trains a strategy's model, one step a call, with an Adam of its own.

    All of a step's work is in one function without arguments, whose tensors keep their addresses.
    On a GPU it is recorded once and then replayed: for a model this small, launching its hundred
    kernels would take longer than running them.

    Attributes:
        repeated: does `work`.
        trace: finds numbers that are not finite.
        samples: trained on so far, over all replicas.
    """

    def __init__(
        self, strategy: Strategy, seeds: Sequence[int], settings: TrainingSettings
    ) -> None:
        self._strategy, self._hooks = strategy, StepHooks(strategy)
        device, shape = strategy.samples.stored.device, (len(seeds), settings.batch_size)
        self._places = torch.zeros(*shape, dtype=torch.int64, device=device)
        weights = settings.sample_weights
        self._weights = None if weights is None else weights.to(device)
        self._noise = StepRandom(seeds, "noise", strategy.task_number, device=device)
        trained = [own for own in strategy.stepped if own.requires_grad]
        self.adam = Adam([*strategy.model.parameters(), *trained], settings.learning_rate)
        half = device.type == "cuda" and settings.precision == torch.bfloat16
        # The cache would keep copies of weights from before a replay.
        self._autocast = torch.autocast(device.type, torch.bfloat16, half, cache_enabled=False)
        self.repeated = Repeated(self.work)
        self.trace = Trace(list(strategy.model.parameters()), len(seeds), device)
        self._loss, self._batch_samples, self.samples = torch.empty(0), 0, 0

    def __call__(self, batch: Tensor) -> Tensor:
        """Train on the samples at these places, (R, batch_size), and return each loss, (R,).

        The next step overwrites it.

        Raises:
            RunError: a hook returned something invalid, or cannot be recorded.
        """
        self._places.copy_(batch)
        for random in self._randoms().values():
            random.next_step()
        self.repeated()
        self.samples += self._batch_samples
        return self._loss

    def work(self) -> None:
        """Make one step: the batch, its loss, the gradients, and Adam's step along them."""
        x = self._strategy.samples.batch(self._places)
        with self._autocast:
            x = self._hooks.extend(x)
            losses = self._hooks.losses(x, self._noise)
            if self._weights is not None:
                losses = self._hooks.weighted(losses, self._weights[self._places])
            loss = losses.mean(1) + self._hooks.penalty(x)
        self.adam.zero_grad()
        # Replicas share no weight, so the gradient of the sum holds each one's own.
        loss.sum().backward()
        self._hooks.after_backward()
        self.adam.step()
        self._hooks.after_step()
        self._loss, self._batch_samples = loss.detach(), x.shape[0] * x.shape[1]
        self.trace.keep(self._loss)

    @property
    def replay_seconds(self) -> float | None:
        """Seconds in the strategy's `extend` so far; None where steps are replayed."""
        return self._hooks.extend_seconds

    def restore_moments(self, moments: Mapping[str, Tensor]) -> None:
        """Restore Adam's moments.

        Raises:
            RunError: the strategy trains other tensors now.
        """
        try:
            self.adam.restore(moments)
        except ValueError as error:
            raise RunError(
                f"Expected `stepped` of {self._strategy.name} to list the same in the same order "
                f"after `load_state_dict`, but it lists something else."
            ) from error

    def state(self) -> State:
        """Return the state between two steps: of Adam, the noise, and the strategy's draws."""
        state = State({"replay_seconds": self.replay_seconds, "samples": self.samples})
        state.add("adam", self.adam.state())
        for name, random in self._randoms().items():
            drawn = random.state()
            state.values[name] = drawn.values
            state.add(name, drawn.tensors)
        return state

    def restore(self, state: State) -> None:
        """Restore what `state` returned."""
        self.samples = state.values["samples"]
        self._hooks.extend_seconds = state.values["replay_seconds"]
        self.restore_moments(state.part("adam"))
        for name, random in self._randoms().items():
            random.restore(State(state.values[name], state.part(name)))

    def _randoms(self) -> dict[str, StepRandom]:
        drawn = {"noise": self._noise, "strategy": self._strategy.random}
        return {name: own for name, own in drawn.items() if isinstance(own, StepRandom)}
