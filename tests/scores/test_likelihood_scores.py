"""Scores of the likelihood, against models of which it is known."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from cl_anomaly.core.randomness import generator
from cl_anomaly.models.base import Posterior
from cl_anomaly.models.vae import VAE
from cl_anomaly.scores import SCORES
from cl_anomaly.scores.regret import DRAWS
from cl_anomaly.scores.sampling import IMPORTANCE_SAMPLES

SIGMA = 0.7


class FactorAnalysis(Posterior):
    """x = W z + noise of the width SIGMA: likelihood and posterior are known.

    Args:
        x: (R, B, F).
        weights: W, (F, C), its columns at right angles: the posterior has no correlations.
        shift: added to the posterior's mean.
    """

    def __init__(self, x: Tensor, weights: Tensor, shift: float = 0.0) -> None:
        precision = 1 + weights.square().sum(0) / SIGMA**2
        mean = x @ weights / SIGMA**2 / precision
        super().__init__(x, mean + shift, -precision.log().expand_as(mean))
        self._weights = weights

    def negative_log_likelihood_at(self, z: Tensor) -> Tensor:
        away = (self.x - z @ self._weights.T) / SIGMA
        return 0.5 * (away.square() + np.log(2 * np.pi * SIGMA**2)).sum(-1)


@pytest.fixture
def weights() -> Tensor:
    return torch.tensor([[1.0, 0.0], [0.5, 0.0], [0.0, 2.0], [0.0, -1.0]])


@pytest.fixture
def x() -> Tensor:
    return torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0))


def _minus_log_likelihood(x: Tensor, weights: Tensor) -> np.ndarray:
    covariance = weights @ weights.T + SIGMA**2 * torch.eye(4)
    return -MultivariateNormal(torch.zeros(4), covariance).log_prob(x).numpy()


def test_iwae_is_the_likelihood_where_the_posterior_is_the_true_one(
    x: Tensor, weights: Tensor
) -> None:
    # All weights are p(x), however few the draws.
    found = SCORES["iwae"]()(FactorAnalysis(x, weights)).numpy()
    np.testing.assert_allclose(found, _minus_log_likelihood(x, weights), rtol=1e-4)


def test_iwae_is_above_the_likelihood_and_below_the_mean_over_single_draws(
    x: Tensor, weights: Tensor
) -> None:
    output = FactorAnalysis(x, weights, shift=0.3)
    found, true = SCORES["iwae"]()(output).numpy(), _minus_log_likelihood(x, weights)
    np.testing.assert_allclose(found, true, atol=0.3)
    # −ELBO = −log p(x) + KL(q ‖ p(z|x)), and the posteriors differ by their means alone.
    gap = 0.5 * 0.3**2 * output.log_variance.neg().exp().sum(-1).numpy()
    assert (found < true + gap).all()


def test_iwae_by_numpy_with_the_same_draws() -> None:
    model = VAE((4, 4), [0, 1], latent_size=3, hidden_sizes=(8,))
    x = torch.rand(2, 5, 4, 4, generator=torch.Generator().manual_seed(1))
    noise = torch.randn(IMPORTANCE_SAMPLES, 3, generator=generator(0, "iwae"))
    ratios = []
    with torch.no_grad():
        mean, log_variance = (own.double().numpy() for own in model.encode(x))
        for draw in noise.double().numpy():
            z = mean + np.exp(0.5 * log_variance) * draw
            means = model.decoder.means(torch.from_numpy(z).float()).double().flatten(2).numpy()
            flat = x.flatten(2).double().numpy()
            likelihood = (flat * np.log(means) + (1 - flat) * np.log(1 - means)).sum(-1)
            prior = -0.5 * (z**2 + np.log(2 * np.pi)).sum(-1)
            own = -0.5 * (draw**2 + np.log(2 * np.pi) + log_variance).sum(-1)
            ratios.append(likelihood + prior - own)
        found = SCORES["iwae"]()(model.reconstruct(x)).numpy()
    np.testing.assert_allclose(found, -np.log(np.mean(np.exp(ratios), axis=0)), rtol=1e-5)


def _regret(output: Any) -> np.ndarray:
    with torch.no_grad():
        return SCORES["likelihood-regret"]()(output).numpy()


def test_regret_is_what_a_wrong_posterior_loses(x: Tensor, weights: Tensor) -> None:
    # With four draws the bound is an estimate: its optimum is by SciPy, on the same draws.
    from scipy.optimize import minimize

    output = FactorAnalysis(x[:1], weights, shift=0.3)
    noise = torch.randn(DRAWS, 2, generator=generator(0, "likelihood-regret")).double()

    def minus_bound(tau: np.ndarray, sample: Tensor) -> float:
        mean, log_variance = torch.from_numpy(tau).chunk(2)
        z = mean + (0.5 * log_variance).exp() * noise
        away = (sample - z @ weights.double().T) / SIGMA
        loss = 0.5 * (away.square() + np.log(2 * np.pi * SIGMA**2)).sum(-1).mean()
        kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum()
        return float(loss + kl)

    found = _regret(output)
    for place in range(5):
        start = torch.cat([output.mean[0, place], output.log_variance[0, place]]).double().numpy()
        sample = x[0, place].double()
        best = minimize(minus_bound, start, args=(sample,)).fun
        expected = minus_bound(start, sample) - best
        assert expected > 0.1
        assert found[0, place] == pytest.approx(expected, rel=0.05)


def test_regret_looks_at_the_bound_after_the_last_step(weights: Tensor) -> None:
    # So far away that each step gains: the largest bound is the last one. Here Adam runs on one
    # sample at a time, in float64, with a schedule of PyTorch's.
    x = 8 * torch.randn(1, 3, 4, generator=torch.Generator().manual_seed(2))
    output = FactorAnalysis(x, weights, shift=4.0)
    noise = torch.randn(4, 2, generator=generator(0, "likelihood-regret")).double()
    found = _regret(output)
    for place in range(3):
        sample = x[0, place].double()
        mean, log_variance = (
            own[0, place].double().requires_grad_() for own in (output.mean, output.log_variance)
        )

        def bound(sample: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
            z = mean + (log_variance / 2).exp() * noise
            likelihood = Normal(z @ weights.double().T, SIGMA).log_prob(sample).sum(1).mean()
            own = Normal(mean, (log_variance / 2).exp())
            return likelihood - kl_divergence(own, Normal(0.0, 1.0)).sum()

        optimizer = torch.optim.Adam([mean, log_variance], lr=0.1)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / 30)
        bounds = [bound(sample, mean, log_variance).item()]
        for _ in range(30):
            optimizer.zero_grad()
            (-bound(sample, mean, log_variance)).backward()
            optimizer.step()
            schedule.step()
            bounds.append(bound(sample, mean, log_variance).item())
        assert bounds[-1] == max(bounds) > bounds[-2] + 1e-3 * (bounds[-2] - bounds[0])
        assert found[0, place] == pytest.approx(bounds[-1] - bounds[0], rel=1e-4)


@pytest.mark.parametrize(("name", "draws"), [("recon-prob", 16), ("iwae", 50)])
def test_as_many_codes_are_drawn_as_the_docs_say(
    name: str, draws: int, x: Tensor, weights: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    original = FactorAnalysis.negative_log_likelihood_at

    def counted(self: FactorAnalysis, z: Tensor) -> Tensor:
        asked.append(z)
        return original(self, z)

    monkeypatch.setattr(FactorAnalysis, "negative_log_likelihood_at", counted)
    SCORES[name]()(FactorAnalysis(x, weights))
    assert len(asked) == draws and not torch.equal(asked[0], asked[1])


def test_regret_is_never_below_zero_and_small_for_the_true_posterior(
    x: Tensor, weights: Tensor
) -> None:
    right, wrong = (_regret(FactorAnalysis(x, weights, shift)) for shift in (0.0, 0.5))
    assert (right >= 0).all()
    assert (wrong > right).all()


def test_regret_leaves_the_models_gradients_alone() -> None:
    model = VAE((4, 4), [0], latent_size=3, hidden_sizes=(8,))
    x = torch.rand(1, 5, 4, 4, generator=torch.Generator().manual_seed(1))
    before = [own.detach().clone() for own in model.parameters()]
    assert _regret(model.reconstruct(x)).shape == (1, 5)
    assert all(own.grad is None for own in model.parameters())
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), before, strict=True))
