"""Strategies that take a second for each step from the second task on: no interrupt is too late.

They make haste while a file `go` lies beside the file that they are copied to. They end nothing and
hear no signal themselves: a run that is asked to end does so after the step that it is in.
"""

import time
from pathlib import Path

from torch import Tensor

from cl_anomaly.strategies import Strategy
from cl_anomaly.strategies.generative_replay import GenerativeReplay

_GO = Path(__file__).with_name("go")


def _linger() -> None:
    until = time.monotonic() + 1.0
    while time.monotonic() < until and not _GO.exists():
        time.sleep(0.01)


class Lingers(Strategy):
    """The Lower Bound, slowly."""

    def extend(self, x: Tensor) -> Tensor:
        if self.task_number >= 2:
            _linger()
        return x


class Replays(GenerativeReplay):
    """Generative Replay, slowly."""

    def extend(self, x: Tensor) -> Tensor:
        if self.task_number >= 2:
            _linger()
        return super().extend(x)
