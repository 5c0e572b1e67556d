"""Test samples that a run detects best and worst after the last task."""

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
    """The test set of a dataset as images, if it can be read.

    Attributes:
        images: (n, H, W) or (n, H, W, 3), in [0, 1] or above; None if there are none.
        why: reason for having none; empty for vectors, which nobody expects to see.
    """

    images: NDArray[np.float32] | None
    why: str = ""


@dataclass(frozen=True)
class Scored:
    """A test sample with its score after the last task.

    Attributes:
        row: index in the dataset's test set.
        score: by the run's shown score.
    """

    row: int
    label: str
    score: float


def best_and_worst(run: DrawnRun) -> dict[str, list[Scored]]:
    """Choose samples of each kind by the first replica's scores, ties in the order of the test set.

    Returns:
        By BEST, MISSED and FALSE_ALARMS, the most extreme first. Empty if the run has recorded no
        scores or labels, or its first replica has failed.
    """
    try:
        scores = run.scores(run.results.score)[-1]
        normal = np.asarray(run.pictures["normal"].any(0))
        anomalous = np.asarray(run.pictures["anomalous"].any(0))
    except (InputError, KeyError):  # a file is gone
        return {}
    if not np.isfinite(scores).all():
        return {}
    kinds = {
        BEST: (anomalous, -scores),
        MISSED: (anomalous, scores),
        # A sample that is normal in one task and anomalous in another is no false alarm.
        FALSE_ALARMS: (normal & ~anomalous, -scores),
    }
    return {
        kind: [
            Scored(
                int(run.results.test_indices[place]),
                str(run.results.test_labels[place]),
                float(scores[place]),
            )
            for place in _first(is_of_kind, keys)
        ]
        for kind, (is_of_kind, keys) in kinds.items()
    }


def _first(is_of_kind: NDArray[np.bool_], keys: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the indices of the first samples of a kind, in ascending order of their keys."""
    places = np.flatnonzero(is_of_kind)
    return places[np.argsort(keys[places], kind="stable")][:MOST]
