"""What trains, as its callers know it: the training of a task, and the learner of a group."""

# ruff: noqa: D102
from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from cl_anomaly.core.state import State
from cl_anomaly.scenarios.base import Scenario
from cl_anomaly.scores import Score
from cl_anomaly.strategies import Strategy
from cl_anomaly.training.calibration import Calibration, Thresholds
from cl_anomaly.training.outcome import OnStep, Pause, TrainingTime, never
from cl_anomaly.training.schedule import TrainingSettings


class TrainingStatus(Protocol):
    """How far R replicas have come with their current task; see `TaskTraining`."""

    @property
    def steps(self) -> list[int]: ...

    @property
    def done(self) -> int: ...

    @property
    def failed(self) -> dict[int, tuple[int, str]]: ...

    @property
    def time(self) -> TrainingTime: ...

    @property
    def is_done(self) -> bool: ...


class Training(TrainingStatus, Protocol):
    """Training of R replicas on their current task; see `TaskTraining`."""

    def run(self, on_step: OnStep, pause: Pause = never) -> TrainingTime: ...

    def state(self) -> State: ...

    def restore(self, state: State) -> None: ...


class GroupLearner(Protocol):
    """What learns a group of R replicas, task after task; see `Learner`."""

    strategy: Strategy
    seeds: Sequence[int]
    settings: TrainingSettings
    scores: list[Score]

    @property
    def scenarios(self) -> Sequence[Scenario]: ...

    @property
    def has_begun(self) -> bool: ...

    @property
    def training(self) -> TrainingStatus: ...

    @property
    def calibration(self) -> Calibration: ...

    @property
    def steps(self) -> list[int]: ...

    def told(self, indices: Tensor) -> Tensor | None: ...

    def begin(self, number: int) -> None: ...

    def train(self, on_step: OnStep, pause: Pause = never) -> TrainingTime: ...

    def losses(self) -> Tensor: ...

    def conclude(self) -> None: ...

    def thresholds(self) -> Thresholds: ...

    def state(self) -> State: ...

    def restore(self, state: State, number: int) -> None: ...
