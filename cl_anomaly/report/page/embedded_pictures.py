"""Samples as small PNG images that stand in the page itself."""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cl_anomaly.core.errors import InputError
from cl_anomaly.report.captions import chosen_tasks, classes_of_first_replica, task_name
from cl_anomaly.report.drawn_run import DrawnRun
from cl_anomaly.report.images import as_images

MOST_BYTES = 3_000_000
"""Room for all pictures of a page."""

_MOST_TASKS, _MOST_PIXELS = 20, 64  # rows; a side of a tile, of larger samples every nth pixel
_GAP, _GREY = 1, 128  # pixels between tiles, and their colour


@dataclass(frozen=True)
class Picture:
    """A sample, or a row of samples beside each other.

    Attributes:
        caption: its description; empty for a single sample.
        data: a PNG as a data URI.
        width: in pixels.
        height: in pixels.
    """

    caption: str
    data: str
    width: int
    height: int

    @property
    def bytes(self) -> int:
        """Size in the page."""
        return len(self.data)

    def width_at(self, height: int) -> int:
        """Return the width at about some height; a whole multiple keeps its pixels square."""
        return self.width * max(1, round(height / self.height))


def generated_rows(run: DrawnRun) -> list[Picture]:
    """Draw what the first replica's model generates after every task; none if it cannot."""
    arrays = _arrays_with(run, "generated")
    images = None if arrays is None else _images(arrays["generated"], run)
    if arrays is None or images is None:
        return []
    after, classes = arrays["generated_after"].tolist(), classes_of_first_replica(run)
    return [
        _row(f"after {task_name(task, classes)}", images[after.index(task)])
        for task in chosen_tasks(after, _MOST_TASKS)
    ]


def reconstruction_rows(run: DrawnRun) -> list[Picture]:
    """Draw test samples and the first replica's reconstructions after the first and last task."""
    arrays = _arrays_with(run, "reconstructions")
    images = None if arrays is None else _images(arrays["inputs"], run, leading=1)
    if arrays is None or images is None:
        return []
    top = max(1.0, float(images.max()))
    means = _images(arrays["reconstructions"], run)
    caption = "test samples: normal samples of the first and the last task, and anomalies"
    rows = [_row(caption, images / top)]
    classes = classes_of_first_replica(run)
    for task, mean in zip(arrays["reconstructions_after"].tolist(), means, strict=True):  # type: ignore[arg-type]
        rows.append(_row(f"reconstructed after {task_name(task, classes)}", mean / top))
    return rows


def _arrays_with(run: DrawnRun, name: str) -> Mapping[str, NDArray[Any]] | None:
    """Return the recorded arrays; None if there are none, or none of this name."""
    try:
        return run.pictures if name in run.pictures else None
    except InputError:  # the file is gone
        return None


def _images(samples: NDArray[Any], run: DrawnRun, leading: int = 2) -> NDArray[Any] | None:
    """Return samples as images, (..., H, W) or (..., H, W, 3); None if they are no images."""
    try:
        images = as_images(samples, leading, run.results.dataset)
    except InputError:
        return None
    return _with_fewer_pixels(images, leading)


def _with_fewer_pixels(images: NDArray[Any], leading: int) -> NDArray[Any]:
    step = -(-max(images.shape[leading : leading + 2]) // _MOST_PIXELS)
    return images[(slice(None),) * leading + (slice(None, None, step),) * 2]


def picture_of(image: NDArray[Any]) -> Picture:
    """Draw a sample, (H, W) or (H, W, 3), black at 0 and white at 1."""
    return _picture("", _bytes_of(_with_fewer_pixels(image, 0)))


def _row(caption: str, images: NDArray[Any]) -> Picture:
    """Put images, (n, H, W) or (n, H, W, 3), beside each other."""
    count, height, width = images.shape[:3]
    size = height, count * (width + _GAP) - _GAP, *images.shape[3:]
    sheet = np.full(size, _GREY, dtype=np.uint8)
    for place, image in enumerate(images):
        left = place * (width + _GAP)
        sheet[:, left : left + width] = _bytes_of(image)
    return _picture(caption, sheet)


def _bytes_of(image: NDArray[Any]) -> NDArray[np.uint8]:
    return np.round(255 * np.nan_to_num(np.clip(image, 0.0, 1.0))).astype(np.uint8)


def _picture(caption: str, pixels: NDArray[np.uint8]) -> Picture:
    """Write pixels as a PNG, and this as a data URI."""
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "PNG")
    data = f"data:image/png;base64,{base64.b64encode(written.getvalue()).decode()}"
    return Picture(caption, data, pixels.shape[1], pixels.shape[0])
