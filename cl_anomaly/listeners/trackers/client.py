"""A tracker's process, seen from the run that it follows.

A library's import blocks Python's other threads for seconds, and it may hang, print, and set
signals and exit handlers. In another process, which reads the event log, none of that reaches the
run.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from typing import IO

from cl_anomaly.listeners.trackers.base import TrackedRun

_SECONDS_AFTER_THE_RUN = 120.0
_SECONDS_BETWEEN_LOOKS = 0.02
_MOST_BYTES_OF_A_COMPLAINT = 2**16


class _Process(subprocess.Popen[bytes]):
    """A process that may outlive this one, of which Python would warn."""

    def __del__(self) -> None:
        """Warn of nothing."""


_still_running: list[_Process] = []
"""Processes that did not end in time; later calls collect them."""


class TrackerClient:
    """Start a tracker's process, and read its complaints.

    Args:
        since: offset in the event log at which this process began or resumed the run.

    Raises:
        OSError: no process could be started.
    """

    def __init__(self, name: str, run: TrackedRun, since: int = 0) -> None:
        self.name, self._complaint = name, b""
        self._process = _start(name, run, since)
        self._ends: tuple[IO[bytes], ...] = (self._process.stdin, self._process.stdout)  # type: ignore[assignment]
        os.set_blocking(self._ends[1].fileno(), False)

    def complaint(self) -> str | None:
        """Return what has gone wrong so far, or None, without waiting."""
        status = self._process.poll()
        if not self._ends[1].closed:
            self._complaint += self._ends[1].read(_MOST_BYTES_OF_A_COMPLAINT) or b""
        why = self._complaint.decode(errors="replace")
        if not why and status:
            why = f"its process ended with exit status {status}"
        if not why:
            return None
        return f"The tracker {self.name} fails, which changes nothing in the run: {why}."

    def close(self, deadline: float) -> str | None:
        """End the run for the tracker, and return what has gone wrong, or None.

        Args:
            deadline: of `time.monotonic`. After that, the tracker goes on by itself for two minutes
                at most.
        """
        self._ends[0].close()
        # Not `Popen.wait`, which looks less and less often.
        while (status := self._process.poll()) is None and time.monotonic() < deadline:
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        complaint = self.complaint()
        self._ends[1].close()
        _still_running[:] = [p for p in (*_still_running, self._process) if p.poll() is None]
        if complaint is None and status is None:
            return (
                f"The tracker {self.name} has not yet recorded the whole run. It continues in the "
                f"background, for {_SECONDS_AFTER_THE_RUN:.0f} seconds at most."
            )
        return complaint


def _start(name: str, run: TrackedRun, since: int) -> _Process:
    # It imports from the same places, and not a file `mlflow.py` in the current folder.
    path = os.pathsep.join(os.path.abspath(place) for place in sys.path if place)
    about = json.dumps(asdict(run), default=str)
    arguments = [name, about, str(since), str(_SECONDS_AFTER_THE_RUN)]
    return _Process(
        [sys.executable, "-P", "-m", "cl_anomaly.listeners.trackers.server", *arguments],
        bufsize=0,
        stdin=subprocess.PIPE,  # closed at the run's end
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        start_new_session=True,  # Ctrl-C is for the run, which logs its end
    )
