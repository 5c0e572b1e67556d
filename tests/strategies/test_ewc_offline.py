import torch

from cl_anomaly.core.randomness import ReplicaRandom
from cl_anomaly.models.shared.fisher import fisher_diagonal
from cl_anomaly.strategies.ewc_offline import EWCOffline
from tests.support.learning import learn, prepare, small_scenario

SEEDS = [3, 7]
BATCH = torch.zeros(2, 8, 3, 3)


def test_penalty_is_the_sum_over_the_tasks_written_out() -> None:
    # One Fisher information and one anchor for each task, as the paper keeps them.
    scenario, strategy = small_scenario(), EWCOffline(lam=10.0)
    prepare(strategy, scenario, SEEDS)
    assert strategy.penalty(BATCH) == 0
    kept = []
    for number, task in enumerate(scenario.tasks, 1):
        learn(strategy, [scenario] * 2, SEEDS, number)
        random = ReplicaRandom(SEEDS, "after task", number)
        fisher = fisher_diagonal(strategy.model, strategy.samples, [task.indices] * 2, random)
        weights = {name: own.detach().clone() for name, own in strategy.model.named_parameters()}
        kept.append((fisher, weights))
        expected = torch.zeros(2, dtype=torch.float64)
        for own, anchor in kept:
            for name, weight in strategy.model.named_parameters():
                term = own[name].double() * (weight - anchor[name]).detach().double().square()
                expected += 0.5 * 10 * term.flatten(1).sum(1)
        penalty = strategy.penalty(BATCH)
        assert isinstance(penalty, torch.Tensor)
        torch.testing.assert_close(penalty.detach().double(), expected, rtol=1e-4, atol=1e-6)
        assert (expected > 0).all() == (number > 1)


def test_weights_without_information_are_held_by_nothing() -> None:
    scenario, strategy = small_scenario(), EWCOffline()
    prepare(strategy, scenario, [0])
    name = next(iter(dict(strategy.model.named_parameters())))
    learn(strategy, [scenario], [0], 1)
    strategy.kept["fisher"][name].zero_()
    fisher = {n: torch.zeros_like(own) for n, own in strategy.kept["fisher"].items()}
    anchor = {n: torch.ones_like(own) for n, own in strategy.kept["fisher"].items()}
    offset = torch.zeros(1)
    strategy._merge(fisher, anchor, offset)
    assert offset.item() == 0
    assert (anchor[name] == 1).all() and (fisher[name] == 0).all()


def test_memory_does_not_grow_with_the_tasks() -> None:
    scenario = small_scenario()
    strategy = prepare(EWCOffline(), scenario, SEEDS)
    model = sum(own.nbytes for own in strategy.model.parameters())
    for number in (1, 2, 3):
        learn(strategy, [scenario] * 2, SEEDS, number)
        kept = sum(own.nbytes for own in strategy.state_dict().values())
        assert kept == 2 * model + 2 * 4
