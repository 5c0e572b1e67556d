"""What trackers are told of a task: its headline AUROCs, and pictures of what the model makes."""

import math
import statistics
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from cl_anomaly.core.errors import InputError
from cl_anomaly.report.images import as_images
from cl_anomaly.runs.run import Run
from cl_anomaly.statistics.aurocs import HEADLINE

_MOST_REPLICAS = 20


def measured_after(run: Run, task: int) -> dict[str, float]:
    """Return the headline AUROC after a task, by each score: the mean, and that of each replica.

    What else a run measures, trackers read from its `metrics.csv` when it is finished.
    """
    values: dict[str, float] = {}
    for score, headline in run.measured.headline.items():
        own = headline[:, task - 1].tolist()
        left = {place: value for place, value in enumerate(own) if not math.isnan(value)}
        if left:
            values[f"{HEADLINE}/{score}"] = statistics.fmean(left.values())
        if 1 < len(own) <= _MOST_REPLICAS:
            for place, value in left.items():
                values[f"{HEADLINE}/{score}/{_named(run, place)}"] = value
    return values


def _named(run: Run, place: int) -> str:
    """Name a replica by its seed, and by its anomaly class where there are several."""
    replicas = run.plan.replicas
    several = len({own.anomaly_class for own in replicas}) > 1
    own = replicas[place]
    return f"class_{own.anomaly_class}/seed_{own.seed}" if several else f"seed_{own.seed}"


def pictures_after(run: Run, task: int) -> dict[str, NDArray[np.uint8]]:
    """Return pictures, (H, W, 3), of what the first replica makes after a task, where it is images.

    `samples`: a row of what it generates. `reconstructions`, after the first and the last task: a
    row of test samples, one of what it makes of them, and one of the difference.
    """
    kept = {name: own.numpy() for name, own in run.pictures.state_dict().items()}
    pictures = {}
    with suppress(InputError):  # samples that are no images
        if (generated := kept.get(f"generated/{task}")) is not None:
            pictures["samples"] = _rows(generated)
        if (means := kept.get(f"reconstructions/{task}")) is not None:
            inputs = kept["inputs/0"]
            pictures["reconstructions"] = _rows(inputs, means, np.abs(means - inputs))
    return pictures


def _rows(*rows: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Put samples of values from 0 to 1 beside each other, (k, *features) each, row by row."""
    images = [as_images(row, 1, "the run") for row in rows]
    images = [own[..., None] if own.ndim == 3 else own for own in images]
    joined = np.concatenate([np.concatenate(list(own), axis=1) for own in images], axis=0)
    shown = np.round(255 * np.clip(joined, 0, 1)).astype(np.uint8)
    return np.broadcast_to(shown, (*shown.shape[:2], 3)).copy()
