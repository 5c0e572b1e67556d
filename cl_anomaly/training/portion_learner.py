"""Replicas that learn a stream without boundaries: portion after portion, with one Adam."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import torch
from torch import Tensor

from cl_anomaly.core.products import matrix_products_in
from cl_anomaly.core.state import PauseReason, State
from cl_anomaly.scenarios.portions import Portioned
from cl_anomaly.strategies import Strategy
from cl_anomaly.training.calibration import Calibration, Thresholds
from cl_anomaly.training.hooks import overrides, stand_in
from cl_anomaly.training.learner import Learner
from cl_anomaly.training.outcome import OnStep, Pause, TrainingTime, never
from cl_anomaly.training.schedule import TrainingSettings


class PortionLearner:
    """R replicas that learn a stream without boundaries, with the interface of `Learner`.

    A task of `Learner` is a portion here. A task of the stream is the portions up to its last
    sample: after the last of them, the run evaluates. The object is its own `training`, over these
    portions.

    Args:
        strategy: with its model and the training samples.
        seeds: one for each replica.
        scenarios: one for each replica, all with the same `ends`.
        settings: how each portion is trained.
        scores: names of the anomaly scores to compute.

    Attributes:
        portion: the one that is being learnt, or was learnt last.
        failed: by replica, the step after which something was not a finite number, and what.

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
        trained = [scenario.as_trained() for scenario in scenarios]
        self._portions = Learner(strategy, seeds, trained, settings, scores, keeps_adam=True)
        self.strategy, self.seeds, self.scenarios = strategy, seeds, trained
        self.settings, self.scores = settings, self._portions.scores
        self._ends = [0, *scenarios[0].ends]
        self._thresholds: Thresholds = {}
        self.has_begun = False
        self._begin(0)

    def _begin(self, number: int) -> None:
        """Start counting at the first portion of a task, from 1; 0 for none."""
        first, self._last = self._ends[max(number - 1, 0)] + 1, self._ends[number]
        self.portion, self._done = first - 1, 0
        self.failed: dict[int, tuple[int, str]] = {}
        self._time = TrainingTime(0.0, 0.0, 0)
        shape = 2, len(self.seeds), self.settings.parts
        self._losses = torch.zeros(shape, dtype=torch.float64)  # sums, and how many are in them
        self._ahead = {number: self._foreseen(number) for number in range(first, self._last + 1)}

    def begin(self, number: int) -> None:
        """Turn to the portions of a task, counted from 1; each calls hooks when it begins."""
        self.has_begun = True
        self._begin(number)
        if self._ahead:
            self._thresholds = {}

    def _foreseen(self, number: int) -> int:
        """Foresee the steps of a portion, from 1, by asking a copy of the strategy."""
        seen = self.scenarios[0].tasks[:number]
        visible = seen[-1].indices
        if overrides(self.strategy, "training_indices"):
            with suppress(Exception):  # it may depend on training
                visible = stand_in(self.strategy).training_indices(seen[-1], seen)
        return self.settings.for_task([seen[-1]]).steps(len(visible))

    @property
    def training(self) -> PortionLearner:
        """Training on the task that has begun."""
        if not self.has_begun:
            raise RuntimeError("Expected `begin` to be called first.")
        return self

    @property
    def calibration(self) -> Calibration:
        """The calibration, with what it keeps of past portions."""
        return self._portions.calibration

    def told(self, indices: Tensor) -> None:
        """Return nothing: scores are not told which task a test sample belongs to."""

    @property
    def is_done(self) -> bool:
        """Whether no portion is left, or no replica that could learn one."""
        at_end = self.portion >= self._last or len(self.failed) == len(self.seeds)
        return at_end and not self._portions.has_begun

    @property
    def done(self) -> int:
        """Steps so far in the task."""
        return self._done + (self._portions.training.done if self._portions.has_begun else 0)

    @property
    def steps(self) -> list[int]:
        """Steps in all, of each replica; of portions that have not begun, those foreseen."""
        begun = max(self._portions.training.steps) if self._portions.has_begun else 0
        ahead = sum(self._ahead[number] for number in range(self.portion + 1, self._last + 1))
        return [self._done + begun + ahead] * len(self.seeds)

    @property
    def time(self) -> TrainingTime:
        """Time spent on the task so far."""
        if not self._portions.has_begun:
            return self._time
        one, other = self._time, self._portions.training.time
        parts = one.replay_seconds, other.replay_seconds
        replay = None if None in parts else sum(filter(None, parts))
        return TrainingTime(one.seconds + other.seconds, replay, one.samples + other.samples)

    def train(self, on_step: OnStep, pause: Pause = never) -> TrainingTime:
        """Train until the task is done or to be paused; return the time spent on it in all."""
        reason, portions = PauseReason.NONE, self._portions

        def asked() -> PauseReason:
            nonlocal reason
            reason = pause()
            return reason

        def noted(_done: int, _steps: int, loss: Tensor) -> None:
            on_step(self.done, self.steps[0], loss)

        # Other groups train meanwhile: all must use the same products, hooks included.
        with matrix_products_in(self.settings.precision, self.strategy.samples.stored.device):
            while reason is PauseReason.NONE and not self.is_done:
                if not portions.has_begun:
                    self.portion += 1
                    portions.begin(self.portion)
                portions.train(noted, asked)
                if portions.training.is_done:
                    self._conclude_portion()
        return self.time

    def _conclude_portion(self) -> None:
        """Conclude a portion, and add its failures, losses and time to the task's."""
        training, means = self._portions.training, self._portions.losses()
        for replica, (step, what) in training.failed.items():
            self.failed.setdefault(replica, (self._done + step, what))
        made = training.done * means.isfinite()
        self._losses += torch.stack([means.nan_to_num() * made, made])
        self._done, self._time = self.done, self.time
        self._portions.conclude()

    def losses(self) -> Tensor:
        """Return the mean loss of each pass over the task's portions, (R, epochs), float64."""
        sums, counts = self._losses
        return sums / counts

    def conclude(self) -> None:
        """Leave the task, whose last portion has been concluded already."""
        self.has_begun = False

    def thresholds(self) -> Thresholds:
        """Return thresholds after the last portion, see `Calibration`."""
        if not self._thresholds:
            self._thresholds = self._portions.thresholds()
        return self._thresholds

    def state(self) -> State:
        """Return weights, Adam, the strategy's state, and the position in the stream."""
        state = self._portions.state()
        state.values["walk"] = {
            "has_begun": self.has_begun,
            "portion": self.portion,
            "done": self._done,
            "time": vars(self._time),
            "failed": [*self.failed.items()],
        }
        state.tensors["walk losses"] = self._losses
        state.add("thresholds", {k: torch.from_numpy(v) for k, v in self._thresholds.items()})
        return state

    def restore(self, state: State, number: int) -> None:
        """Restore what `state` returned, at the task that was being learnt or was learnt last."""
        self._begin(number)
        walk = state.values["walk"]
        self.has_begun, self.portion, self._done = walk["has_begun"], walk["portion"], walk["done"]
        self._time = TrainingTime(**walk["time"])
        self.failed = {replica: (step, what) for replica, (step, what) in walk["failed"]}
        self._losses = state.tensors["walk losses"].clone()
        self._thresholds = {k: v.cpu().numpy() for k, v in state.part("thresholds").items()}
        self._portions.restore(state, max(1, self.portion))
