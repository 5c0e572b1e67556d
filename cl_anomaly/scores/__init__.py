"""Anomaly scores, a file for each family: higher is more anomalous, always."""

from collections.abc import Iterable

from cl_anomaly.scores.base import Score
from cl_anomaly.scores.codes import (
    MahalanobisAutoMargin,
    MahalanobisBackground,
    MahalanobisLogMargin,
    MahalanobisSoftmin,
)
from cl_anomaly.scores.density import NLL, NoiseError
from cl_anomaly.scores.distances import AutoMargin, Background, Least, LogMargin, Softmin
from cl_anomaly.scores.gaussian import Mahalanobis
from cl_anomaly.scores.hidden import NAP, SAP
from cl_anomaly.scores.reconstruction import ELBO, KL, L1, MSE, Recon
from cl_anomaly.scores.regret import LikelihoodRegret
from cl_anomaly.scores.sampling import IWAE, POSTERIOR_SAMPLES, ReconProb

__all__ = ["CHEAP_SCORES", "MSE", "POSTERIOR_SAMPLES", "SCORES", "Score", "make_scores"]

_FAMILIES: tuple[type[Score], ...] = (
    *(Recon, MSE, L1, ELBO, KL),
    *(ReconProb, IWAE),
    Mahalanobis,
    *(SAP, NAP),
    LikelihoodRegret,
    *(NLL, NoiseError),
    *(Least, LogMargin, AutoMargin, Softmin, Background),
    *(MahalanobisLogMargin, MahalanobisAutoMargin, MahalanobisSoftmin, MahalanobisBackground),
)

SCORES: dict[str, type[Score]] = {score.name: score for score in _FAMILIES}
"""All scores by name."""

CHEAP_SCORES = [name for name, score in SCORES.items() if score.is_cheap]
"""Scores recorded after every task: they share one forward pass."""


def make_scores(names: Iterable[str]) -> list[Score]:
    """Make scores by name."""
    return [SCORES[name]() for name in names]
