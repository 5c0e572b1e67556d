"""A tracker's process: `python -m cl_anomaly.listeners.trackers.server NAME RUN SINCE SECONDS`.

It follows the event log of a run, given as JSON, and ends when the run has ended, which closes its
standard input: SECONDS later at most, for a tracker may hang. Its first error goes to its standard
output, which is closed to all else.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

from cl_anomaly.core.errors import reason
from cl_anomaly.listeners.trackers import load_tracker
from cl_anomaly.listeners.trackers.base import TrackedRun
from cl_anomaly.listeners.trackers.following import Following

_LOCKS: list[FileLock] = []


def main(name: str, run: TrackedRun, since: int, seconds: float) -> int:
    """Follow a run to its end, and return the exit status."""
    complain = _complaints()
    _let_the_run_go_first()
    over = threading.Event()
    threading.Thread(target=_wait_for_end, args=(over, seconds), daemon=True).start()
    try:
        following = Following(load_tracker(name)(), complain)
        if _is_the_last(name, run, 2 * seconds):
            following.follow(run, since, over.is_set)
    except (Exception, SystemExit) as error:
        complain(error)
        return 1
    return 0


def _complaints() -> Callable[[BaseException], None]:
    """Return a function that sends the first error to the run; other output is discarded."""
    run, errors = os.dup(1), list[BaseException]()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def complain(error: BaseException) -> None:
        errors.append(error)
        if len(errors) == 1:
            with suppress(OSError):  # the run is over
                os.write(run, reason(error).encode(errors="replace"))

    return complain


def _is_the_last(name: str, run: TrackedRun, seconds: float) -> bool:
    """Lock the run's record until this process ends; return False if a later process has it.

    If a run was killed and is resumed at once, the tracker's earlier process is still writing.
    """
    folder = run.store / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    _LOCKS.append(FileLock(folder / f"{run.id}-{name}.lock", timeout=seconds))
    _LOCKS[-1].acquire()
    times = folder / f"{run.id}-{name}.times"
    last = int(times.read_text()) if times.exists() else 0
    if last <= run.times:
        times.write_text(str(run.times))
    return last <= run.times


def _let_the_run_go_first() -> None:
    """Lower this process's priority, and ignore signals: it ends with the run."""
    for name in ("SIGINT", "SIGTERM", "SIGUSR1"):
        if number := getattr(signal, name, None):
            signal.signal(number, signal.SIG_IGN)
    with suppress(OSError, AttributeError):
        os.nice(5)


def _wait_for_end(over: threading.Event, seconds: float) -> None:
    """Wait until the run has ended or was killed, and later end this process."""
    with suppress(OSError):
        sys.stdin.buffer.read()
    over.set()
    threading.Event().wait(seconds)
    os._exit(1)


def _run_of(about: str) -> TrackedRun:
    content = json.loads(about)
    return TrackedRun(**content | {name: Path(content[name]) for name in ("store", "folder")})


if __name__ == "__main__":
    _STATUS = main(sys.argv[1], _run_of(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
    os._exit(_STATUS)  # at once: a library's threads may hang
