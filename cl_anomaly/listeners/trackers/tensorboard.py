"""TensorBoard: event files of its own format, written without PyTorch or TensorFlow."""

import io
import time
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cl_anomaly.listeners.trackers.base import LOSS, End, TrackedRun, Tracker

_SECONDS_UNTIL_WRITTEN = 2


class TensorBoard(Tracker):
    """Write STORE/tensorboard/RUN-ID, which `tensorboard --logdir STORE/tensorboard` shows."""

    def start(self, run: TrackedRun) -> Mapping[str, int]:
        """Open a new event file beside the run's earlier ones."""
        hparams = import_module("tensorboard.plugins.hparams.summary_v2")
        writers = import_module("tensorboard.summary.writer.event_file_writer")
        self._event = import_module("tensorboard.compat.proto.event_pb2").Event
        self._summary = import_module("tensorboard.compat.proto.summary_pb2").Summary
        store = run.store / "tensorboard"
        # The folder's name may have been another when the run began.
        folder = next(store.glob(f"*-{run.id}"), store / run.label)
        last = _last_steps(str(folder)) if folder.exists() else {}
        self._writer = writers.EventFileWriter(str(folder), flush_secs=_SECONDS_UNTIL_WRITTEN)
        if not last:
            known = {name: _plain(value) for name, value in run.settings.items()}
            self._write(0, hparams.hparams_pb(known))
        return last

    def _write(self, step: int, summary: Any) -> None:
        self._writer.add_event(self._event(wall_time=time.time(), step=step, summary=summary))

    def loss(self, step: int, value: float) -> None:
        """Write a scalar."""
        self._write_scalars(step, {LOSS: value})

    def task(self, number: int, values: Mapping[str, float]) -> None:
        """Write scalars."""
        self._write_scalars(number, values)
        self._writer.flush()

    def _write_scalars(self, step: int, values: Mapping[str, float]) -> None:
        make = self._summary.Value
        scalars = [make(tag=name, simple_value=value) for name, value in values.items()]
        self._write(step, self._summary(value=scalars))

    def picture(self, name: str, step: int, image: NDArray[np.uint8]) -> None:
        """Write an image."""
        from PIL import Image

        encoded, (height, width, _) = io.BytesIO(), image.shape
        Image.fromarray(image).save(encoded, "png")
        content = self._summary.Image(
            height=height, width=width, colorspace=3, encoded_image_string=encoded.getvalue()
        )
        self._write(step, self._summary(value=[self._summary.Value(tag=name, image=content)]))

    def end(self, how: End) -> None:
        """Write what is not written yet."""
        self._writer.close()


def _last_steps(folder: str) -> dict[str, int]:
    """Return the last step of each recorded name."""
    events = import_module("tensorboard.backend.event_processing.event_accumulator")
    # The reader always keeps the last one.
    there = events.EventAccumulator(folder, size_guidance={"scalars": 1, "images": 1}).Reload()
    scalars = {name: there.Scalars(name)[-1].step for name in there.Tags()["scalars"]}
    return scalars | {name: there.Images(name)[-1].step for name in there.Tags()["images"]}


def _plain(value: Any) -> bool | float | str:
    """Return a setting as TensorBoard's table of settings takes it."""
    return value if isinstance(value, bool | int | float | str) else str(value)
