"""Likelihood regret: how much a sample's likelihood gains from a posterior optimised for it."""

from typing import Any

import torch
from torch import Tensor

from cl_anomaly.models.base import POSTERIOR
from cl_anomaly.models.shared.losses import kl_to_standard_normal
from cl_anomaly.scores.base import Score
from cl_anomaly.scores.sampling import standard_normal_draws

STEPS = 30
DRAWS = 4
_FIRST_STEP_SIZE = 0.1


class LikelihoodRegret(Score):
    """Gain of the evidence lower bound by 30 steps on each sample's own posterior (seeded).

    Xiao et al., "Likelihood Regret: An Out-of-Distribution Detection Score for Variational
    Auto-encoder" (NeurIPS 2020): max_τ L(x; θ, τ) − L(x; θ, φ), where L is the evidence lower
    bound, θ the decoder, φ the encoder. Here τ is the mean and the log-variance of one sample's
    posterior (the paper's main variant refines the encoder's weights instead), optimised by Adam
    with a step size that falls from 0.1 to 0. L is the mean over four draws of ε, the same for
    every sample and step. The largest L of all steps counts, so the gain is never below 0.
    """

    name = "likelihood-regret"
    needs = frozenset({POSTERIOR})
    is_cheap = False
    # For each draw: the decoder forward in each step and once after the last, backward in each.
    passes = 0.5 + DRAWS * (0.5 * (STEPS + 1) + STEPS)

    def __call__(self, output: Any) -> Tensor:  # noqa: D102
        noise = standard_normal_draws(self.name, DRAWS, output.mean)
        posterior = [output.mean.detach().clone(), output.log_variance.detach().clone()]
        optimizer = torch.optim.Adam([parameter.requires_grad_() for parameter in posterior])
        bounds: list[Tensor] = []
        for step in range(STEPS):
            optimizer.param_groups[0]["lr"] = _FIRST_STEP_SIZE * (1 - step / STEPS)
            with torch.enable_grad():
                bound = lower_bound(output, posterior[0], posterior[1], noise)
                # Samples share no parameters: the sum's gradient holds each sample's gradient.
                gradients = torch.autograd.grad(-bound.sum(), posterior)
            bounds.append(bound.detach())
            for parameter, gradient in zip(posterior, gradients, strict=True):
                parameter.grad = gradient
            optimizer.step()
        bounds.append(lower_bound(output, posterior[0].detach(), posterior[1].detach(), noise))
        return torch.stack(bounds).amax(0) - bounds[0]


def lower_bound(output: Any, mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """Estimate the evidence lower bound with a given posterior: (R, B), in nats.

    Args:
        mean: (R, B, code).
        log_variance: (R, B, code), log σ².
        noise: ε, (draws, code).
    """
    sigma = (0.5 * log_variance).exp()
    losses = [output.negative_log_likelihood_at(mean + sigma * draw) for draw in noise]
    return -torch.stack(losses, dim=-1).mean(-1) - kl_to_standard_normal(mean, log_variance)
