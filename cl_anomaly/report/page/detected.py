"""Which test samples a run detects best and worst, by their scores after the last task."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cl_anomaly.core.errors import InputError
from cl_anomaly.report.drawn_run import DrawnRun

MOST = 8
"""Samples of each kind."""
BEST, MISSED, FALSE_ALARMS = (
    "Anomalies with the highest scores: detected best",
    "Anomalies with the lowest scores: missed first",
    "Normal samples with the highest scores: the first false alarms",
)


@dataclass(frozen=True, eq=False)
class SampleImages:
    """The test set of a dataset as images, where these are at hand.

    Attributes:
        images: (n, H, W) or (n, H, W, 3), in [0, 1] or above; None where there are none.
        why: there are none, as a reader of the page is told; empty where the samples are vectors,
            which nobody expects to see.
    """

    images: NDArray[np.float32] | None
    why: str = ""


@dataclass(frozen=True)
class Scored:
    """A test sample with its score after the last task.

    Attributes:
        row: its place in the dataset's test set, from 0.
        label: its class.
        score: by the score that the run shows.
    """

    row: int
    label: str
    score: float


def best_and_worst(run: DrawnRun) -> dict[str, list[Scored]]:
    """Choose samples of each kind, of the first replica; at equal scores the first in the test set.

    Returns:
        By BEST, MISSED and FALSE_ALARMS, the most extreme first. Empty where the run has not
        recorded what it takes, or its first replica has failed.
    """
    try:
        scores = run.scores(run.results.score)[-1]
        normal = np.asarray(run.pictures["normal"].any(0))
        anomalous = np.asarray(run.pictures["anomalous"].any(0))
    except (InputError, KeyError):  # of an earlier version
        return {}
    if not np.isfinite(scores).all():
        return {}
    kinds = {
        BEST: (anomalous, -scores),
        MISSED: (anomalous, scores),
        # What is normal in one task and anomalous in another is no false alarm.
        FALSE_ALARMS: (normal & ~anomalous, -scores),
    }
    return {name: list(_first(run, which, by)) for name, (which, by) in kinds.items()}


def _first(run: DrawnRun, which: NDArray[np.bool_], by: NDArray[np.float32]) -> Iterator[Scored]:
    """Return the first samples of some, in ascending order of `by`, (n,) each."""
    places = np.flatnonzero(which)
    scores = run.scores(run.results.score)[-1]
    for place in places[np.argsort(by[places], kind="stable")][:MOST].tolist():
        row, label = int(run.results.test_indices[place]), str(run.results.test_labels[place])
        yield Scored(row, label, float(scores[place]))
