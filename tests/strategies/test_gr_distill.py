from typing import Any

import pytest
import torch

from cl_anomaly.core.randomness import ReplicaRandom
from cl_anomaly.strategies.gr_distill import GRDistill
from tests.support.learning import learn, prepare, small_scenario, vae_of

SEEDS = [3, 7]


def _after_first_task(strategy: GRDistill) -> GRDistill:
    scenario = small_scenario()
    prepare(strategy, scenario, SEEDS)
    learn(strategy, [scenario] * 2, SEEDS, 1)
    strategy.task_number = 2
    return strategy


@pytest.mark.parametrize("ratio", ["proportional", 0.3, 1.0, 2.6])
@pytest.mark.parametrize("new", [1, 5, 8, 32])
def test_new_samples_are_told_from_replayed_ones(ratio: Any, new: int) -> None:
    strategy = _after_first_task(GRDistill(ratio))
    strategy.task_number = 4
    extended = strategy.extend(torch.rand(2, new, 3, 3)).shape[1]
    assert extended > new and strategy._new(extended) == new


def test_penalty_written_out() -> None:
    strategy = _after_first_task(GRDistill(lam=3.0, codes=0.5))
    old = vae_of(strategy)
    strategy.random = ReplicaRandom(SEEDS, "replay")
    x = strategy.extend(torch.rand(2, 8, 3, 3))
    old_code = old.encode(x)[0].detach()
    old_means = old.decoder.means(old_code).detach()
    numbers = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in strategy.model.parameters():
            weight.add_(0.05 * torch.randn(weight.shape, generator=numbers))
    code = old.encode(x)[0].detach()
    means = old.decoder.means(code).detach()
    expected = torch.zeros(2)
    for replica in range(2):
        for sample in range(8, 16):
            expected[replica] += 0.5 * (means - old_means)[replica, sample].square().sum() / 16
            expected[replica] += 0.25 * (code - old_code)[replica, sample].square().sum() / 16
    penalty = strategy.penalty(x)
    assert isinstance(penalty, torch.Tensor) and (expected > 1e-4).all()
    torch.testing.assert_close(penalty.detach(), 3 * expected, rtol=1e-4, atol=1e-7)


def test_samples_are_made_by_the_model_that_gives_the_targets() -> None:
    strategy = _after_first_task(GRDistill())
    assert strategy.previous is strategy.kept["model"].generator()
    assert strategy.previous is not strategy.model.generator()
    kept = sum(own.nbytes for own in strategy.state_dict().values())
    assert kept == sum(own.nbytes for own in strategy.model.parameters())


def test_first_task_has_nothing_to_replay() -> None:
    strategy = prepare(GRDistill(), small_scenario(), SEEDS)
    x = torch.rand(2, 8, 3, 3)
    assert strategy.extend(x) is x
    assert strategy.penalty(x) == 0
