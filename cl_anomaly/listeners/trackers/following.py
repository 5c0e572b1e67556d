"""Send a run's event log to a tracker, each step once, even if the run was resumed."""

import base64
import csv
import io
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cl_anomaly.core.events import EVENTS_FILE, Event, events_in
from cl_anomaly.listeners.trackers.base import LOSS, TrackedRun, Tracker

METRICS_FILE = "metrics.csv"
_STEPS_OF_AN_EPOCH = 1000
_MOST_SECONDS_BEHIND = 30.0
_SECONDS_BETWEEN_LOOKS = 0.05


class Following:
    """Send a tracker what it has not recorded; `complain` gets the errors that it raises."""

    def __init__(self, tracker: Tracker, complain: Callable[[BaseException], None]) -> None:
        self._tracker, self._complain = tracker, complain
        self._last: dict[str, int] = {}
        self._task, self._epochs = 1, 1

    def follow(self, run: TrackedRun, since: int, is_over: Callable[[], bool]) -> None:
        """Follow a run to its end.

        A tracker that knows its last steps gets all that is missing, any other only new events.
        Errors of its `start` are raised.

        Args:
            since: offset in the log at which the run was begun or resumed last.
            is_over: returns whether nobody writes the log any more.
        """
        with (run.folder / EVENTS_FILE).open("rb") as log:  # before its folder may be gone
            log.seek(0 if self.start(run) else since)
            while True:
                over = is_over()  # before the last look, and not after it
                for offset, event in events_in(log):
                    if event["event"] == "end" and offset >= since:
                        self._try(self._end, event.get("how"))
                        return
                    self.hear(event)
                if over:  # the run was killed
                    self._try(self._end, "interrupted")
                    return
                time.sleep(_SECONDS_BETWEEN_LOOKS)

    def start(self, run: TrackedRun) -> bool:
        """Start the tracker, and return whether it knows its last steps."""
        self._run = run
        last = self._tracker.start(run)
        self._knows_what_is_there, self._last = last is not None, dict(last or {})
        self._started = time.time()
        return self._knows_what_is_there

    def hear(self, event: Event) -> None:
        """Send an event of the run."""
        hearing = {
            "task": self._begin_task,
            "update": self._loss,
            "measured": self._measured,
            "picture": self._picture,
        }
        if (take_in := hearing.get(event["event"])) is not None:
            self._try(take_in, event)

    def _try(self, act: Callable[[Any], None], content: Any) -> None:
        try:
            act(content)
        except (Exception, SystemExit) as error:
            self._complain(error)

    def _is_new(self, name: str, step: int) -> bool:
        """Return whether a step is new, and remember it."""
        is_new = step > self._last.get(name, -1)
        if is_new:
            self._last[name] = step
        return is_new

    def _begin_task(self, event: Event) -> None:
        self._task, self._epochs = event["number"], event["epochs"] or 1

    def _loss(self, event: Event) -> None:
        # A tracker that lags behind gets no losses, so that the rest gets through.
        is_late = time.time() - max(event["time"], self._started) > _MOST_SECONDS_BEHIND
        epochs = self._epochs * (self._task - 1 + event["done"] / event["total"])
        step = round(_STEPS_OF_AN_EPOCH * epochs)
        if event["loss"] is not None and not is_late and self._is_new(LOSS, step):
            self._tracker.loss(step, event["loss"])

    def _measured(self, event: Event) -> None:
        self._tell_of_task(event["task"], event["values"])

    def _tell_of_task(self, number: int, values: Mapping[str, float]) -> None:
        if new := {name: value for name, value in values.items() if self._is_new(name, number)}:
            self._tracker.task(number, new)

    def _picture(self, event: Event) -> None:
        if self._is_new(event["name"], event["task"]):
            picture = _read_picture(io.BytesIO(base64.b64decode(event["png"])))
            self._tracker.picture(event["name"], event["task"], picture)

    def _end(self, how: Any) -> None:
        try:
            if how == "finished":
                self._conclude()
        finally:
            self._tracker.end(how if how in ("finished", "failed") else "interrupted")

    def _conclude(self) -> None:
        """Send the metrics and figures of the finished run."""
        tasks = dict(means_by_task(self._run.folder / METRICS_FILE))
        last = max(tasks, default=0)
        for number, values in tasks.items():
            if self._knows_what_is_there or number == last:
                self._tell_of_task(number, values)
        for file in self._run.results():
            if file.suffix == ".png" and self._is_new(file.stem, last):
                self._tracker.picture(file.stem, last, _read_picture(file))


def means_by_task(metrics: Path) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield each task of a `metrics.csv`, from 1, with the replicas' means by METRIC/SCORE."""
    by_task: dict[int, dict[str, list[float]]] = {}
    with metrics.open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table):
            if (task := int(row["task"])) > 0:
                name = f"{row['metric']}/{row['score']}"
                by_task.setdefault(task, {}).setdefault(name, []).append(float(row["value"]))
    for task, values in sorted(by_task.items()):
        yield task, {name: statistics.fmean(replicas) for name, replicas in values.items()}


def _read_picture(file: Path | io.BytesIO) -> NDArray[np.uint8]:
    from PIL import Image

    with Image.open(file) as picture:
        return np.array(picture.convert("RGB"))
