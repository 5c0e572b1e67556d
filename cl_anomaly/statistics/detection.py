"""Measures of detection: AUROC, average precision and a false-positive rate."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

PREVALENCE = 0.1
"""Share of anomalies for which average precision is computed, whatever the test set's own is."""

TRUE_POSITIVE_RATE = 0.95
"""Share of the anomalies to be found, for the false-positive rate."""


def placements(
    normal_scores: NDArray[np.floating], anomaly_scores: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Compute the share of anomalies above each normal sample; equal ones count half.

    The mean over any set of normal samples is the AUROC against that set. DeLong et al., "Comparing
    the Areas under Two or More Correlated Receiver Operating Characteristic Curves" (Biometrics
    1988), eq. 5.

    Args:
        normal_scores: (n,), higher is more anomalous.
        anomaly_scores: (m,).

    Returns:
        (n,), each in [0, 1].

    Raises:
        ValueError: one of the two is empty, or a score is not finite.
    """
    if not len(normal_scores) or not len(anomaly_scores):
        raise ValueError("Expected normal and anomaly scores, but one of the two is empty.")
    if not (np.isfinite(normal_scores).all() and np.isfinite(anomaly_scores).all()):
        raise ValueError("Expected finite scores, but some are NaN or infinity.")
    anomalies = np.sort(anomaly_scores)
    not_above = np.searchsorted(anomalies, normal_scores, side="right")
    below = np.searchsorted(anomalies, normal_scores, side="left")
    return 1 - (not_above + below) / (2 * len(anomalies))


def auroc(normal_scores: NDArray[np.floating], anomaly_scores: NDArray[np.floating]) -> float:
    """Area under the ROC curve: how often an anomaly scores higher than a normal sample.

    Args:
        normal_scores: (n,), higher is more anomalous.
        anomaly_scores: (m,).

    Returns:
        In [0, 1]; 0.5 is chance. What scikit-learn's `roc_auc_score` gives.

    Raises:
        ValueError: one of the two is empty, or a score is not finite.
    """
    return float(placements(normal_scores, anomaly_scores).mean())


def average_precision(
    normal_scores: ArrayLike, anomaly_scores: ArrayLike, prevalence: float = PREVALENCE
) -> float:
    """Compute average precision, as if a given share of the samples were anomalous.

    AP = Σ_k (R_k − R_{k−1}) P_k over the thresholds from high to low. Recall R_k is the share of
    the anomalies at or above threshold k, F_k that of the normal samples, and precision
    P_k = π R_k / (π R_k + (1 − π) F_k) for the prevalence π. The raw one falls with the prevalence,
    and so from task to task: more normal samples arrive, and no anomalies. What scikit-learn's
    `average_precision_score` gives where anomalies together weigh π, and normal samples 1 − π.

    Args:
        normal_scores: (n,), higher is more anomalous.
        anomaly_scores: (m,).
        prevalence: π, above 0 and below 1.

    Returns:
        In (0, 1]; π is chance.

    Raises:
        ValueError: one of the two is empty, a score is not finite, or π is out of range.
    """
    if not 0 < prevalence < 1:
        raise ValueError(f"Expected a prevalence between 0 and 1, but got {prevalence}.")
    normal, anomalies = _sorted(normal_scores), _sorted(anomaly_scores)
    thresholds = np.unique(anomalies)[::-1]
    recall = _share_from(anomalies, thresholds)
    true, false = prevalence * recall, (1 - prevalence) * _share_from(normal, thresholds)
    return float((np.diff(recall, prepend=0.0) * true / (true + false)).sum())


def fpr_at_tpr(
    normal_scores: ArrayLike, anomaly_scores: ArrayLike, rate: float = TRUE_POSITIVE_RATE
) -> float:
    """Compute the false-positive rate at which a given share of the anomalies is found.

    min over thresholds t of |{normal ≥ t}| / n, where |{anomalies ≥ t}| / m ≥ rate: the threshold
    is the ⌈rate · m⌉-th highest of the m anomalies. Of scikit-learn's `roc_curve` it is the first
    point whose true-positive rate is high enough. FPR95 of Liang et al., "Enhancing the Reliability
    of Out-of-distribution Image Detection in Neural Networks" (ICLR 2018).

    Args:
        normal_scores: (n,), higher is more anomalous.
        anomaly_scores: (m,).
        rate: the true-positive rate, above 0 and at most 1.

    Returns:
        In [0, 1]; lower is better, and `rate` is chance.

    Raises:
        ValueError: one of the two is empty, a score is not finite, or the rate is out of range.
    """
    if not 0 < rate <= 1:
        raise ValueError(f"Expected a true-positive rate above 0 and at most 1, but got {rate}.")
    normal, anomalies = _sorted(normal_scores), _sorted(anomaly_scores)
    # The rounding of a product must not move the threshold by a sample.
    wanted = math.ceil(rate * len(anomalies) - 1e-9)
    return float(_share_from(normal, anomalies[-wanted]))


def _sorted(scores: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(scores)
    if values.ndim != 1 or not len(values):
        raise ValueError("Expected normal and anomaly scores, but one of the two is empty.")
    if not np.isfinite(values).all():
        raise ValueError("Expected finite scores, but some are NaN or infinity.")
    return np.sort(values)


def _share_from(ascending: NDArray[np.float64], thresholds: ArrayLike) -> NDArray[np.float64]:
    """Return the share of scores that are at or above each threshold."""
    below = np.searchsorted(ascending, np.asarray(thresholds, ascending.dtype), side="left")
    return 1 - below / len(ascending)
