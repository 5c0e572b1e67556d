"""TensorBoard: event files of its own format, written without PyTorch or TensorFlow."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cl_anomaly.integrations.trackers.base import LOSS, End, TrackedRun, Tracker

_SECONDS_UNTIL_WRITTEN = 2


class TensorBoard(Tracker):
    """Writes STORE/tensorboard/RUN-ID, which `tensorboard --logdir STORE/tensorboard` shows."""

    def start(self, run: TrackedRun) -> Mapping[str, int]:
        """Open a new event file, beside those of the same run that are there."""
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        store = run.store / "tensorboard"
        # The folder's name may have been another when the run began.
        folder = next(store.glob(f"*-{run.id}"), store / run.label)
        last = _last_steps(str(folder)) if folder.exists() else {}
        self._writer = EventFileWriter(str(folder), flush_secs=_SECONDS_UNTIL_WRITTEN)
        if not last:
            known = {name: _plain(value) for name, value in run.settings.items()}
            self._write(0, hparams_pb(known))
        return last

    def _write(self, step: int, summary: Any) -> None:
        import time

        from tensorboard.compat.proto.event_pb2 import Event

        self._writer.add_event(Event(wall_time=time.time(), step=step, summary=summary))

    def loss(self, step: int, value: float) -> None:
        """Write a scalar."""
        self._write_scalars(step, {LOSS: value})

    def task(self, number: int, values: Mapping[str, float]) -> None:
        """Write scalars."""
        self._write_scalars(number, values)
        self._writer.flush()

    def _write_scalars(self, step: int, values: Mapping[str, float]) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        scalars = [Summary.Value(tag=name, simple_value=own) for name, own in values.items()]
        self._write(step, Summary(value=scalars))

    def picture(self, name: str, step: int, image: NDArray[np.uint8]) -> None:
        """Write an image."""
        from PIL import Image
        from tensorboard.compat.proto.summary_pb2 import Summary

        encoded, (height, width, _) = io.BytesIO(), image.shape
        Image.fromarray(image).save(encoded, "png")
        content = Summary.Image(
            height=height, width=width, colorspace=3, encoded_image_string=encoded.getvalue()
        )
        self._write(step, Summary(value=[Summary.Value(tag=name, image=content)]))

    def end(self, how: End) -> None:
        """Write what is not written yet."""
        self._writer.close()


def _last_steps(folder: str) -> dict[str, int]:
    """Read the last step of each name that is there."""
    from tensorboard.backend.event_processing.event_accumulator import (
        IMAGES,
        SCALARS,
        EventAccumulator,
    )

    # The last one of each is always among those that it keeps.
    events = EventAccumulator(folder, size_guidance={SCALARS: 1, IMAGES: 1}).Reload()
    scalars = {name: events.Scalars(name)[-1].step for name in events.Tags()[SCALARS]}
    return scalars | {name: events.Images(name)[-1].step for name in events.Tags()[IMAGES]}


def _plain(value: Any) -> bool | float | str:
    """Give a setting as TensorBoard's table of settings takes it."""
    return value if isinstance(value, bool | int | float | str) else str(value)
