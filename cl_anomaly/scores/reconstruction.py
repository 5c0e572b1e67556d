"""Scores of reconstruction error and of the posterior, from the one pass that all scores share."""

from typing import Any

from torch import Tensor

from cl_anomaly.models.base import LIKELIHOOD, POSTERIOR, RECONSTRUCT
from cl_anomaly.scores.base import Score


class Recon(Score):
    """The model's own reconstruction loss at the posterior mean."""

    name = "recon"
    needs = frozenset({LIKELIHOOD})

    def __call__(self, output: Any) -> Tensor:  # noqa: D102
        return output.negative_log_likelihood


class MSE(Score):
    """Mean squared error over the features."""

    name = "mse"
    needs = frozenset({RECONSTRUCT})

    def __call__(self, output: Any) -> Tensor:  # noqa: D102
        return (output.means - output.x).square().flatten(2).mean(2)


class L1(Score):
    """Mean absolute error over the features."""

    name = "l1"
    needs = frozenset({RECONSTRUCT})

    def __call__(self, output: Any) -> Tensor:  # noqa: D102
        return (output.means - output.x).abs().flatten(2).mean(2)


class ELBO(Score):
    """Negative evidence lower bound at the posterior mean: recon + β · kl."""

    name = "elbo"
    needs = frozenset({POSTERIOR})

    def __call__(self, output: Any) -> Tensor:  # noqa: D102
        return output.loss


class KL(Score):
    """Distance of the posterior from the prior, KL(q(z|x) ‖ N(0, I))."""

    name = "kl"
    needs = frozenset({POSTERIOR})

    def __call__(self, output: Any) -> Tensor:  # noqa: D102
        return output.kl
