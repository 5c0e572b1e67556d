"""`cl-anomaly score`: score samples from files or from a live feed with a trained detector."""

import csv
import json
import math
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from cl_anomaly.core.errors import InputError, RunError
from cl_anomaly.data.batches import read_batches, read_stream
from cl_anomaly.detector import Detector
from cl_anomaly.listeners.screen import show_notice
from cl_anomaly.store.files import replacing

FEED = "-"
"""Name of standard input."""

_COLUMNS = ("name", "score", "threshold", "anomaly")
_NEAREST = ("nearest_task", "second_task")


@dataclass(frozen=True)
class ScoreRequest:
    """The samples to score, and the replica that scores them.

    Attributes:
        source: a file, or FEED for lines of JSON on standard input.
        seed: seed of the replica. Default: the first.
        rate: false-positive rate for which the threshold was set.
        name_column: column of a table with the samples' names.
        ignored: columns of a table that are not features.
    """

    source: str
    seed: int | None
    rate: float
    name_column: str | None
    ignored: Sequence[str]


def score_input(folder: Path, request: ScoreRequest, output: Path | None) -> None:
    """Score samples with a trained detector, and write a row for each.

    Args:
        folder: a finished run's, or a detector's.
        output: CSV file. Default: standard output.

    Raises:
        InputError: the detector, replica or input does not exist, or the samples do not fit.
        RunError: some samples of a live feed could not be scored; the others were.
    """
    detector = Detector.load(folder).replica(request.seed)
    rate = _known_rate(detector, request.rate)
    if request.source == FEED:
        _answer(detector, rate, sys.stdin, sys.stdout)
        return
    if rate is None:
        show_notice(
            f"{folder} has no threshold for a false-positive rate of {request.rate}: scores only. "
            f"`run --calibration 0.05` sets samples aside to choose one."
        )
    scored = _scored_batches(detector, request, rate)
    first = next(scored, [])  # errors in the input are raised before a line is written
    with _opened(output) as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow((*_COLUMNS, *(_NEAREST if detector.knows_tasks else ())))
        for batch in chain([first], scored):
            rows.writerows(batch)


def _known_rate(detector: Detector, rate: float) -> float | None:
    """Return the rate; None if the detector has no thresholds, an error if it has other rates."""
    if not detector.rates:
        return None
    if rate not in detector.rates:
        detector.thresholds(rate)
    return rate


def _scored_batches(
    detector: Detector, request: ScoreRequest, rate: float | None
) -> Iterator[list[tuple[object, ...]]]:
    source, features = Path(request.source), detector.blueprint.features
    for batch in read_batches(source, features, request.name_column, request.ignored):
        x = _shaped(detector, batch.x)
        try:
            scores = detector.score(x)
        except InputError as error:
            raise InputError(f"{request.source}: {error}") from error
        limits = [None] * len(x) if rate is None else detector.thresholds_for(x, rate)
        rows = [_row(*cells) for cells in zip(batch.names, scores, limits, strict=True)]
        if detector.knows_tasks:
            tasks = detector.nearest_tasks(x)
            rows = [(*row, *_named(nearest)) for row, nearest in zip(rows, tasks, strict=True)]
        yield rows


def _row(name: str, score: np.float32, threshold: np.float64 | None) -> tuple[object, ...]:
    if threshold is None:
        return name, score, "", ""
    return name, score, float(threshold), "yes" if score > threshold else "no"


def _named(tasks: NDArray[np.int64]) -> list[int | str]:
    """Return a sample's nearest and second nearest task, (2,); empty text for none."""
    return [int(task) or "" for task in tasks]


def _shaped(detector: Detector, x: NDArray[Any]) -> NDArray[Any]:
    """Reshape samples that a table or a list holds in one row to the detector's shape."""
    features = detector.blueprint.features
    fits = x.ndim == 2 and x.shape[1] == math.prod(features)
    return x.reshape(len(x), *features) if fits else x


@contextmanager
def _opened(output: Path | None) -> Iterator[IO[str]]:
    """Open the output for the rows; a file appears only once it is complete."""
    if output is None:
        try:
            yield sys.stdout
            sys.stdout.flush()
        except BrokenPipeError:  # the reader stopped early, as `head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    if not output.parent.is_dir():
        raise InputError(setting="output", expected="in a folder that exists", got=output)
    with replacing(output) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
        yield stream


def _answer(detector: Detector, rate: float | None, source: IO[str], answers: IO[str]) -> None:
    """Answer each line of a live feed with a line of JSON, at once."""
    failed = 0
    for sample in read_stream(source):
        if isinstance(sample, InputError):
            answer: dict[str, object] = {"error": str(sample)}
        else:
            answer = _answer_to(detector, rate, *sample)
        failed += "error" in answer
        print(json.dumps(answer), file=answers, flush=True)
    if failed:
        raise RunError(f"{failed} lines of the input could not be scored; their answers say why.")


def _answer_to(
    detector: Detector, rate: float | None, name: str, x: NDArray[np.float32]
) -> dict[str, object]:
    shaped = _shaped(detector, x[None])
    try:
        score = float(detector.score(shaped)[0])
    except InputError as error:
        return {"name": name, "error": str(error)}
    answer: dict[str, object] = {"name": name, "score": score}
    if rate is not None:
        threshold = float(detector.thresholds_for(shaped, rate)[0])
        answer |= {"threshold": threshold, "anomaly": score > threshold}
    if detector.knows_tasks:
        tasks = _named(detector.nearest_tasks(shaped)[0])
        answer |= {name: task or None for name, task in zip(_NEAREST, tasks, strict=True)}
    return answer
