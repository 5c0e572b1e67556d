"""A tracker in a process of its own, seen from the run.

A library's import takes seconds of a processor that Python shares with no other thread, and it may
hang, print, and set signals and the end of a process in its own ways. In another process none of
that reaches the run.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from cl_anomaly.listeners.trackers.base import TrackedRun
from cl_anomaly.listeners.trackers.messages import Outbox

COMPLAINT_FILE, MESSAGES_FILE = "complaint", "messages"
LEFT_FILE, THROUGH_FILE = "left", "through"
_MOST_BYTES = 256 * 2**20  # a week of losses, or thousands of pictures
_SECONDS_AFTER_THE_RUN = 120.0
_SECONDS_BETWEEN_LOOKS = 0.02


class _Process(subprocess.Popen[bytes]):
    """One that may go on when this process ends, of which Python would warn."""

    def __del__(self) -> None:
        """Describe nothing."""


_going_on: list[_Process] = []
"""Those that have not ended in time, so that this process takes note when they do."""


class TrackerBeside:
    """A tracker that takes down a run in a process of its own.

    Args:
        name: of the tracker.
        run: which one it takes down.

    Raises:
        OSError: no process could be started.
    """

    def __init__(self, name: str, run: TrackedRun) -> None:
        self.name = name
        self._folder = Path(tempfile.mkdtemp(prefix="cl-anomaly-tracker-"))
        self._box = Outbox(self._folder / MESSAGES_FILE, _MOST_BYTES)
        self._broken: str | None = None
        self.tell("start", run)
        self._process = _started(name, self._folder)

    def tell(self, kind: str, *content: Any) -> None:
        """Hand something over; it raises nothing and waits for nothing."""
        try:
            self._box.put((kind, *content), must=kind in ("start", "task", "end"))
        except (OSError, ValueError) as error:
            self._broken = self._broken or f"{type(error).__name__}: {error}"

    def complaint(self) -> str | None:
        """Say, in a sentence, what has gone wrong so far, where something has; without waiting."""
        why = None
        with suppress(OSError):
            why = (self._folder / COMPLAINT_FILE).read_text(encoding="utf-8")
        if why is None and (status := self._process.poll()):
            why = f"its process ended with exit status {status}"
        why = why or self._broken
        return why and f"The tracker {self.name} fails, which changes nothing in the run: {why}."

    def close(self, deadline: float) -> str | None:
        """Let it come to its end, and say what has gone wrong.

        Args:
            deadline: of `time.monotonic`, until when it is waited for. After that it goes on by
                itself for two minutes at most.
        """
        if self._process.stdin:
            self._process.stdin.close()
        self._box.close()
        # Not `Popen.wait`, whose looks become rarer.
        while (status := self._process.poll()) is None and time.monotonic() < deadline:
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        said = self.complaint()
        if said is None and status is None:
            said = (
                f"The tracker {self.name} has not yet taken down all of the run. It goes on by "
                f"itself, for {_SECONDS_AFTER_THE_RUN:.0f} seconds at most."
            )
        elif said is None and self._box.left_out:
            said = f"The tracker {self.name} was told too much: {self._box.left_out} were left out."
        self._leave()
        return said

    def _leave(self) -> None:
        """Remove what lies between it and the run, or let it do so when it ends."""
        with suppress(OSError):
            (self._folder / LEFT_FILE).touch()
        _going_on[:] = [own for own in _going_on if own.poll() is None]
        if self._process.poll() is None:
            _going_on.append(self._process)
        # It may have looked for that file before it was there: then it has said that it is through.
        if self._process.poll() is not None or (self._folder / THROUGH_FILE).exists():
            shutil.rmtree(self._folder, ignore_errors=True)


def _started(name: str, folder: Path) -> _Process:
    # It sees what this process sees: not more, such as a file `mlflow.py` in the current folder.
    path = os.pathsep.join(os.path.abspath(place) for place in sys.path if place)
    arguments = [name, str(folder), str(_SECONDS_AFTER_THE_RUN)]
    return _Process(
        [sys.executable, "-P", "-m", "cl_anomaly.listeners.trackers.process", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        start_new_session=True,  # Ctrl-C is meant for the run, which says then how it has ended
    )
