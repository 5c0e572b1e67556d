"""What a tracker is told: all of a run, and nothing twice, also of one that was resumed."""

import csv
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cl_anomaly.listeners.trackers.base import LOSS, End, TrackedRun, Tracker

METRICS_FILE = "metrics.csv"
_MOST_SECONDS_BEHIND = 30.0


class Following:
    """Tells a tracker what it has not been told.

    Args:
        complain: is given what it raises.
    """

    def __init__(self, tracker: Tracker, complain: Callable[[BaseException], None]) -> None:
        self._tracker, self._complain = tracker, complain
        self._knows_what_is_there = False
        self._last: dict[str, int] = {}

    def hear(self, kind: str, *content: Any) -> None:
        """Take in a message: one of the methods below, without its dash, and what it takes.

        Raises:
            Exception: any that the tracker's `start` raises. Without it nothing can follow.
        """
        if kind == "start":
            self._start(*content)
            return
        try:
            getattr(self, f"_{kind}")(*content)
        except (Exception, SystemExit) as error:
            self._complain(error)

    def _start(self, run: TrackedRun) -> None:
        self._run = run
        last = self._tracker.start(run)
        self._knows_what_is_there, self._last = last is not None, dict(last or {})
        self._started = time.time()

    def _is_new(self, name: str, step: int, is_again: bool = False) -> bool:
        """Return whether something is not there yet, and take note that it will be.

        Args:
            name: its own.
            step: its own.
            is_again: whether it happened before the run was resumed.
        """
        if (is_again and not self._knows_what_is_there) or step <= self._last.get(name, -1):
            return False
        self._last[name] = step
        return True

    def _loss(self, step: int, value: float, when: float) -> None:
        # Of a tracker that lags behind, so that what else there is gets through.
        is_late = time.time() - max(when, self._started) > _MOST_SECONDS_BEHIND
        if not is_late and self._is_new(LOSS, step):
            self._tracker.loss(step, value)

    def _task(self, number: int, values: Mapping[str, float], is_again: bool = False) -> None:
        new = {name: v for name, v in values.items() if self._is_new(name, number, is_again)}
        if new:
            self._tracker.task(number, new)

    def _picture(self, name: str, step: int, image: Any, is_again: bool = False) -> None:
        if self._is_new(name, step, is_again):
            self._tracker.picture(name, step, image)

    def _end(self, how: End) -> None:
        try:
            if how == "finished":
                self._conclude()
        finally:
            self._tracker.end(how)

    def _conclude(self) -> None:
        """Tell all other metrics that the run has now, and its figures."""
        tasks = dict(means_by_task(self._run.folder / METRICS_FILE))
        for number, values in tasks.items():
            self._task(number, values, is_again=number < max(tasks))
        for file in self._run.results():
            if file.suffix == ".png":
                self._picture(file.stem, max(tasks, default=0), _read_picture(file))


def means_by_task(metrics: Path) -> Iterator[tuple[int, dict[str, float]]]:
    """Read metrics as METRIC/SCORE, the means over a run's replicas.

    Args:
        metrics: a `metrics.csv`. What was measured before the first task is left out.

    Yields:
        The number of each task, and what was measured after it.
    """
    found: dict[int, dict[str, list[float]]] = {}
    with metrics.open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table):
            if (task := int(row["task"])) > 0:
                name = f"{row['metric']}/{row['score']}"
                found.setdefault(task, {}).setdefault(name, []).append(float(row["value"]))
    for task, values in sorted(found.items()):
        yield task, {name: statistics.fmean(own) for name, own in values.items()}


def _read_picture(file: Path) -> Any:
    from PIL import Image

    with Image.open(file) as picture:
        return np.array(picture.convert("RGB"))
