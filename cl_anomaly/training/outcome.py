"""Callback and result types of training, and what the loop asks of those who train."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from cl_anomaly.core.state import State, Wanted

OnStep = Callable[[int, int, Tensor], None]
"""Told after each step: steps done, steps in all, and the loss of each replica (R,)."""

Pause = Callable[[], Wanted]
"""Asked after each step whether to leave the training."""


def never() -> Wanted:
    """Never leave it."""
    return Wanted.NOTHING


@dataclass(frozen=True)
class TrainingTime:
    """What training on one task took.

    Attributes:
        seconds: in all.
        replay_seconds: of these, in the strategy's `extend`; None on a GPU, which replays steps
            whole.
        samples: trained on, over all replicas, replayed ones included.
    """

    seconds: float
    replay_seconds: float | None
    samples: int


@dataclass(frozen=True)
class Learnt:
    """What learning a task came to.

    Attributes:
        trained: time and samples.
        after_task_seconds: that the strategy took to keep what it needs.
        failures: by replica, the step at which it failed, and what was not finite.
        steps: of a replica, their mean over the replicas; 0 of what learns in closed form.
    """

    trained: TrainingTime
    after_task_seconds: float
    failures: dict[int, tuple[int, str]]
    steps: float


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


class Learning(Protocol):
    """Replicas that learn a task; `ReplicaGroups` says what is what."""

    device: torch.device

    @property
    def has_begun(self) -> bool: ...  # noqa: D102

    @property
    def is_done(self) -> bool: ...  # noqa: D102

    def begin(self, number: int) -> None: ...  # noqa: D102

    def train(self, on_step: OnStep, pause: Pause) -> TrainingTime: ...  # noqa: D102

    def steps(self) -> list[int]: ...  # noqa: D102

    def failures(self) -> dict[int, tuple[int, str]]: ...  # noqa: D102

    def conclude(self) -> None: ...  # noqa: D102
