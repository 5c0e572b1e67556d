import numpy as np
import pytest
import torch

from cl_anomaly.core.randomness import generator
from cl_anomaly.models.base import DISTANCES
from cl_anomaly.models.shared.layers import Linear
from cl_anomaly.models.vae import VAE
from cl_anomaly.scores import CHEAP_SCORES, POSTERIOR_SAMPLES, SCORES


@pytest.fixture(scope="module")
def model() -> VAE:
    return VAE((4, 4), [0, 1], latent_size=3, hidden_sizes=(8,), beta=2.0)


@pytest.fixture(scope="module")
def x() -> torch.Tensor:
    return torch.rand(2, 6, 4, 4, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def _score(name: str, model: VAE, x: torch.Tensor) -> np.ndarray:
    return SCORES[name]()(model.reconstruct(x)).numpy()


@torch.no_grad()
def _parts(model: VAE, x: torch.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Samples, reconstruction at the posterior mean, mean and variance, in float64 numpy."""
    mean, log_variance = model.encode(x)
    means = model.decoder.means(mean)
    flat = (x.flatten(2), means.flatten(2), mean, log_variance.exp())
    a, b, c, d = (part.double().numpy() for part in flat)
    return a, b, c, d


def test_recon_is_cross_entropy_at_the_posterior_mean(model: VAE, x: torch.Tensor) -> None:
    a, b, _, _ = _parts(model, x)
    expected = -(a * np.log(b) + (1 - a) * np.log(1 - b)).sum(-1)
    np.testing.assert_allclose(_score("recon", model, x), expected, rtol=1e-5)


def test_mse_and_l1(model: VAE, x: torch.Tensor) -> None:
    a, b, _, _ = _parts(model, x)
    np.testing.assert_allclose(_score("mse", model, x), ((a - b) ** 2).mean(-1), rtol=1e-5)
    np.testing.assert_allclose(_score("l1", model, x), np.abs(a - b).mean(-1), rtol=1e-5)


def test_kl_and_elbo(model: VAE, x: torch.Tensor) -> None:
    _, _, mean, variance = _parts(model, x)
    kl = 0.5 * (mean**2 + variance - 1 - np.log(variance)).sum(-1)
    np.testing.assert_allclose(_score("kl", model, x), kl, rtol=1e-4, atol=1e-6)
    expected = _score("recon", model, x) + 2.0 * kl
    np.testing.assert_allclose(_score("elbo", model, x), expected, rtol=1e-5)


def test_recon_prob_is_the_mean_over_draws_from_the_posterior(model: VAE, x: torch.Tensor) -> None:
    # Against many draws of its own: within five standard errors of the 16 that the score takes.
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        mean, log_variance = model.encode(x)
        draws = []
        for _ in range(400):
            noise = torch.randn(mean.shape, generator=generator)
            logits = model.decoder(mean + (0.5 * log_variance).exp() * noise)
            bce = torch.nn.BCEWithLogitsLoss(reduction="none")(logits, x)
            draws.append(bce.flatten(2).sum(2).numpy())
    error = np.std(draws, axis=0) / np.sqrt(POSTERIOR_SAMPLES)
    assert (np.abs(_score("recon-prob", model, x) - np.mean(draws, axis=0)) < 5 * error).all()
    assert not np.allclose(_score("recon-prob", model, x), _score("recon", model, x))


def test_recon_prob_by_numpy_with_the_same_draws(x: torch.Tensor) -> None:
    # A posterior of its own width in each dimension: σ = e⁻¹, e^½ and e, and not σ².
    model = VAE((4, 4), [0, 1], latent_size=3, hidden_sizes=(8,))
    last = model.encoder[-1]
    assert isinstance(last, Linear)
    with torch.no_grad():
        last.weight[..., 3:] = 0
        last.bias[..., 3:] = torch.tensor([-2.0, 1.0, 2.0])
        mean = model.encode(x)[0].double().numpy()
    noise = torch.randn(16, 3, generator=generator(0, "recon-prob")).double().numpy()
    layers = [m for m in model.decoder.layers if isinstance(m, Linear)]
    (w1, b1), (w2, b2) = ([p.detach().double().numpy() for p in m.parameters()] for m in layers)
    flat, losses = x.flatten(2).double().numpy(), []
    for draw in noise:
        z = mean + np.exp([-1.0, 0.5, 1.0]) * draw
        hidden = np.maximum(z @ w1 + b1.reshape(2, 1, -1), 0)
        means = 1 / (1 + np.exp(-(hidden @ w2 + b2.reshape(2, 1, -1))))
        losses.append(-(flat * np.log(means) + (1 - flat) * np.log(1 - means)).sum(-1))
    np.testing.assert_allclose(_score("recon-prob", model, x), np.mean(losses, axis=0), rtol=1e-5)


@pytest.mark.parametrize("name", SCORES)
def test_scores_of_one_pass_are_always_recorded_unless_they_learn_codes(name: str) -> None:
    # All rules for distances are: what `auto-margin` learns is a number for each task.
    score = SCORES[name]
    is_small = not score.learns() or DISTANCES in score.needs
    assert (name in CHEAP_SCORES) == (score.passes == 1 and is_small)
    assert bool(score.statistics) == score.learns()
