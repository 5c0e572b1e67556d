"""Replicas that learn side by side: a strategy, its model, and each replica's tasks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cl_anomaly.environment import now
from cl_anomaly.randomness import ReplicaRandom, StepRandom
from cl_anomaly.scenario import Scenario
from cl_anomaly.strategies import Strategy
from cl_anomaly.training import OnStep, TrainingSettings, TrainingTime, train_task

# A weight, its gradient, and Adam's two moments of it, in float32.
_BYTES_PER_WEIGHT = 16

# Every step reads and writes all of these. Where a processor's cache does not keep them from one
# step to the next, Adam takes nearly twice as long, and the matrix products longer, too.
_CACHE_BYTES = 48 * 2**20


def side_by_side(replicas: int, weights: int, device: torch.device) -> list[int]:
    """Divide replicas into groups that train one after another.

    On a GPU all train at once: the more, the busier it is. On a processor as many as its cache
    holds, in groups as equal as can be.

    Args:
        replicas: how many, in all.
        weights: of one replica.
        device: what they train on.

    Returns:
        The size of each group.
    """
    at_once = replicas
    if device.type == "cpu":
        at_once = max(1, _CACHE_BYTES // (weights * _BYTES_PER_WEIGHT))
    groups = math.ceil(replicas / at_once)
    return [replicas // groups + (group < replicas % groups) for group in range(groups)]


@dataclass(frozen=True)
class LearningTime:
    """What learning a task took.

    Attributes:
        training: of the model.
        after_task_seconds: in the strategy's `after_task`.
    """

    training: TrainingTime
    after_task_seconds: float


@dataclass(frozen=True, eq=False)
class Learner:
    """R replicas that learn side by side.

    Attributes:
        strategy: with its model and the training samples.
        seeds: one for each replica.
        scenarios: one for each replica.
        settings: how each task is trained.
    """

    strategy: Strategy
    seeds: Sequence[int]
    scenarios: Sequence[Scenario]
    settings: TrainingSettings

    def begin(self, number: int) -> list[Tensor]:
        """Make the strategy ready for a task, from 1; returns what each replica may see of it."""
        self.strategy.task_number = number
        device = self.strategy.samples.stored.device
        self.strategy.random = StepRandom(self.seeds, "strategy", number, device=device)
        return [
            self.strategy.training_indices(scenario.tasks[number - 1], scenario.tasks[:number])
            for scenario in self.scenarios
        ]

    def learn(self, visible: Sequence[Tensor], on_step: OnStep) -> LearningTime:
        """Learn the task that has begun, from what each replica may see of it."""
        trained = train_task(self.strategy, visible, self.seeds, self.settings, on_step)
        number, device = self.strategy.task_number, self.strategy.samples.stored.device
        before = now(device)
        # How much was drawn in training may depend on how long the other replicas' tasks were.
        self.strategy.random = ReplicaRandom(self.seeds, "after task", number, device=device)
        self.strategy.after_task([scenario.tasks[number - 1] for scenario in self.scenarios])
        return LearningTime(trained, now(device) - before)
