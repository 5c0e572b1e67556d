import numpy as np
import pytest
import torch

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.randomness import ReplicaRandom
from cl_anomaly.models.base import check_abilities
from cl_anomaly.models.flow import Flow
from cl_anomaly.strategies.gr_conditional import GRConditional
from cl_anomaly.strategies.shared.latent import aggregate_posterior
from tests.support.learning import learn, prepare, small_scenario, vae_of

SEEDS = [3, 7]


def _after(tasks: int) -> GRConditional:
    scenario, strategy = small_scenario(), GRConditional()
    prepare(strategy, scenario, SEEDS)
    for number in range(1, tasks + 1):
        learn(strategy, [scenario] * 2, SEEDS, number)
    strategy.task_number = tasks + 1
    return strategy


def test_gaussian_is_that_of_the_aggregate_posterior() -> None:
    strategy, task = _after(1), small_scenario().tasks[0]
    mean, log_variance = vae_of(strategy).encode(strategy.samples.batch(task.indices.expand(2, -1)))
    for replica in range(2):
        codes = mean[replica].detach().double().numpy()
        variances = log_variance[replica].detach().double().exp().numpy()
        expected = np.cov(codes, rowvar=False, bias=True) + np.diag(variances.mean(0))
        factor = strategy.kept["factors"][replica, 0].double().numpy()
        np.testing.assert_allclose(strategy.kept["means"][replica, 0], codes.mean(0), rtol=1e-4)
        np.testing.assert_allclose(factor @ factor.T, expected, rtol=1e-4, atol=1e-6)


def test_batches_and_what_does_not_count_change_nothing() -> None:
    strategy = _after(1)
    x = torch.rand(2, 30, 3, 3)
    output = strategy.model.reconstruct(x)
    whole = aggregate_posterior([(output, torch.ones(2, 30, dtype=torch.bool))])  # type: ignore[list-item]
    parts = []
    for part in (x[:, :20], torch.cat([x[:, 20:], x[:, :5]], dim=1)):
        real = torch.ones(2, part.shape[1], dtype=torch.bool)
        real[:, 10 if part.shape[1] == 15 else 20 :] = False
        parts.append((strategy.model.reconstruct(part), real))
    for one, other in zip(whole, aggregate_posterior(parts), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


def test_replay_is_what_the_decoder_makes_of_codes_of_all_past_tasks() -> None:
    strategy = _after(2)
    strategy.random = ReplicaRandom(SEEDS, "codes")
    replayed = strategy.extend(torch.rand(2, 8, 3, 3))[:, 8:]
    random = ReplicaRandom(SEEDS, "codes")
    tasks, noise = random.integers(2, 16), random.normal(16, 2)
    assert set(tasks.flatten().tolist()) == {0, 1}
    codes = torch.zeros(2, 16, 2)
    for replica in range(2):
        for place, task in enumerate(tasks[replica].tolist()):
            factor = strategy.kept["factors"][replica, task]
            codes[replica, place] = (
                strategy.kept["means"][replica, task] + factor @ noise[replica, place]
            )
    torch.testing.assert_close(replayed, vae_of(strategy).decoder.means(codes).detach())


def test_earlier_gaussians_are_refreshed_by_the_new_encoder() -> None:
    scenario, strategy = small_scenario(), _after(1)
    decoder, before, factors = strategy.previous, strategy.kept["means"], strategy.kept["factors"]
    learn(strategy, [scenario] * 2, SEEDS, 2)
    assert decoder is not None and strategy.kept["means"].shape == (2, 2, 2)
    noise = ReplicaRandom(SEEDS, "after task", 2).normal(1000, 2)
    codes = before[:, :1] + (factors[:, 0][:, None] * noise[:, :, None]).sum(3)
    seen = vae_of(strategy).encode(decoder.from_codes(codes))[0]
    torch.testing.assert_close(
        strategy.kept["means"][:, 0], seen.mean(1).detach(), rtol=1e-4, atol=1e-5
    )
    assert not torch.allclose(strategy.kept["means"][:, 0], before[:, 0], rtol=1e-2)


def test_it_keeps_the_decoder_and_a_gaussian_of_each_task() -> None:
    strategy = _after(2)
    decoder = sum(own.nbytes for own in vae_of(strategy).decoder.parameters())
    kept = sum(own.nbytes for own in strategy.state_dict().values())
    assert kept == decoder + 2 * 2 * (2 + 4) * 4


def test_a_model_without_codes_is_refused() -> None:
    with pytest.raises(InputError, match="posterior over codes, which gr-conditional needs, but"):
        check_abilities(Flow, GRConditional.needs, "gr-conditional")
