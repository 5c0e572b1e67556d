"""Thresholds from normal samples alone, and what they let through."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

TARGET_RATES = (0.01, 0.05)
"""False-positive rates for which a run sets thresholds."""


def threshold_at(rate: float, scores: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Set the threshold above which a sample is an alarm.

    The smallest score that no more than the wanted share of new normal samples is expected to
    exceed: the ⌈(1 − rate)(n + 1)⌉-th smallest of n, as in Laxhammar & Falkman, "Conformal
    Prediction for Distribution-Independent Anomaly Detection in Streaming Vessel Data" (2010), and
    Bates et al., "Testing for Outliers with Conformal p-values" (Annals of Statistics 2023), eq. 4.
    Where n is too small for that, below 1 / rate − 1, it is the largest score, and alarms are
    expected for 1 / (n + 1) of the normal samples.

    Args:
        rate: wanted false-positive rate, between 0 and 1.
        scores: (n,), of normal samples that were not trained on; higher is more anomalous.
        weights: (n,), how much each sample counts; their sum stands for n. Default: all the same.

    Raises:
        ValueError: the rate is out of range, or there is no score, or one is not finite.
    """
    if not 0 < rate < 1:
        raise ValueError(f"Expected a false-positive rate between 0 and 1, but got {rate}.")
    values = np.asarray(scores)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError("Expected one finite score or more, in one dimension.")
    order = np.argsort(values, kind="stable")
    shares = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=np.float64)
    counts = np.cumsum(shares[order]) * (len(values) / shares.sum())
    # The rounding of a sum must not move the threshold by a sample.
    reached = np.flatnonzero(counts >= (1 - rate) * (len(values) + 1) - 1e-9)
    return float(values[order[reached[0]]] if len(reached) else values[order[-1]])


def alarm_rate(scores: ArrayLike, threshold: float) -> float:
    """Give the share of samples that score above a threshold; nan where there is none.

    Of normal samples, it is the realised false-positive rate; of anomalies, the detection rate.

    Args:
        scores: (n,).
        threshold: nan where none could be set.
    """
    values = np.asarray(scores)
    if not len(values) or math.isnan(threshold):
        return math.nan
    return float((values > threshold).mean())


def pooled(
    own: NDArray[np.floating], recalled: NDArray[np.floating] | None, past_tasks: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Join scores of the current task's samples with those of samples that stand for past tasks.

    Each task weighs the same, however many samples stand for it.

    Args:
        own: (n,), of the current task's samples.
        recalled: (m,), of samples that stand for the past tasks together; None where there are
            none.
        past_tasks: how many these are.

    Returns:
        Scores and weights, (n + m,) each.
    """
    if recalled is None or not past_tasks or not len(recalled):
        return np.asarray(own, dtype=np.float64), np.ones(len(own))
    weights = np.repeat([1 / len(own), past_tasks / len(recalled)], [len(own), len(recalled)])
    return np.concatenate([own, recalled]).astype(np.float64), weights
