"""A command that is killed at a chosen moment: `python -m tests.killing WHEN NUMBER ARGUMENTS...`.

WHEN is `step` (after so many training steps of this process), `saved` or `saving` (after, or in the
middle of, so many checkpoints), or `never`. Checkpoints are taken within tasks, too, however short.
"""

import os
import signal
import sys
from typing import Any

from cl_anomaly import checkpoints
from cl_anomaly.cli import main
from cl_anomaly.step import TrainStep


def _after(owner: Any, name: str, number: int) -> None:
    """Kill this process after so many calls of a function."""
    original, calls = getattr(owner, name), [0]

    def counted(*arguments: Any, **settings: Any) -> Any:
        result = original(*arguments, **settings)
        calls[0] += 1
        if calls[0] == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, counted)


if __name__ == "__main__":
    when, number, *arguments = sys.argv[1:]
    checkpoints._LEAST_SECONDS = 0.02
    checkpoints._SHARE_OF_TIME = 1.0
    if when == "step":
        _after(TrainStep, "__call__", int(number))
    elif when == "saved":
        _after(checkpoints.Checkpoints, "save", int(number))
    elif when == "saving":
        _after(checkpoints, "write_tensors", int(number))
    main(arguments)
