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
"""Of all pictures of a page, as they stand in it."""

_MOST_TASKS, _MOST_PIXELS = 20, 64  # rows; a side of a tile, of larger samples every nth pixel
_GAP, _GREY = 1, 128  # pixels between tiles, and their colour


@dataclass(frozen=True)
class Row:
    """Samples beside each other.

    Attributes:
        caption: what they are.
        data: a PNG as a data URI.
        width: in pixels.
        height: in pixels.
    """

    caption: str
    data: str
    width: int
    height: int


@dataclass(frozen=True)
class Tile:
    """One sample.

    Attributes:
        data: a PNG as a data URI.
        width: in pixels.
        height: in pixels.
    """

    data: str
    width: int
    height: int

    @property
    def bytes(self) -> int:
        """Count the room that it takes in the page."""
        return len(self.data)


def generated_rows(run: DrawnRun) -> list[Row]:
    """Show what the first replica's model generates after every task; none where it cannot."""
    found = _found(run, "generated")
    if found is None:
        return []
    after, classes = found["generated_after"].tolist(), classes_of_first_replica(run)
    images = _images(found["generated"], run)
    return [
        _row(f"after {task_name(task, classes)}", images[after.index(task)])
        for task in chosen_tasks(after, _MOST_TASKS)
        if images is not None
    ]


def reconstruction_rows(run: DrawnRun) -> list[Row]:
    """Show test samples, and what the first replica makes of them after the first and last task."""
    found = _found(run, "reconstructions")
    images = None if found is None else _images(found["inputs"], run, leading=1)
    if found is None or images is None:
        return []
    top = max(1.0, float(images.max()))
    means = _images(found["reconstructions"], run)
    what = "test samples: normal ones of the first task and of the last, and anomalies"
    rows = [_row(what, images / top)]
    classes = classes_of_first_replica(run)
    for task, mean in zip(found["reconstructions_after"].tolist(), means, strict=True):  # type: ignore[arg-type]
        rows.append(_row(f"reconstructed after {task_name(task, classes)}", mean / top))
    return rows


def bytes_of(rows: list[Row]) -> int:
    """Return how much room they take in the page."""
    return sum(len(row.data) for row in rows)


def _found(run: DrawnRun, name: str) -> Mapping[str, NDArray[Any]] | None:
    try:
        return run.pictures if name in run.pictures else None
    except InputError:  # of an earlier version
        return None


def _images(samples: NDArray[Any], run: DrawnRun, leading: int = 2) -> NDArray[Any] | None:
    """Return samples as images, (..., H, W) or (..., H, W, 3); None where they are none."""
    try:
        images = as_images(samples, leading, run.results.dataset)
    except InputError:
        return None
    return _with_fewer_pixels(images, leading)


def _with_fewer_pixels(images: NDArray[Any], leading: int) -> NDArray[Any]:
    step = -(-max(images.shape[leading : leading + 2]) // _MOST_PIXELS)
    return images[(slice(None),) * leading + (slice(None, None, step),) * 2]


def tile_of(image: NDArray[Any]) -> Tile:
    """Draw a sample, (H, W) or (H, W, 3), black at 0 and white at 1."""
    pixels = _bytes_of(_with_fewer_pixels(image, 0))
    return Tile(_data_of(pixels), pixels.shape[1], pixels.shape[0])


def _row(caption: str, images: NDArray[Any]) -> Row:
    """Put images, (n, H, W) or (n, H, W, 3), beside each other."""
    count, height, width = images.shape[:3]
    size = height, count * (width + _GAP) - _GAP, *images.shape[3:]
    sheet = np.full(size, _GREY, dtype=np.uint8)
    for place, image in enumerate(images):
        left = place * (width + _GAP)
        sheet[:, left : left + width] = _bytes_of(image)
    return Row(caption, _data_of(sheet), sheet.shape[1], height)


def _bytes_of(image: NDArray[Any]) -> NDArray[np.uint8]:
    return np.round(255 * np.nan_to_num(np.clip(image, 0.0, 1.0))).astype(np.uint8)


def _data_of(pixels: NDArray[np.uint8]) -> str:
    """Write pixels as a PNG, and this as a data URI."""
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "PNG")
    return f"data:image/png;base64,{base64.b64encode(written.getvalue()).decode()}"
