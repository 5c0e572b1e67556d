"""Scores of models that know a density, or the noise in a sample."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from cl_anomaly.models.base import DENSITY, NOISE
from cl_anomaly.scores.base import Score


class NLL(Score):
    """Exact negative log-likelihood."""

    name = "nll"
    needs = frozenset({DENSITY})

    def __call__(self, output: Any) -> Tensor:  # noqa: D102
        return output.negative_log_likelihood


class NoiseError(Score):
    """Error of the predicted noise, over fixed steps and draws (seeded)."""

    name = "noise-error"
    needs = frozenset({NOISE})
    is_cheap = False
    passes = 20.0

    def __call__(self, output: Any) -> Tensor:  # noqa: D102
        return output.noise_error
