"""Thresholds from normal samples alone, and what they let through."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

TARGET_RATES = (0.01, 0.05)
"""False-positive rates for which a run sets thresholds."""

_ROUNDING = 1e-9


def samples_needed(rate: float) -> int:
    """Return how many normal samples a threshold for a false-positive rate needs: ⌈1 / rate⌉ − 1.

    With fewer, not even the largest of their scores is exceeded as rarely as that.
    """
    return math.ceil(1 / rate - _ROUNDING) - 1


def threshold_at(rate: float, scores: ArrayLike) -> float:
    """Set the threshold above which a sample is an alarm.

    The smallest score that no more than the wanted share of new normal samples is expected to
    exceed: the ⌈(1 − rate)(n + 1)⌉-th smallest of n, as in Laxhammar & Falkman, "Conformal
    Prediction for Distribution-Independent Anomaly Detection in Streaming Vessel Data" (2010), and
    Bates et al., "Testing for Outliers with Conformal p-values" (Annals of Statistics 2023), eq. 4.
    Where n is too small for that, see `samples_needed`, it is the largest score, and alarms are
    expected for 1 / (n + 1) of the normal samples.

    Args:
        rate: wanted false-positive rate, between 0 and 1.
        scores: (n,), of normal samples that were not trained on; higher is more anomalous.

    Raises:
        ValueError: the rate is out of range, or there is no score, or one is not finite.
    """
    return threshold_of_mixture(rate, [scores], [1.0])


def threshold_of_mixture(rate: float, parts: Sequence[ArrayLike], shares: Sequence[float]) -> float:
    """Set the threshold that a mixture of normal samples exceeds at a wanted rate on average.

    The smallest score v with Σ wᵢ [sᵢ ≤ v] ≥ (1 − rate)(1 + 1/n), where a score of part p has the
    weight πₚ / nₚ, for the part makes up the share πₚ of the normal samples and nₚ of its scores
    are there, and n = 1 / Σ wᵢ² is the number of equal weights that are worth as much (Kish,
    "Survey Sampling", 1965). With one part, or parts as large as their shares, it is
    `threshold_at`. Where n is too small for that, it is the largest score.

    Args:
        rate: wanted false-positive rate, between 0 and 1.
        parts: (nₚ,) each, scores of samples that were not trained on.
        shares: πₚ, which sum to 1.

    Raises:
        ValueError: as in `threshold_at`.
    """
    if not 0 < rate < 1:
        raise ValueError(f"Expected a false-positive rate between 0 and 1, but got {rate}.")
    arrays = [np.asarray(part) for part in parts]
    for values in arrays:
        if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
            raise ValueError("Expected one finite score or more, in one dimension.")
    scores = np.concatenate(arrays)
    weights = np.repeat(
        [share / len(part) for share, part in zip(shares, arrays, strict=True)],
        [len(part) for part in arrays],
    )
    order = np.argsort(scores, kind="stable")
    wanted = (1 - rate) * (1 + (weights**2).sum())
    # The rounding of a sum must not move the threshold by a sample.
    place = np.searchsorted(weights[order].cumsum(), wanted - _ROUNDING)
    return float(scores[order[min(place, len(scores) - 1)]])


def alarm_rate(scores: ArrayLike, threshold: float) -> float:
    """Return the share of scores (n,) above a threshold; nan without scores or a threshold.

    For normal samples it is the realised false-positive rate; for anomalies, the detection rate.
    """
    values = np.asarray(scores)
    if not len(values) or math.isnan(threshold):
        return math.nan
    return float((values > threshold).mean())
