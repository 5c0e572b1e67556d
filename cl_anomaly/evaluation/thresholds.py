"""Thresholds from normal samples alone, and what they let through."""

import math

import numpy as np
from numpy.typing import ArrayLike

TARGET_RATES = (0.01, 0.05)
"""False-positive rates for which a run sets thresholds."""


def threshold_at(rate: float, scores: ArrayLike) -> float:
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

    Raises:
        ValueError: the rate is out of range, or there is no score, or one is not finite.
    """
    if not 0 < rate < 1:
        raise ValueError(f"Expected a false-positive rate between 0 and 1, but got {rate}.")
    values = np.asarray(scores)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError("Expected one finite score or more, in one dimension.")
    # The rounding of a product must not move the threshold by a sample.
    place = math.ceil((1 - rate) * (len(values) + 1) - 1e-9)
    return float(np.sort(values)[min(place, len(values)) - 1])


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
