"""A tracker's process: `python -m cl_anomaly.listeners.trackers.process NAME FOLDER SECONDS`.

It reads messages from a file in FOLDER, and ends when its run has ended, which closes its standard
input: SECONDS later at most, for a tracker may hang.
"""

import os
import shutil
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

from cl_anomaly.core.errors import reason
from cl_anomaly.listeners.trackers import load_tracker
from cl_anomaly.listeners.trackers.base import TrackedRun
from cl_anomaly.listeners.trackers.beside import (
    COMPLAINT_FILE,
    LEFT_FILE,
    MESSAGES_FILE,
    THROUGH_FILE,
)
from cl_anomaly.listeners.trackers.following import Following
from cl_anomaly.listeners.trackers.messages import messages

_LOCKS: list[FileLock] = []


def main(name: str, folder: Path, seconds: float) -> int:
    """Follow a run to its end; returns the exit status."""
    _let_the_run_go_first()
    over = threading.Event()
    threading.Thread(target=_wait_for_end, args=(over, folder, seconds), daemon=True).start()

    def complain(error: BaseException) -> None:
        _leave_word(folder, reason(error))

    is_known = False
    try:
        following = Following(load_tracker(name)(), complain)
        for kind, *content in messages(folder / MESSAGES_FILE, over.is_set):
            if kind == "start" and not _is_the_last(name, content[0], 2 * seconds):
                return 0
            following.hear(kind, *content)
            is_known = is_known or kind == "end"
        if not is_known:  # the run was killed
            following.hear("end", "interrupted")
    except (Exception, SystemExit) as error:
        complain(error)
        return 1
    finally:
        with suppress(OSError):
            (folder / THROUGH_FILE).touch()
        if (folder / LEFT_FILE).exists() or (over.is_set() and not is_known):
            shutil.rmtree(folder, ignore_errors=True)
    return 0


def _is_the_last(name: str, run: TrackedRun, seconds: float) -> bool:
    """Keep other processes from what this one writes, until it ends.

    Where a run was killed and is resumed at once, the tracker's process before is still writing.

    Returns:
        False of one that has waited while the run was resumed once more: nothing is left to it.
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
    """Take what the run leaves of the processor, and no signals: the run's end is this one's."""
    for name in ("SIGINT", "SIGTERM", "SIGUSR1"):
        if number := getattr(signal, name, None):
            signal.signal(number, signal.SIG_IGN)
    with suppress(OSError, AttributeError):
        os.nice(5)


def _wait_for_end(over: threading.Event, folder: Path, seconds: float) -> None:
    """Wait until the run has ended, or was killed; and then for the end of this process."""
    with suppress(OSError):
        sys.stdin.buffer.read()
    over.set()
    threading.Event().wait(seconds)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def _leave_word(folder: Path, why: str) -> None:
    """Leave word of an error, of the first one alone."""
    with suppress(OSError):
        if not (folder / COMPLAINT_FILE).exists():
            partial = folder / f"{COMPLAINT_FILE}.partial"
            partial.write_text(why, encoding="utf-8")
            partial.replace(folder / COMPLAINT_FILE)


if __name__ == "__main__":
    _STATUS = main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]))
    os._exit(_STATUS)  # at once: a library's threads may hang
