"""All replicas of a run: groups that train one after another, or beside each other in threads."""

import math
import threading
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cl_anomaly.datasets import Samples
from cl_anomaly.environment import now
from cl_anomaly.evaluation import score_samples
from cl_anomaly.learner import Learner
from cl_anomaly.threads import Threads
from cl_anomaly.training import TrainingTime

# A weight, its gradient, and Adam's two moments of it, in float32.
_BYTES_PER_WEIGHT = 16

# Every step reads and writes all of these. Where a processor's cache does not keep them from one
# step to the next, Adam takes nearly twice as long, and the matrix products longer, too.
_CACHE_BYTES = 48 * 2**20


def group_sizes(replicas: int, weights: int, device: torch.device, threads: int) -> list[int]:
    """Divide replicas into groups that train side by side.

    On a GPU all are one group: the more, the busier it is. On a processor a group is what its cache
    holds, or less, so that each thread has as many groups as the others.

    Args:
        replicas: how many, in all.
        weights: of one replica.
        device: what they train on.
        threads: that train groups at the same time.

    Returns:
        The size of each group.
    """
    if device.type != "cpu":
        return [replicas]
    at_once = max(1, _CACHE_BYTES // (weights * _BYTES_PER_WEIGHT))
    rounds = math.ceil(replicas / (at_once * threads))
    groups = min(replicas, rounds * threads)
    return [replicas // groups + (group < replicas % groups) for group in range(groups)]


class ReplicaGroups:
    """The groups of a run's replicas, in the order of its seeds; they share nothing.

    Args:
        learners: one for each group.
        threads: how many groups may train at a time.
    """

    def __init__(self, learners: Sequence[Learner], threads: int) -> None:
        self.learners = learners
        self._device = learners[0].strategy.samples.stored.device
        self._threads = Threads(min(threads, len(learners)))

    def train(self, number: int, on_step: Callable[[int, int, Tensor], None]) -> TrainingTime:
        """Train all replicas on a task.

        Args:
            number: of the task, from 1.
            on_step: told after each step of a group: steps done and steps in all, of all groups
                together, and the loss of each of the group's replicas.
        """
        visible = [learner.begin(number) for learner in self.learners]
        pairs = list(zip(self.learners, visible, strict=True))
        steps = sum(max(learner.settings.steps(indices)) for learner, indices in pairs)
        done, lock = [0], threading.Lock()

        def count(_: int, loss: Tensor) -> None:
            self._threads.check()
            with lock:
                done[0] += 1
                on_step(done[0], steps, loss)

        started = now(self._device)
        times = self._threads.map(lambda pair: pair[0].train(pair[1], count), pairs)
        return _together(times, now(self._device) - started)

    def conclude(self) -> None:
        """Let the strategies keep what they need of the task."""
        self._threads.map(Learner.conclude, self.learners)

    def score(
        self, samples: Samples, indices: Tensor, scores: Sequence[str]
    ) -> dict[str, NDArray[np.float32]]:
        """Score samples with every replica, see `evaluation.score_samples`."""

        def score(learner: Learner) -> dict[str, NDArray[np.float32]]:
            return score_samples(learner.strategy.model, samples, indices, scores)

        parts = self._threads.map(score, self.learners)
        return {name: np.concatenate([part[name] for part in parts]) for name in scores}


def _together(times: Sequence[TrainingTime], seconds: float) -> TrainingTime:
    """Time of groups, some of which trained at the same time."""
    samples = sum(time.samples for time in times)
    parts = [time.replay_seconds for time in times]
    if None in parts:
        return TrainingTime(seconds, None, samples)
    share = sum(filter(None, parts)) / sum(time.seconds for time in times)
    return TrainingTime(seconds, share * seconds, samples)
