"""The event log as a run writes it: progress, measurements and pictures."""

import base64
import io
import math
import os
import statistics
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cl_anomaly.core.errors import InputError, reason
from cl_anomaly.core.events import EVENTS_FILE, EventLog, append, size_of
from cl_anomaly.core.progress import Progress
from cl_anomaly.report.images import as_images
from cl_anomaly.runs.run import Run
from cl_anomaly.statistics.aurocs import HEADLINE

_MOST_REPLICAS = 20


class RunEvents(EventLog):
    """Write a run's progress and measurements, and pass the progress on to `shown`.

    Attributes:
        before_task: called as each task begins.
    """

    def __init__(self, run: Run, folder: Path, shown: Progress) -> None:
        super().__init__(self._append)
        self._run, self._shown, self._path = run, shown, folder / EVENTS_FILE
        self._is_whole = True
        self.before_task: Callable[[], None] = lambda: None

    def _append(self, lines: str) -> None:
        try:
            append(self._path, lines)
        except OSError as error:
            self._warn(error.strerror or str(error))

    def _warn(self, why: str) -> None:
        """Show once that the log is incomplete."""
        if self._is_whole:
            self._is_whole = False
            self._shown.notice(
                f"Could not write all events to {self._path}: {why}. Trackers miss some events; "
                f"the results are the same."
            )

    def begin(self) -> int:
        """Mark that the run begins or is resumed, and return the mark's offset in the log."""
        since = size_of(self._path)
        self.add("begin", learnt=self._run.position.learnt, process=os.getpid())
        return since

    def step(self, done: int, total: int, loss: Tensor) -> None:
        """Pass the step on, and write some losses, see `Progress.step`."""
        self._shown.step(done, total, loss)
        super().step(done, total, loss)

    def _tell(self, kind: str, *content: Any) -> None:
        if kind == "task":
            self.before_task()
        if kind != "update":  # which follows from `step`
            getattr(self._shown, kind)(*content)
        super()._tell(kind, *content)
        if kind == "evaluated":
            self._add_measured(content[0])

    def _add_measured(self, task: int) -> None:
        try:
            self.add("measured", task=task, values=measured_after(self._run, task))
            for name, image in pictures_after(self._run, task).items():
                self.add("picture", task=task, name=name, png=_png(image))
        except Exception as error:  # the event log must not end a run
            self._warn(reason(error))


def measured_after(run: Run, task: int) -> dict[str, float]:
    """Return the headline AUROC after a task by each score: the mean, and that of each replica."""
    values: dict[str, float] = {}
    for score, headline in run.measured.headline.items():
        by_replica = headline[:, task - 1].tolist()
        left = {place: value for place, value in enumerate(by_replica) if not math.isnan(value)}
        if left:
            values[f"{HEADLINE}/{score}"] = statistics.fmean(left.values())
        if 1 < len(by_replica) <= _MOST_REPLICAS:
            for place, value in left.items():
                values[f"{HEADLINE}/{score}/{_replica_name(run, place)}"] = value
    return values


def _replica_name(run: Run, place: int) -> str:
    """Return a replica's name: its seed, and its anomaly class if there are several."""
    replica = run.plan.replicas[place]
    several = len({other.anomaly_class for other in run.plan.replicas}) > 1
    name = f"seed_{replica.seed}"
    return f"class_{replica.anomaly_class}/{name}" if several else name


def pictures_after(run: Run, task: int) -> dict[str, NDArray[np.uint8]]:
    """Return the first replica's pictures after a task, (H, W) or (H, W, 3), if it has images.

    `samples`: a row of generated ones. `reconstructions`, after the first and the last task: rows
    of test samples, their reconstructions, and the differences.
    """
    recorded = {name: values.numpy() for name, values in run.pictures.state_dict().items()}
    pictures = {}
    with suppress(InputError):  # samples that are not images
        if (generated := recorded.get(f"generated/{task}")) is not None:
            pictures["samples"] = _rows(generated)
        if (means := recorded.get(f"reconstructions/{task}")) is not None:
            inputs = recorded["inputs/0"]
            pictures["reconstructions"] = _rows(inputs, means, np.abs(means - inputs))
    return pictures


def _rows(*rows: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Join samples in [0, 1] to one image, with a row for each (k, *features)."""
    images = [as_images(row, 1, "the run") for row in rows]
    joined = np.concatenate([np.concatenate(list(row), axis=1) for row in images], axis=0)
    return np.round(255 * np.clip(joined, 0, 1)).astype(np.uint8)


def _png(image: NDArray[np.uint8]) -> str:
    """Return an image as a PNG file in base64."""
    from PIL import Image

    encoded = io.BytesIO()
    Image.fromarray(image).save(encoded, "png", compress_level=1)
    return base64.b64encode(encoded.getvalue()).decode()
