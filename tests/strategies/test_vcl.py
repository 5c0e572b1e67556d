from typing import Any

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.randomness import ReplicaRandom
from cl_anomaly.models.ae import AE
from cl_anomaly.models.base import check_abilities
from cl_anomaly.strategies.vcl import VCL
from tests.support.learning import Drawn, learn, prepare, small_scenario, vae_of

SEEDS = [3, 7]
X = torch.rand(2, 8, 3, 3)


def _begun(strategy: VCL, number: int = 1) -> VCL:
    scenario = small_scenario()
    prepare(strategy, scenario, SEEDS)
    for before in range(1, number):
        learn(strategy, [scenario] * 2, SEEDS, before)
    strategy.before_task([scenario.tasks[number - 1]] * 2)
    return strategy


def test_posterior_is_that_of_the_decoders_weights() -> None:
    strategy = _begun(VCL(sigma=0.01))
    names = {f"decoder.{name}" for name, _ in vae_of(strategy).decoder.named_parameters()}
    assert set(strategy.kept["log_sigma"]) == names
    for own in strategy.kept["log_sigma"].values():
        torch.testing.assert_close(own.exp(), torch.full_like(own, 0.01))


def test_divergence_is_pytorchs_over_the_samples_of_the_task() -> None:
    strategy = _begun(VCL(lam=0.5), number=2)
    with torch.no_grad():
        for own in strategy.kept["log_sigma"].values():
            own += 0.3
        for weight in strategy.model.parameters():
            weight += 0.001
    expected = torch.zeros(2)
    for name, own in strategy.kept["log_sigma"].items():
        new = Normal(strategy.model.get_parameter(name).detach(), own.detach().exp())
        mean, log_sigma = (strategy.kept[f"prior_{kind}"][name] for kind in ("mean", "log_sigma"))
        expected += kl_divergence(new, Normal(mean, log_sigma.exp())).flatten(1).sum(1)
    penalty = strategy.penalty(X)
    assert isinstance(penalty, torch.Tensor)
    # Task 2 has 30 samples.
    torch.testing.assert_close(penalty.detach(), 0.5 * expected / 30, rtol=1e-3, atol=1e-4)


def test_prior_is_standard_normal_before_the_first_task_and_the_posterior_after() -> None:
    strategy = _begun(VCL())
    assert all(
        (own == 0).all()
        for kind in ("mean", "log_sigma")
        for own in strategy.kept[f"prior_{kind}"].values()
    )
    strategy = _begun(VCL(), number=2)
    for name, own in strategy.kept["log_sigma"].items():
        assert torch.equal(strategy.kept["prior_mean"][name], strategy.model.get_parameter(name))
        assert torch.equal(strategy.kept["prior_log_sigma"][name], own)
        # It was trained, with the weights.
        assert not torch.equal(own, torch.full_like(own, own[0].flatten()[0].item()))


def test_loss_is_that_of_weights_which_are_drawn() -> None:
    strategy = _begun(VCL(sigma=0.1))
    strategy.random = ReplicaRandom(SEEDS, "weights")
    noise = torch.randn(2, 8, 2)
    given = strategy.loss(X, Drawn(noise))
    own = strategy.model.loss(X, Drawn(noise))
    random = ReplicaRandom(SEEDS, "weights")
    with torch.no_grad():
        for name in strategy.kept["log_sigma"]:
            weight = strategy.model.get_parameter(name)
            weight += 0.1 * random.normal(*weight.shape[1:])
    torch.testing.assert_close(given, strategy.model.loss(X, Drawn(noise)))
    assert not torch.allclose(given, own, rtol=1e-3)


def test_the_best_posterior_of_a_parabola_is_bayes() -> None:
    # Of N samples with the loss ½ h (θ − a)² and the prior N(m, s²): precision 1/s² + N h, mean
    # (m/s² + N h a) / precision. There the gradient of E_q[loss] + KL/N is 0.
    strategy = _begun(VCL(lam=1.0))
    h, a, m, s, n = 2.0, 0.7, -0.4, 0.3, 20
    precision = 1 / s**2 + n * h
    name = next(iter(strategy.kept["log_sigma"]))
    mean = strategy.model.get_parameter(name)
    log_sigma = strategy.stepped[0]
    with torch.no_grad():
        mean.fill_((m / s**2 + n * h * a) / precision)
        log_sigma.fill_(-0.5 * torch.tensor(precision).log().item())
        strategy.kept["prior_mean"][name].fill_(m)
        strategy.kept["prior_log_sigma"][name].fill_(torch.tensor(s).log().item())
    # E_q of the parabola, in closed form.
    expected_loss = 0.5 * h * ((mean - a).square() + (2 * log_sigma).exp())
    penalty = strategy.penalty(X)
    assert isinstance(penalty, torch.Tensor)
    gradients = torch.autograd.grad(expected_loss.sum() + penalty.sum(), [mean, log_sigma])
    for gradient in gradients:
        torch.testing.assert_close(gradient, torch.zeros_like(gradient), rtol=0, atol=1e-5)


def test_a_model_without_a_decoder_is_refused() -> None:
    with pytest.raises(InputError, match="can generate samples, which vcl needs, but ae"):
        check_abilities(AE, VCL.needs, "vcl")


@pytest.mark.parametrize("options", [{"lam": -1.0}, {"sigma": 0.0}])
def test_options_out_of_range(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        VCL(**options)
