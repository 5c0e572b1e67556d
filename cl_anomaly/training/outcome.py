"""What training is told and asked on its way, and what it comes to."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from cl_anomaly.core.state import Wanted

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
