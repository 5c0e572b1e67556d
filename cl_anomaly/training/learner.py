"""Replicas that learn side by side: a strategy with its model, and each replica's tasks."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from cl_anomaly.core.errors import RunError
from cl_anomaly.core.randomness import ReplicaRandom, StepRandom
from cl_anomaly.core.state import CannotKeepError, State
from cl_anomaly.models.shared.closed_form import ClosedForm
from cl_anomaly.scenarios.class_stream import Scenario, Task
from cl_anomaly.scores import make_scores
from cl_anomaly.strategies import Strategy
from cl_anomaly.training.calibration import Calibration, Thresholds
from cl_anomaly.training.closed_form_fit import OnePass, check_fits
from cl_anomaly.training.hooks import call
from cl_anomaly.training.interfaces import Training
from cl_anomaly.training.learning_scores import learn_scores
from cl_anomaly.training.loop import TaskTraining
from cl_anomaly.training.outcome import EpochLosses, OnStep, Pause, TrainingTime, never
from cl_anomaly.training.rehearsal import rehearse
from cl_anomaly.training.schedule import TrainingSettings
from cl_anomaly.training.visibility import (
    refuse_leaks_ahead,
    refuse_other_lengths,
    visible_indices,
    watched,
)


@runtime_checkable
class TrainsItself(Protocol):
    """A strategy that trains by a loop of its own: a single replica, in the main thread."""

    def own_training(self, scenario: Scenario, seed: int, settings: TrainingSettings) -> Training:
        """Return the training on the current task."""
        ...


class Learner:
    """R replicas that learn side by side.

    Args:
        strategy: with its model and the training samples.
        seeds: one for each replica.
        scenarios: one for each replica.
        settings: how each task is trained.
        scores: names of the anomaly scores to compute.
        is_told: whether scores are told which task a test sample belongs to.
        keeps_adam: whether Adam continues from one task to the next, as without boundaries.

    Raises:
        InputError: the strategy would be trained on samples that have not arrived, or does not fit
            the model.
    """

    def __init__(
        self,
        strategy: Strategy,
        seeds: Sequence[int],
        scenarios: Sequence[Scenario],
        settings: TrainingSettings,
        scores: Sequence[str] = (),
        is_told: bool = False,
        keeps_adam: bool = False,
    ) -> None:
        self.strategy, self.seeds = strategy, seeds
        self.scenarios, self.settings = scenarios, settings
        self.scores, self._is_told = make_scores(scores), is_told
        self.calibration = Calibration(strategy, self.scores, scenarios, seeds)
        self._moments: dict[str, Tensor] | None = {} if keeps_adam else None
        self._training: Training | None = None
        self._visible: list[Tensor] | None = None
        check_fits(type(strategy.model), strategy)
        self._losses = EpochLosses([0] * len(seeds), settings.parts, torch.device("cpu"))
        refuse_leaks_ahead(strategy, scenarios, seeds)

    @property
    def has_begun(self) -> bool:
        """Whether a task has begun that has not been concluded."""
        return self._training is not None

    @property
    def _device(self) -> torch.device:
        return self.strategy.samples.stored.device

    def _tasks(self, number: int) -> list[Task]:
        """Return a task, counted from 1, as each replica sees it."""
        return [scenario.tasks[number - 1] for scenario in self.scenarios]

    def told(self, indices: Tensor) -> Tensor | None:
        """Return the tasks of test samples, (R, n), if scores are told them."""
        if not self._is_told:
            return None
        return torch.stack([scenario.tasks_of(indices) for scenario in self.scenarios])

    @property
    def training(self) -> Training:
        """Training on the task that has begun."""
        if self._training is None:
            raise RuntimeError("Expected `begin` to be called first.")
        return self._training

    @property
    def steps(self) -> list[int]:
        """Steps of each replica in the task that has begun; 0 in closed form."""
        if isinstance(self.strategy.model, ClosedForm):
            return [0] * len(self.seeds)
        return self.training.steps

    def begin(self, number: int) -> None:
        """Prepare the strategy for a task, counted from 1.

        Raises:
            RunError: a hook returned something invalid, see `rehearse` and `visible_indices`.
        """
        strategy = self.strategy
        strategy.task_number = number
        strategy.random = ReplicaRandom(self.seeds, "before task", number, device=self._device)
        with watched(strategy, "before_task", self.scenarios, number):
            call(strategy, "before_task", self._tasks(number))
        strategy.model.begin_task(number)
        self._start(number)

    def _start(self, number: int) -> None:
        self.strategy.random = StepRandom(self.seeds, "strategy", number, device=self._device)
        self._training = self._new_training(number)
        self._losses = EpochLosses(self._training.steps, self.settings.parts, self._device)

    def _new_training(self, number: int) -> Training:
        strategy, settings = self.strategy, self.settings.for_task(self._tasks(number))
        if isinstance(strategy, TrainsItself):
            return strategy.own_training(self.scenarios[0], self.seeds[0], settings)
        visible = self._visible = visible_indices(strategy, self.scenarios, self.seeds, number)
        if isinstance(strategy.model, ClosedForm):
            return OnePass(strategy, visible, self._earlier(number))
        rehearse(strategy, self.scenarios, visible, settings.batch_size)
        moments = self._moments
        if moments is not None:
            refuse_other_lengths(strategy, visible)
            moments = {} if strategy.begins_anew else moments
        return TaskTraining(strategy, visible, self.seeds, settings, moments)

    def _earlier(self, number: int) -> list[Tensor]:
        """Return each replica's samples of the tasks before one."""
        none = torch.empty(0, dtype=torch.int64)
        return [
            torch.cat([none, *(task.indices for task in scenario.tasks[: number - 1])])
            for scenario in self.scenarios
        ]

    def train(self, on_step: OnStep, pause: Pause = never) -> TrainingTime:
        """Train on the task that has begun, see `TaskTraining.run`."""
        losses = self._losses

        def noted(done: int, steps: int, loss: Tensor) -> None:
            losses.add(done, loss)
            on_step(done, steps, loss)

        return self.training.run(noted, pause)

    def losses(self) -> Tensor:
        """Return each epoch's mean loss in the task that began last, (R, epochs), float64."""
        return self._losses.means()

    def conclude(self) -> None:
        """Let the strategy and the scores keep what they need of the task."""
        strategy, number = self.strategy, self.strategy.task_number
        if isinstance(self._training, TaskTraining):
            self._moments = self._training.moments
        self._training = None
        self.calibration.look_back(number)
        # How much was drawn in training may depend on how long the other replicas' tasks were.
        strategy.random = ReplicaRandom(self.seeds, "after task", number, device=self._device)
        with watched(strategy, "after_task", self.scenarios, number):
            call(strategy, "after_task", self._tasks(number))
        self.calibration.store(number)
        samples, model = strategy.samples, strategy.model
        learn_scores(self.scores, model, samples, self.scenarios, self._visible, number)

    def thresholds(self) -> Thresholds:
        """Set thresholds after the task that has been concluded, see `Calibration`."""
        return self.calibration.thresholds(self.strategy.task_number)

    def state(self) -> State:
        """Return the weights, the state of the strategy, and the position in the training."""
        state = State()
        state.add("model", self.strategy.model.state_dict())
        state.add("strategy", _checked(self.strategy))
        state.add("calibration", self.calibration.state().tensors)
        for score in self.scores:
            state.add(f"score.{score.name}", score.state_dict())
        state.add("adam", self._moments or {})
        if self._training is not None:
            training = self._training.state()
            state.values["training"] = training.values
            state.add("training", training.tensors)
            state.add("losses", self._losses.state_dict())
        return state

    def restore(self, state: State, number: int) -> None:
        """Restore what `state` returned, at the task that was being learnt or was learnt last."""
        self.strategy.task_number = number
        self.strategy.model.load_state_dict(state.part("model"))
        if tensors := self._on_device(state.part("strategy")):
            call(self.strategy, "load_state_dict", tensors)
        self.calibration.restore(State({}, state.part("calibration")))
        for score in self.scores:
            if statistics := self._on_device(state.part(f"score.{score.name}")):
                score.load_state_dict(statistics)
        if self._moments is not None:
            self._moments = state.part("adam")
        if "training" in state.values:
            # Not `begin`: `before_task` has been called, and its results are restored.
            self._start(number)
            self.training.restore(State(state.values["training"], state.part("training")))
            self._losses.load_state_dict(state.part("losses"))

    def _on_device(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: tensor.to(self._device) for name, tensor in tensors.items()}


def _checked(strategy: Strategy) -> dict[str, Tensor]:
    if why := strategy.cannot_be_resumed:
        raise CannotKeepError(why)
    state = call(strategy, "state_dict")
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    ):
        raise RunError(
            f"Expected {type(strategy).__name__}.state_dict to give tensors by name, but got "
            f"{state!r:.200}."
        )
    return state
