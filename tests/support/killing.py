"""Runs that are killed again and again: `python -m tests.support.killing MOMENTS ARGUMENTS...`.

MOMENTS are such as `step:12,saved:2,never:0`: for each, a child process runs the command, and is
killed after so many training steps of its own, after so many checkpoints (`saved`), or in the
middle of writing them (`saving`). Checkpoints are taken within tasks, too, however short. Forked
after a run of one epoch, so that no child imports anything again. Of several runs, the arguments
are separated by `--`. Prints the exit codes of each run's children in a line.
"""

import os
import signal
import sys
import tempfile
from typing import Any

from cl_anomaly.cli.main import main
from cl_anomaly.runs import checkpointing as keeping
from cl_anomaly.store import checkpoints
from cl_anomaly.training.loop import TrainStep

PLACES: dict[str, tuple[Any, str]] = {
    "step": (TrainStep, "__call__"),
    "saved": (checkpoints.Checkpoints, "save"),
    "saving": (checkpoints, "write_tensors"),
}


def _kill_after(owner: Any, name: str, number: int) -> None:
    """Kill this process after so many calls of a function."""
    original, calls = getattr(owner, name), [0]

    def counted(*arguments: Any, **settings: Any) -> Any:
        result = original(*arguments, **settings)
        calls[0] += 1
        if calls[0] == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, counted)


def _child(moment: str, arguments: list[str]) -> None:
    when, number = moment.split(":")
    keeping._LEAST_SECONDS = -1.0
    keeping._SHARE_OF_TIME = float("inf")
    if when != "never":
        _kill_after(*PLACES[when], int(number))
    main(arguments)


def _import_what_a_run_needs(arguments: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        main([*arguments, "--epochs", "1", "--out", folder])


def _kill_again_and_again(moments: str, arguments: list[str]) -> list[int]:
    codes = []
    for moment in moments.split(","):
        if (child := os.fork()) == 0:
            try:
                _child(moment, arguments)
            except SystemExit as stop:
                os._exit(int(stop.code or 0))
            os._exit(0)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    return codes


if __name__ == "__main__":
    commands: list[list[str]] = [[]]
    for word in sys.argv[2:]:
        if word == "--":
            commands.append([])
        else:
            commands[-1].append(word)
    _import_what_a_run_needs(commands[0])
    lines = [_kill_again_and_again(sys.argv[1], command) for command in commands]
    for line in lines:
        print(*line)
