"""Scores that draw codes from the posterior, with the same draws for every sample and call."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from cl_anomaly.core.randomness import generator
from cl_anomaly.models.base import POSTERIOR
from cl_anomaly.scores.base import Score

POSTERIOR_SAMPLES = 16
IMPORTANCE_SAMPLES = 50


def standard_normal_draws(stream: str, count: int, like: Tensor) -> Tensor:
    """Draw ε, (count, code), shared by all samples: no score depends on the rest of its batch.

    Args:
        stream: name of the random stream.
        like: (R, B, code), for the code's size and the device.
    """
    noise = torch.randn(count, like.shape[-1], generator=generator(0, stream))
    return noise.to(like.device)


def codes_drawn(output: Any, noise: Tensor) -> Iterator[Tensor]:
    """Return z = mean + σ · ε, (R, B, code), for each ε of (count, code)."""
    sigma = (0.5 * output.log_variance).exp()
    for draw in noise:
        yield output.mean + sigma * draw


class ReconProb(Score):
    """Reconstruction loss averaged over 16 draws from the posterior (seeded).

    The reconstruction probability of An & Cho, "Variational Autoencoder based Anomaly Detection
    using Reconstruction Probability" (2015), algorithm 4, with the sign reversed. All samples
    share the draws, so that no score depends on the rest of its batch.
    """

    name = "recon-prob"
    needs = frozenset({POSTERIOR})
    is_cheap = False
    passes = 0.5 + 0.5 * POSTERIOR_SAMPLES

    def __call__(self, output: Any) -> Tensor:  # noqa: D102
        noise = standard_normal_draws(self.name, POSTERIOR_SAMPLES, output.mean)
        total = torch.zeros_like(output.mean[..., 0])
        for code in codes_drawn(output, noise):
            total += output.negative_log_likelihood_at(code)
        return total / POSTERIOR_SAMPLES


class IWAE(Score):
    """Negative log-likelihood, estimated by importance weights of 50 draws (seeded).

    Burda et al., "Importance Weighted Autoencoders" (ICLR 2016), eq. 8, with the sign reversed:
    −log 1/L Σₗ p(x|zₗ) p(zₗ) / q(zₗ|x), zₗ ~ q(z|x). With one draw it is the negative evidence
    lower bound; the more draws, the closer it is to −log p(x).
    """

    name = "iwae"
    needs = frozenset({POSTERIOR})
    is_cheap = False
    passes = 0.5 + 0.5 * IMPORTANCE_SAMPLES

    def __call__(self, output: Any) -> Tensor:  # noqa: D102
        noise = standard_normal_draws(self.name, IMPORTANCE_SAMPLES, output.mean)
        log_weights = [
            log_prior_ratio(code, draw, output.log_variance)
            - output.negative_log_likelihood_at(code)
            for draw, code in zip(noise, codes_drawn(output, noise), strict=True)
        ]
        return math.log(IMPORTANCE_SAMPLES) - torch.stack(log_weights, dim=-1).logsumexp(-1)


def log_prior_ratio(code: Tensor, draw: Tensor, log_variance: Tensor) -> Tensor:
    """Return log p(z) − log q(z|x) at z = mean + σ · ε; the constants log 2π cancel.

    Args:
        code: z, (R, B, code).
        draw: ε, (code,).
        log_variance: (R, B, code), log σ².

    Returns:
        (R, B), in nats.
    """
    return 0.5 * (draw.square() + log_variance - code.square()).sum(-1)
