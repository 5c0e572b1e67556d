"""The event log of a run: one line of JSON for each event, read from an offset.

No results come from it: a log that is missing or damaged shows less, and incomplete lines are
skipped.
"""

import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from cl_anomaly.core.progress import Progress

EVENTS_FILE = "events.jsonl"

Event = Mapping[str, Any]
"""An event: `event` is its kind, `time` is in seconds since 1970."""

# The methods of `Progress`, and the names of their arguments in the log.
_FIELDS = {
    "task": ("number", "tasks", "epochs"),
    "update": ("done", "total", "loss"),
    "evaluated": ("number", "aurocs"),
    "notice": ("text",),
}
_SECONDS_BETWEEN_WRITES = 0.5
# Losses come at intervals of a thousandth of the time so far, at most ten seconds: a week leaves
# 6 MB.
_LOSSES_OF_THE_TIME, _MOST_SECONDS_BETWEEN_LOSSES = 1000, 10.0


class EventLog(Progress):
    """Write what a run reports; `write` takes whole lines.

    Losses wait for another event or half a second, so that the log costs next to nothing.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write, self._lines = write, list[str]()
        self._began = self._written = time.monotonic()

    def add(self, kind: str, **content: Any) -> None:
        """Add an event with the present time."""
        line = json.dumps({"event": kind, "time": round(time.time(), 3), **content})
        self._lines.append(line + "\n")
        now = time.monotonic()
        if kind != "update" or now - self._written >= _SECONDS_BETWEEN_WRITES:
            text, self._lines, self._written = "".join(self._lines), [], now
            self._write(text)

    def _tell(self, kind: str, *content: Any) -> None:
        self.add(kind, **dict(zip(_FIELDS[kind], content, strict=True)))

    def task(self, number: int, tasks: int, epochs: int | None) -> None:
        """Write that a task begins."""
        self._tell("task", number, tasks, epochs)

    def update(self, done: int, total: int, loss: float) -> None:
        """Write the loss; null if it is not finite."""
        part = (time.monotonic() - self._began) / _LOSSES_OF_THE_TIME
        self._pause = max(self._pause, min(part, _MOST_SECONDS_BETWEEN_LOSSES))
        self._tell("update", done, total, loss if math.isfinite(loss) else None)

    def evaluated(self, number: int, aurocs: Sequence[float]) -> None:
        """Write the AUROCs of the replicas."""
        self._tell("evaluated", number, list(aurocs))

    def notice(self, text: str) -> None:
        """Write the notice."""
        self._tell("notice", text)


def append(path: Path, lines: str) -> None:
    """Append lines to a log, on a new line if the last one is incomplete; may raise OSError."""
    # Closed each time: on a network's disk, others see a file when it is closed.
    with path.open("a+b") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read() != b"\n":
                lines = "\n" + lines
        file.write(lines.encode())


def size_of(path: Path) -> int:
    """Return the length of a log in bytes, 0 if there is none yet."""
    return path.stat().st_size if path.exists() else 0


class EventReader:
    """Read a log from an offset in bytes; the file may appear later."""

    def __init__(self, path: Path, offset: int = 0) -> None:
        self._path, self._offset = path, offset

    def new(self) -> list[Event]:
        """Return the events since the last call."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                events = [event for _, event in events_in(file)]
                self._offset = file.tell()
                return events
        except OSError:
            return []


def events_in(file: BinaryIO) -> Iterator[tuple[int, Event]]:
    """Yield the offset of each event and the event, from the file's position on.

    A line that is still being written is left for the next call.
    """
    while True:
        offset = file.tell()
        line = file.readline()
        if not line.endswith(b"\n"):
            file.seek(offset)
            return
        if (event := parsed(line)) is not None:
            yield offset, event


def parsed(line: str | bytes) -> Event | None:
    """Return the event in a line, or None if it holds something else."""
    try:
        event = json.loads(line)
        return event if isinstance(event["event"], str) else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def tell(progress: Progress, event: Event) -> None:
    """Pass an event on to a listener, if it is one of the methods of `Progress`."""
    fields = _FIELDS.get(event["event"])
    if fields is not None and all(name in event for name in (*fields, "time")):
        content = {name: event[name] for name in fields}
        if content.get("loss", 0.0) is None:
            content["loss"] = math.nan
        progress.happened = event["time"]
        getattr(progress, event["event"])(*content.values())
