"""Anomaly scores: higher is more anomalous, always. Each gives one number for each sample."""

from collections.abc import Callable

import torch
from torch import Tensor

from cl_anomaly.models import VAE, Reconstruction
from cl_anomaly.models.losses import bernoulli_negative_log_likelihood
from cl_anomaly.randomness import generator

Score = Callable[[VAE, Reconstruction], Tensor]
"""Takes the model and a batch's reconstruction; returns (R, B), float32."""

POSTERIOR_SAMPLES = 16


def recon(model: VAE, output: Reconstruction) -> Tensor:
    """The model's own reconstruction loss at the posterior mean."""
    return output.negative_log_likelihood


def mse(model: VAE, output: Reconstruction) -> Tensor:
    """Mean squared error over the features."""
    return (output.means - output.x).square().flatten(2).mean(2)


def l1(model: VAE, output: Reconstruction) -> Tensor:
    """Mean absolute error over the features."""
    return (output.means - output.x).abs().flatten(2).mean(2)


def elbo(model: VAE, output: Reconstruction) -> Tensor:
    """Negative evidence lower bound at the posterior mean: recon + β · kl."""
    return recon(model, output) + model.beta * kl(model, output)


def kl(model: VAE, output: Reconstruction) -> Tensor:
    """Distance of the posterior from the prior, KL(q(z|x) ‖ N(0, I))."""
    return output.kl


def recon_prob(model: VAE, output: Reconstruction) -> Tensor:
    """Reconstruction loss averaged over 16 draws from the posterior (seeded).

    The reconstruction probability of An & Cho, "Variational Autoencoder based Anomaly Detection
    using Reconstruction Probability" (2015), algorithm 4, with the sign turned. Every sample meets
    the same draws, so that its score does not depend on what it is scored with.
    """
    noise = torch.randn(
        POSTERIOR_SAMPLES, output.mean.shape[-1], generator=generator(0, "recon-prob")
    ).to(output.mean.device)
    sigma = (0.5 * output.log_variance).exp()
    total = torch.zeros_like(output.mean[..., 0])
    for draw in noise:
        logits = model.decoder(output.mean + sigma * draw)
        total += bernoulli_negative_log_likelihood(logits, output.x)
    return total / POSTERIOR_SAMPLES


CHEAP_SCORES: dict[str, Score] = {"recon": recon, "mse": mse, "l1": l1, "elbo": elbo, "kl": kl}
"""Recorded after every task: they need one forward pass between them."""

SCORES: dict[str, Score] = {**CHEAP_SCORES, "recon-prob": recon_prob}
"""All of them; those that are not cheap are recorded where they are asked for."""
