"""All replicas of a run, in groups that train one after another or in threads."""

import math
import threading
from collections.abc import Hashable, Sequence
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cl_anomaly.core.machine import now
from cl_anomaly.core.products import matrix_products_in
from cl_anomaly.core.state import CannotKeepError, PauseReason, State
from cl_anomaly.data.datasets import Samples
from cl_anomaly.scores.limits import alarms_by_limits
from cl_anomaly.scores.scoring import score_samples
from cl_anomaly.training.calibration import Thresholds
from cl_anomaly.training.hooks import call
from cl_anomaly.training.interfaces import GroupLearner
from cl_anomaly.training.outcome import OnStep, Pause, TrainingTime, never
from cl_anomaly.training.threads import Threads

# If a processor's cache does not keep weights, gradients and moments from one step to the next,
# Adam takes nearly twice as long, and matrix products take longer, too.
_CACHE_BYTES = 48 * 2**20


def group_sizes(
    batches: Sequence[Hashable], memory: int, device: torch.device, threads: int
) -> list[int]:
    """Divide replicas into groups that train side by side.

    All replicas of a group have the same batch size in every task. On a GPU, all neighbours with
    the same sizes are one group. On a processor a group fits into the cache, and is small enough
    that all threads have the same number of groups.

    Args:
        batches: of each replica, the batch size of each of its tasks.
        memory: bytes that each step of one replica reads and writes, see `Model.training_bytes`.
        device: that they train on.
        threads: that train groups at the same time.

    Returns:
        The size of each group.
    """
    alike = [len(list(same)) for _, same in groupby(batches)]
    if device.type != "cpu":
        return alike
    at_once = max(1, _CACHE_BYTES // memory)
    sizes = []
    for replicas in alike:
        groups = min(replicas, math.ceil(replicas / (at_once * threads)) * threads)
        sizes += [replicas // groups + (group < replicas % groups) for group in range(groups)]
    return sizes


class ReplicaGroups:
    """The groups of a run's replicas, in order, up to `threads` of which train at a time."""

    def __init__(self, learners: Sequence[GroupLearner], threads: int) -> None:
        self.learners = learners
        self.device = learners[0].strategy.samples.stored.device
        self._threads = Threads(min(threads, len(learners)))
        self._seconds = 0.0

    @property
    def has_begun(self) -> bool:
        """Whether a task has begun that has not been concluded."""
        return self.learners[0].has_begun

    @property
    def is_done(self) -> bool:
        """Whether all replicas have finished the task that has begun."""
        return all(learner.training.is_done for learner in self.learners)

    def begin(self, number: int) -> None:
        """Prepare all replicas for a task, counted from 1."""
        self._seconds = 0.0
        for learner in self.learners:
            learner.begin(number)

    def train(self, on_step: OnStep, pause: Pause = never) -> TrainingTime:
        """Train all replicas on the task that has begun, until it is done or one group pauses.

        Args:
            on_step: called after each step of a group with the steps done and the steps in all, of
                all groups together, and the loss of each of the group's replicas.
            pause: asked after each step.

        Returns:
            The time spent so far.
        """
        trainings = [learner.training for learner in self.learners]
        steps = sum(max(training.steps) for training in trainings)
        done, lock = [sum(training.done for training in trainings)], threading.Lock()
        pausing = [PauseReason.NONE]

        def count(_done: int, _steps: int, loss: Tensor) -> None:
            self._threads.check()
            with lock:
                done[0] += 1
                on_step(done[0], steps, loss)

        def look() -> PauseReason:
            if pausing[0] is PauseReason.NONE:
                pausing[0] = pause()
            return pausing[0]

        def train(learner: GroupLearner) -> TrainingTime:
            if pausing[0] is not PauseReason.NONE:
                return learner.training.time
            return learner.train(count, look)

        started = now(self.device)
        times = self._threads.map(train, self.learners)
        self._seconds += now(self.device) - started
        return _together(times, self._seconds)

    def steps(self) -> list[int]:
        """Return the number of steps of each replica in this task, see `Learner`."""
        return [steps for learner in self.learners for steps in learner.steps]

    def failures(self) -> dict[int, tuple[int, str]]:
        """Return, by replica, the step at which it failed in this task, and what was not finite."""
        failures, before = {}, 0
        for learner in self.learners:
            failed = learner.training.failed
            failures |= {before + replica: failure for replica, failure in failed.items()}
            before += len(learner.seeds)
        return failures

    def losses(self) -> Tensor:
        """Return each epoch's mean loss in the last task, (R, epochs), float64; see `Learner`."""
        return torch.cat([learner.losses() for learner in self.learners])

    def conclude(self) -> None:
        """Let the strategies and the scores keep what they need of the task."""
        with matrix_products_in(torch.float32, self.device):
            self._threads.map(lambda learner: learner.conclude(), self.learners)

    def score(
        self, samples: Samples, indices: Tensor, is_untrained: bool = False
    ) -> dict[str, NDArray[np.float32]]:
        """Score samples with every replica, see `score_samples`.

        If no task has been learnt, scores that keep statistics of tasks are left out.
        """

        def score(learner: GroupLearner) -> dict[str, NDArray[np.float32]]:
            model, scaling = learner.strategy.model, learner.strategy.samples.scaling
            scores = [own for own in learner.scores if not (is_untrained and own.learns())]
            if not scores:
                return {}
            own, told = samples.scaled_by(scaling), learner.told(indices)
            return score_samples(model, own, indices, scores, told)

        parts = self._threads.map(score, self.learners)
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def thresholds(self) -> Thresholds:
        """Set thresholds after the task that has been concluded: by score, (R, rates)."""
        parts = self._threads.map(lambda learner: learner.thresholds(), self.learners)
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def alarms(self, samples: Samples, indices: Tensor) -> NDArray[np.bool_]:
        """Return whether samples are beyond the limit of their nearest task, (R, rates, n)."""

        def alarms(learner: GroupLearner) -> NDArray[np.bool_]:
            strategy, limits = learner.strategy, learner.calibration.limits
            scaled = samples.scaled_by(strategy.samples.scaling)
            return alarms_by_limits(strategy.model, scaled, indices, limits)

        return np.concatenate(self._threads.map(alarms, self.learners))

    def model_bytes(self) -> int:
        """Count the bytes of all replicas' models, as `Detector.weights` would write them."""
        states = [learner.strategy.model.state_dict() for learner in self.learners]
        return sum(tensor.nbytes for state in states for tensor in state.values())

    def score_bytes(self) -> dict[str, int]:
        """Count the bytes of the statistics that scores keep, of all replicas, by score."""
        scores = [score for learner in self.learners for score in learner.scores]
        learning = dict.fromkeys(score.name for score in scores if score.learns())
        return {
            name: sum(score.bytes_kept() for score in scores if score.name == name)
            for name in learning
        }

    def strategy_bytes(self) -> int | None:
        """Count the bytes that strategies and calibration keep of the past, of all replicas.

        None for a strategy that keeps something outside its `state_dict`, or something that does
        not fit into a file, as Avalanche's A-GEM does.
        """
        total = 0
        for learner in self.learners:
            if learner.strategy.cannot_be_resumed:
                return None
            try:
                tensors = call(learner.strategy, "state_dict")
            except CannotKeepError:
                return None
            total += sum(tensor.nbytes for tensor in tensors.values())
            total += sum(tensor.nbytes for tensor in learner.calibration.state().tensors.values())
        return total

    def state(self) -> State:
        """Return the state of all groups."""
        state = State({"groups": [], "seconds": self._seconds})
        for place, learner in enumerate(self.learners):
            group = learner.state()
            state.values["groups"].append({"replicas": len(learner.seeds), **group.values})
            state.add(f"group.{place}", group.tensors)
        return state

    def restore(self, state: State, number: int) -> None:
        """Restore what `state` returned, with groups of the same sizes, at the same task."""
        self._seconds = state.values["seconds"]
        groups = zip(self.learners, state.values["groups"], strict=True)
        for place, (learner, values) in enumerate(groups):
            learner.restore(State(values, state.part(f"group.{place}")), number)


def _together(times: Sequence[TrainingTime], seconds: float) -> TrainingTime:
    """Add up the times of groups, some of which trained at the same time."""
    samples = sum(time.samples for time in times)
    parts = [time.replay_seconds for time in times]
    if None in parts:
        return TrainingTime(seconds, None, samples)
    trained = sum(time.seconds for time in times)
    share = sum(filter(None, parts)) / trained if trained else 0.0
    return TrainingTime(seconds, share * seconds, samples)
