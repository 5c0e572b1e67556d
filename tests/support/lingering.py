"""Strategies that linger in their second task until they are let go: no interrupt is too late.

Two files beside the one that they are copied to let them go on: with `asked` a step takes half a
second, so that a signal that was sent has time to arrive; with `go` they make haste. They hear no
signal themselves: a run that is asked to end does so after the step that it is in.
"""

import time
from pathlib import Path

from torch import Tensor

from cl_anomaly.strategies import Strategy
from cl_anomaly.strategies.gr import GenerativeReplay

_HERE = Path(__file__).parent
# For a test that has failed: its processes end some time.
_AT_MOST = 600.0


def _linger() -> None:
    began = time.monotonic()
    while not (_HERE / "go").exists():
        if time.monotonic() - began > (0.5 if (_HERE / "asked").exists() else _AT_MOST):
            return
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
