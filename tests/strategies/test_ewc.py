import pytest
import torch

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.randomness import ReplicaRandom
from cl_anomaly.models.shared.fisher import fisher_diagonal
from cl_anomaly.strategies.ewc import EWC
from tests.support.learning import learn, prepare, small_scenario, vae_of, weights
from tests.support.per_sample import squared_per_sample

# What is trained on says nothing of the weights.
BATCH = torch.zeros(2, 8, 3, 3)


def test_nothing_is_held_in_the_first_task() -> None:
    assert prepare(EWC(), small_scenario(), [0]).penalty(BATCH) == 0


def test_penalty_by_hand() -> None:
    # ½ λ Σ F (θ − θ*)² with λ = 10, F = 3, and θ − θ* = 0.5 in one replica, 0.25 in the other.
    strategy = EWC(lam=10.0)
    prepare(strategy, small_scenario(), [0, 1])
    count = 0
    for name, weight in strategy.model.named_parameters():
        strategy.kept.setdefault("fisher", {})[name] = torch.full_like(weight, 3.0)
        shift = torch.tensor([0.5, 0.25]).view(2, *[1] * (weight.dim() - 1))
        strategy.kept.setdefault("anchor", {})[name] = weight.detach() - shift
        count += weight[0].numel()
    expected = torch.tensor([0.5 * 10 * 3 * 0.25 * count, 0.5 * 10 * 3 * 0.0625 * count])
    penalty = strategy.penalty(BATCH)
    assert isinstance(penalty, torch.Tensor)
    torch.testing.assert_close(penalty.detach(), expected, rtol=1e-4, atol=0)


def test_penalty_is_0_at_the_anchor_and_pulls_back_to_it() -> None:
    scenario, strategy = small_scenario(), EWC()
    prepare(strategy, scenario, [0])
    learn(strategy, [scenario], [0], 1)
    penalty = strategy.penalty(BATCH)
    assert isinstance(penalty, torch.Tensor) and penalty.item() == 0
    bias = vae_of(strategy).decoder.layers[-1].bias
    assert isinstance(bias, torch.nn.Parameter)
    with torch.no_grad():
        bias += 0.1
    pull = strategy.penalty(BATCH)
    assert isinstance(pull, torch.Tensor)
    pull.sum().backward()
    assert bias.grad is not None and (bias.grad > 0).all()


@pytest.mark.parametrize("decay", [1.0, 0.5, 0.0])
def test_fisher_of_earlier_tasks_is_added_online(decay: float) -> None:
    scenario = small_scenario()
    strategy = EWC(decay=decay)
    prepare(strategy, scenario, [0])
    learn(strategy, [scenario], [0], 1)
    first = {name: value.clone() for name, value in strategy.kept["fisher"].items()}
    strategy.random = ReplicaRandom([0], "again")
    strategy.after_task([scenario.tasks[1]])
    alone = fisher_diagonal(
        strategy.model, strategy.samples, [scenario.tasks[1].indices], ReplicaRandom([0], "again")
    )
    for name, value in strategy.kept["fisher"].items():
        torch.testing.assert_close(value, alone[name] + decay * first[name])
        assert torch.equal(strategy.kept["anchor"][name], strategy.model.get_parameter(name))
        assert not strategy.kept["anchor"][name].requires_grad


def test_memory_does_not_grow_with_the_tasks() -> None:
    scenario = small_scenario()
    strategy = prepare(EWC(), scenario, [0])
    sizes = []
    for number in (1, 2, 3):
        learn(strategy, [scenario], [0], number)
        sizes.append(sum(value.numel() for value in strategy.state_dict().values()))
    assert sizes == [2 * sum(p.numel() for p in strategy.model.parameters())] * 3


def test_larger_lambda_moves_less() -> None:
    scenario, moved = small_scenario(), []
    for lam in (0.0, 1e2, 1e6):
        strategy = prepare(EWC(lam), scenario, [0])
        learn(strategy, [scenario], [0], 1)
        before = weights(strategy)
        learn(strategy, [scenario], [0], 2)
        after = weights(strategy)
        moved.append(sum(float((a - b).norm()) for a, b in zip(after, before, strict=True)))
    assert moved[0] > moved[1] > moved[2] > 0


@pytest.mark.parametrize(
    "options", [{"lam": -1.0}, {"lam": float("inf")}, {"decay": -0.1}, {"decay": 1.1}]
)
def test_options_out_of_range(options: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        EWC(**options)


def test_anchor_follows_the_last_task() -> None:
    scenario, strategy = small_scenario(), EWC()
    prepare(strategy, scenario, [0])
    for number in (1, 2):
        learn(strategy, [scenario], [0], number)
        for name, weight in strategy.model.named_parameters():
            assert torch.equal(strategy.kept["anchor"][name], weight)


def test_fisher_of_each_replica_is_that_of_its_own_task() -> None:
    # Orders of their own: each replica's first task is another class, with another count.
    seeds = [3, 7, 9]
    scenarios = [small_scenario(task_order=order) for order in ([1, 2, 3], [3, 1, 2], [2, 3, 1])]
    strategy = EWC()
    prepare(strategy, scenarios[0], seeds)
    learn(strategy, scenarios, seeds, 1)
    for replica, (seed, scenario) in enumerate(zip(seeds, scenarios, strict=True)):
        own = scenario.tasks[0].indices
        noise = ReplicaRandom([seed], "after task", 1).normal(256, 2)[0, : len(own)]
        x = scenario.dataset.train.stored[own].float() / 255
        expected = squared_per_sample(vae_of(strategy), replica, x, noise)
        for name, value in strategy.kept["fisher"].items():
            torch.testing.assert_close(value[replica], expected[name].mean(0))


def test_defaults_are_those_that_are_published() -> None:
    assert (EWC().lam, EWC().decay) == (1000.0, 1.0)
