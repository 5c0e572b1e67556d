"""Replicas that learn side by side: a strategy with its model, and the tasks of each replica."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from cl_anomaly.randomness import ReplicaRandom, StepRandom
from cl_anomaly.scenario import Scenario
from cl_anomaly.strategies import Strategy
from cl_anomaly.training import OnStep, TrainingSettings, TrainingTime, train_task


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

    def train(self, visible: Sequence[Tensor], on_step: OnStep) -> TrainingTime:
        """Train on the task that has begun, from what each replica may see of it."""
        return train_task(self.strategy, visible, self.seeds, self.settings, on_step)

    def conclude(self) -> None:
        """Let the strategy keep what it needs of the task that it was trained on."""
        number, device = self.strategy.task_number, self.strategy.samples.stored.device
        # How much was drawn in training may depend on how long the other replicas' tasks were.
        self.strategy.random = ReplicaRandom(self.seeds, "after task", number, device=device)
        self.strategy.after_task([scenario.tasks[number - 1] for scenario in self.scenarios])
