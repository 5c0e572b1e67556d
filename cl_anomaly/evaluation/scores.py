"""Anomaly scores: higher is more anomalous, always. Each gives one number for each sample."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import torch
from torch import Tensor

from cl_anomaly.models.base import (
    DENSITY,
    LIKELIHOOD,
    NOISE,
    POSTERIOR,
    RECONSTRUCT,
    Reconstruction,
)
from cl_anomaly.randomness import generator

POSTERIOR_SAMPLES = 16


class Score:
    """An anomaly score. Subclass it, and say in a line of docstring what it is.

    Attributes:
        name: what `--score` calls it.
        needs: abilities of a model that it needs, see `models.base.ABILITIES`.
        is_cheap: whether it takes no more than the one pass that all scores share; such scores are
            always recorded.
    """

    name: ClassVar[str]
    needs: ClassVar[frozenset[str]] = frozenset()
    is_cheap: ClassVar[bool] = True

    def __call__(self, output: Any) -> Tensor:
        """Score samples.

        Args:
            output: a `models.base.Reconstruction`, with what the score needs.

        Returns:
            (R, B), float32; higher is more anomalous.
        """
        raise NotImplementedError(f"{type(self).__name__} should give scores.")

    def learn(self, batches: Iterable[tuple[Reconstruction, Tensor]]) -> None:
        """Keep statistics of a task that has just been learnt; by default none.

        Args:
            batches: of the task's own samples, each with what of it counts, (R, B), bool: replicas
                whose tasks are shorter have samples twice, and these do not count.
        """

    def state_dict(self) -> dict[str, Tensor]:
        """Give the statistics by name: what resume needs, and whose bytes are the score's memory.

        The replica axis comes first.
        """
        return {}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take back what `state_dict` gave."""

    @classmethod
    def learns(cls) -> bool:
        """Say whether it keeps statistics of each task."""
        return cls.learn is not Score.learn


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


class ReconProb(Score):
    """Reconstruction loss averaged over 16 draws from the posterior (seeded).

    The reconstruction probability of An & Cho, "Variational Autoencoder based Anomaly Detection
    using Reconstruction Probability" (2015), algorithm 4, with the sign turned. Every sample meets
    the same draws, so that its score does not depend on what it is scored with.
    """

    name = "recon-prob"
    needs = frozenset({POSTERIOR})
    is_cheap = False

    def __call__(self, output: Any) -> Tensor:  # noqa: D102
        noise = torch.randn(
            POSTERIOR_SAMPLES, output.mean.shape[-1], generator=generator(0, "recon-prob")
        ).to(output.mean.device)
        sigma = (0.5 * output.log_variance).exp()
        total = torch.zeros_like(output.mean[..., 0])
        for draw in noise:
            total += output.negative_log_likelihood_at(output.mean + sigma * draw)
        return total / POSTERIOR_SAMPLES


class NLL(Score):
    """Exact negative log-likelihood."""

    name = "nll"
    needs = frozenset({DENSITY})

    def __call__(self, output: Any) -> Tensor:  # noqa: D102
        return output.negative_log_likelihood


class NoiseError(Score):
    """Error of the predicted noise, over fixed steps and draws (seeded); 20 forward passes."""

    name = "noise-error"
    needs = frozenset({NOISE})
    is_cheap = False

    def __call__(self, output: Any) -> Tensor:  # noqa: D102
        return output.noise_error


SCORES: dict[str, type[Score]] = {
    score.name: score for score in (Recon, MSE, L1, ELBO, KL, ReconProb, NLL, NoiseError)
}
"""All of them, by name."""

CHEAP_SCORES = [name for name, score in SCORES.items() if score.is_cheap]
"""Recorded after every task: they need one forward pass between them."""


def make_scores(names: Iterable[str]) -> list[Score]:
    """Make scores from their names."""
    return [SCORES[name]() for name in names]
