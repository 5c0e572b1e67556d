"""What the model makes of test samples after the first and the last task."""

from collections.abc import Iterator

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cl_anomaly.core.errors import InputError
from cl_anomaly.report.captions import (
    classes_of_first_replica,
    number_of_task,
    of_first_replica,
    task_name,
)
from cl_anomaly.report.drawn_run import DrawnRun
from cl_anomaly.report.images import as_images
from cl_anomaly.report.legends import put_title, wrapped
from cl_anomaly.report.page.numbers import short_score
from cl_anomaly.report.tiles import GAP, Sheet

_TILE, _BETWEEN = 0.52, 0.4  # inches of a tile; between groups, in tiles
_SCORE, _HEADING, _REST = 0.42, 0.7, 0.15  # heights in tiles: of words, and between the moments


def draw(run: DrawnRun, score: str) -> Figure:
    """Draw test samples, what the first replica makes of them, and |x − x̂|, with the score below.

    Normal samples of the first and of the last task, and anomalies, side by side.
    """
    if "reconstructions" not in run.pictures:
        raise InputError(
            f"Expected a model that can reconstruct samples, but {run.results.settings['model']} "
            f"cannot, or it failed in its first task."
        )
    inputs = as_images(run.pictures["inputs"], 1, run.results.dataset)
    means = as_images(run.pictures["reconstructions"], 2, run.results.dataset)
    after, scores = run.pictures["reconstructions_after"].tolist(), run.scores(score)
    groups = dict(_groups(run))
    places = _places([len(members) for members in groups.values()])
    row, top = inputs.shape[1] / inputs.shape[2] + GAP, max(1.0, float(inputs.max()))
    starts = [_HEADING + row + n * (2 * row + _SCORE + _REST) + _REST for n in range(len(after))]
    sheet = Sheet(places[-1] + 1, starts[-1] + 2 * row + _SCORE, _TILE, ["reconstruction"])
    _write_headings(sheet, groups, places)
    _write_rows(sheet, [number_of_task(run, task) for task in after], starts, row)
    for number, x in enumerate(places):
        sheet.tile(inputs[number], x, _HEADING, top)
        for mean, task, y in zip(means[:, number], after, starts, strict=True):
            sheet.tile(mean, x, y, top)
            sheet.tile(np.abs(mean - inputs[number]), x, y + row, top)
            value = float(scores[task - 1, run.pictures["shown"][number]])
            sheet.write(short_score(value), x + 0.5, y + 2 * row + 0.1, size=7)
    put_title(sheet.figure, run, f"score {score}", of_first_replica(run))
    return sheet.finish()


def _write_headings(
    sheet: Sheet, groups: dict[str, NDArray[np.int64]], places: list[float]
) -> None:
    """Name each group above its tiles."""
    for name, members in groups.items():
        first, last = places[int(members[0])], places[int(members[-1])] + 1
        sheet.write(wrapped(name, 72 * _TILE * (last - first)), (first + last) / 2, _HEADING / 2)


def _write_rows(sheet: Sheet, after: list[str], starts: list[float], row: float) -> None:
    """Describe on the left what each row is."""
    half = (row - GAP) / 2
    sheet.write_left("input", _HEADING + half)
    for task, y in zip(after, starts, strict=True):
        sheet.write_left(f"after {task}:\nreconstruction", y + half)
        sheet.write_left("difference", y + row + half)
        sheet.write_left("score", y + 2 * row + 0.1)


def _groups(run: DrawnRun) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Return the groups of samples by their names, with their places among those that are shown."""
    shown, normal = run.pictures["shown"], run.pictures["normal"]
    classes, left = classes_of_first_replica(run), np.ones(len(shown), dtype=bool)
    for task in sorted({1, len(normal)}):
        own = normal[task - 1, shown] & left
        left &= ~own
        yield f"normal, {task_name(task, classes)}", np.flatnonzero(own)
    labels = sorted({str(label) for label in run.results.test_labels[shown[left]]})
    one = f" (class {labels[0]})" if len(labels) == 1 else ""
    yield f"anomalous{one}", np.flatnonzero(left)


def _places(sizes: list[int]) -> list[float]:
    """Describe where each sample's tile begins, with gaps between the groups."""
    places, x = [], 0.0
    for size in sizes:
        places += [x + n * (1 + GAP) for n in range(size)]
        x += size * (1 + GAP) - GAP + _BETWEEN
    return places
