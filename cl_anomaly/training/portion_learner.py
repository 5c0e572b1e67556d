"""Replicas that learn a stream without boundaries: portion after portion, with one Adam."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import torch
from torch import Tensor

from cl_anomaly.core.products import matrix_products_in
from cl_anomaly.core.state import State, Wanted
from cl_anomaly.scenarios.portions import Portioned
from cl_anomaly.strategies import Strategy
from cl_anomaly.training.calibration import Calibration, Thresholds
from cl_anomaly.training.hooks import overrides, stand_in
from cl_anomaly.training.learner import Learner
from cl_anomaly.training.one_adam import LearnerOfPortions
from cl_anomaly.training.outcome import OnStep, Pause, TrainingTime, never
from cl_anomaly.training.step import TrainingSettings


class PortionLearner:
    """R replicas that learn a stream without boundaries; what it has is what `Learner` has.

    What `Learner` calls a task is a portion here. A task of the stream is the portions that come
    until its last sample has arrived: after the last of them, the run evaluates.

    Args:
        strategy: with its model and the training samples.
        seeds: one for each replica.
        scenarios: one for each replica, all with the same `ends`.
        settings: how each portion is trained.
        scores: names of the anomaly scores that are computed.

    Raises:
        InputError: the strategy would be trained on samples that have not arrived.
    """

    def __init__(
        self,
        strategy: Strategy,
        seeds: Sequence[int],
        scenarios: Sequence[Portioned],
        settings: TrainingSettings,
        scores: Sequence[str] = (),
    ) -> None:
        trained = [own.as_trained() for own in scenarios]
        self._portions = LearnerOfPortions(strategy, seeds, trained, settings, scores)
        self.strategy, self.seeds, self.scenarios = strategy, seeds, trained
        self.settings = settings
        self.scores, self._ends = self._portions.scores, scenarios[0].ends
        self._walk: PortionWalk | None = None
        self._thresholds: Thresholds = {}
        self._losses = torch.full((len(seeds), settings.parts), torch.nan, dtype=torch.float64)

    @property
    def has_begun(self) -> bool:
        """Whether a task has begun that has not been concluded."""
        return self._walk is not None

    @property
    def training(self) -> PortionWalk:
        """Training on the task that has begun."""
        if self._walk is None:
            raise RuntimeError("Expected `begin` to be called first.")
        return self._walk

    @property
    def calibration(self) -> Calibration:
        """What sets thresholds, with what it keeps of past portions."""
        return self._portions.calibration

    @property
    def steps(self) -> list[int]:
        """Steps that each replica makes in the task that has begun."""
        return self.training.steps

    def told(self, indices: Tensor) -> None:
        """Return nothing: scores are not told which task a test sample belongs to."""

    def begin(self, number: int) -> None:
        """Turn to the portions of a task, from 1; hooks are called when a portion begins."""
        first, last = self._ends[number - 2] + 1 if number > 1 else 1, self._ends[number - 1]
        self._walk = PortionWalk(self._portions, first, last)
        if first <= last:
            self._thresholds = {}

    def train(self, on_step: OnStep, pause: Pause = never) -> TrainingTime:
        """Train on the task that has begun, see `PortionWalk.run`."""
        return self.training.run(on_step, pause)

    def losses(self) -> Tensor:
        """Return the mean loss of each pass over the last task's portions, (R, epochs), float64."""
        return self._losses if self._walk is None else self._walk.losses()

    def conclude(self) -> None:
        """Leave the task: its last portion has been concluded already."""
        self._losses, self._walk = self.training.losses(), None

    def thresholds(self) -> Thresholds:
        """Return thresholds after the last portion, see `Calibration`.

        Where no portion has come since they were set, they are as they were.
        """
        if not self._thresholds:
            self._thresholds = self._portions.thresholds()
        return self._thresholds

    def state(self) -> State:
        """Return weights, Adam, what the strategy keeps, and where in the stream it is."""
        state = self._portions.state()
        state.tensors["mean losses"] = self._losses
        state.add("thresholds", {k: torch.from_numpy(v) for k, v in self._thresholds.items()})
        if self._walk is not None:
            walk = self._walk.state()
            state.values["walk"] = walk.values
            state.add("walk", walk.tensors)
        return state

    def restore(self, state: State, number: int) -> None:
        """Be where `state` was given.

        Args:
            state: of as many replicas.
            number: of the task that was being learnt, or had been.
        """
        self._losses, portion = state.tensors["mean losses"], self._ends[number - 1]
        known = {name: own.cpu().numpy() for name, own in state.part("thresholds").items()}
        if "walk" in state.values:
            self.begin(number)
            self.training.restore(State(state.values["walk"], state.part("walk")))
            portion = self.training.portion
        self._thresholds = known
        self._portions.restore(state, max(1, portion))


class PortionWalk:
    """Training on the portions with which a task's samples arrive; it can be paused.

    Args:
        learner: of portions.
        first: portion, from 1.
        last: portion; below `first` where the last sample has arrived already.

    Attributes:
        portion: that is being learnt, or was learnt last.
        done: steps so far.
        failed: by replica, the step after which something was not a finite number, and what.
    """

    def __init__(self, learner: Learner, first: int, last: int) -> None:
        self._learner, self._last = learner, last
        self.portion, self._done = first - 1, 0
        self.failed: dict[int, tuple[int, str]] = {}
        self._time = TrainingTime(0.0, 0.0, 0)
        shape = 2, len(learner.seeds), learner.settings.parts
        self._losses = torch.zeros(shape, dtype=torch.float64)  # sums, and how many are in them
        self._ahead = {number: self._steps_of(number) for number in range(first, last + 1)}

    @property
    def is_done(self) -> bool:
        """Whether no portion is left, or no replica that could learn one."""
        at_end = self.portion >= self._last or len(self.failed) == len(self._learner.seeds)
        return at_end and not self._learner.has_begun

    @property
    def done(self) -> int:
        """Steps so far."""
        return self._done + (self._learner.training.done if self._learner.has_begun else 0)

    @property
    def steps(self) -> list[int]:
        """Steps in all, of each replica; of portions that have not begun, what is foreseen."""
        begun = max(self._learner.training.steps) if self._learner.has_begun else 0
        ahead = sum(self._ahead[number] for number in range(self.portion + 1, self._last + 1))
        return [self._done + begun + ahead] * len(self._learner.seeds)

    def _steps_of(self, number: int) -> int:
        """Foresee the steps of a portion, from 1, by asking a copy of the strategy."""
        tasks, strategy = self._learner.scenarios[0].tasks, self._learner.strategy
        visible = tasks[number - 1].indices
        if overrides(strategy, "training_indices"):
            with suppress(Exception):  # of one that asks for what only training gives it
                copy = stand_in(strategy)
                visible = copy.training_indices(tasks[number - 1], tasks[:number])
        settings = self._learner.settings.for_task([tasks[number - 1]])
        return settings.steps(len(visible))

    @property
    def time(self) -> TrainingTime:
        """What it has taken so far."""
        return (
            _sum(self._time, self._learner.training.time) if self._learner.has_begun else self._time
        )

    def run(self, on_step: OnStep, pause: Pause = never) -> TrainingTime:
        """Train until the task's last sample has been trained on, or until it is to pause.

        Args:
            on_step: told after each step.
            pause: asked after each step.

        Returns:
            What it has taken so far, with what it took before a pause.
        """
        wanted, settings = Wanted.NOTHING, self._learner.settings
        device = self._learner.strategy.samples.stored.device

        def asked() -> Wanted:
            nonlocal wanted
            wanted = pause()
            return wanted

        def noted(_done: int, _steps: int, loss: Tensor) -> None:
            on_step(self.done, self.steps[0], loss)

        # Other groups train meanwhile: all must ask for the same products, hooks included.
        with matrix_products_in(settings.precision, device):
            while wanted is Wanted.NOTHING and not self.is_done:
                self._learn_portion(noted, asked)
        return self.time

    def _learn_portion(self, on_step: OnStep, pause: Pause) -> None:
        if not self._learner.has_begun:
            self.portion += 1
            self._learner.begin(self.portion)
        self._learner.train(on_step, pause)
        if self._learner.training.is_done:
            self._conclude()

    def _conclude(self) -> None:
        """Let the strategy keep what it needs of a portion."""
        training, means = self._learner.training, self._learner.losses()
        for replica, (step, what) in training.failed.items():
            self.failed.setdefault(replica, (self._done + step, what))
        made = training.done * means.isfinite()
        self._losses += torch.stack([means.nan_to_num() * made, made])
        self._done, self._time = self.done, self.time
        self._learner.conclude()

    def losses(self) -> Tensor:
        """Return the mean loss of each pass over portions, (R, epochs), float64."""
        sums, counts = self._losses
        return sums / counts

    def state(self) -> State:
        """Return where it is, beside the portion's own training."""
        values = {
            "portion": self.portion,
            "done": self._done,
            "time": vars(self._time),
            "failed": list(self.failed.items()),
        }
        return State(values, {"losses": self._losses})

    def restore(self, state: State) -> None:
        """Be where `state` was given."""
        values = state.values
        self.portion, self._done = values["portion"], values["done"]
        self._time, self._losses = TrainingTime(**values["time"]), state.tensors["losses"].clone()
        self.failed = {replica: (step, what) for replica, (step, what) in values["failed"]}


def _sum(one: TrainingTime, other: TrainingTime) -> TrainingTime:
    parts = one.replay_seconds, other.replay_seconds
    replay = None if None in parts else sum(filter(None, parts))
    return TrainingTime(one.seconds + other.seconds, replay, one.samples + other.samples)
