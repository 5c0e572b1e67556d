"""Tells a tracker all of a run, from its event log, and nothing twice, also if it was resumed."""

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
    """Tells a tracker what it has not been told.

    Args:
        complain: is given what it raises.
    """

    def __init__(self, tracker: Tracker, complain: Callable[[BaseException], None]) -> None:
        self._tracker, self._complain = tracker, complain
        self._last: dict[str, int] = {}
        self._task, self._epochs = 1, 1

    def follow(self, run: TrackedRun, since: int, is_over: Callable[[], bool]) -> None:
        """Follow a run to its end.

        A tracker that knows what it has been told hears all that is missing, and any other what
        comes from now on.

        Args:
            since: where the log of the run, as it is carried out now, begins.
            is_over: whether nobody writes any more.

        Raises:
            Exception: any that the tracker's `start` raises. Without it nothing can follow.
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
        """Start the tracker; returns whether it knows what it has been told."""
        self._run = run
        last = self._tracker.start(run)
        self._knows_what_is_there, self._last = last is not None, dict(last or {})
        self._started = time.time()
        return self._knows_what_is_there

    def hear(self, event: Event) -> None:
        """Take in an event of the run."""
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
        """Return whether something is not there yet, and take note that it will be."""
        is_new = step > self._last.get(name, -1)
        if is_new:
            self._last[name] = step
        return is_new

    def _begin_task(self, event: Event) -> None:
        self._task, self._epochs = event["number"], event["epochs"] or 1

    def _loss(self, event: Event) -> None:
        # Of a tracker that lags behind, so that what else there is gets through.
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
        """Tell all other metrics that the run has now, and its figures."""
        tasks = dict(means_by_task(self._run.folder / METRICS_FILE))
        last = max(tasks, default=0)
        for number, values in tasks.items():
            if self._knows_what_is_there or number == last:
                self._tell_of_task(number, values)
        for file in self._run.results():
            if file.suffix == ".png" and self._is_new(file.stem, last):
                self._tracker.picture(file.stem, last, _read_picture(file))


def means_by_task(metrics: Path) -> Iterator[tuple[int, dict[str, float]]]:
    """Read metrics as METRIC/SCORE, the means over a run's replicas.

    Args:
        metrics: a `metrics.csv`. What was measured before the first task is left out.

    Yields:
        The number of each task, and what was measured after it.
    """
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
