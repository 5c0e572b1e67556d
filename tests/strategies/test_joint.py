import torch

from cl_anomaly.models.vae import VAE
from cl_anomaly.strategies.joint import Joint
from cl_anomaly.strategies.upper import Upper
from tests.support.learning import learn, prepare, small_scenario, weights

SEEDS = [3, 7]


def test_every_task_begins_with_the_seeds_first_weights() -> None:
    scenario, strategy = small_scenario(), Joint()
    prepare(strategy, scenario, SEEDS)
    learn(strategy, [scenario] * 2, SEEDS, 1)
    strategy.before_task([scenario.tasks[1]] * 2)
    first = VAE((3, 3), SEEDS, latent_size=2, hidden_sizes=(12,))
    for own, expected in zip(weights(strategy), first.parameters(), strict=True):
        assert torch.equal(own, expected)


def test_the_second_task_is_learnt_as_if_there_had_been_no_first() -> None:
    # As Upper learns it with the same draws, by a model that is new: neither weights nor Adam's
    # moments are left.
    scenario = small_scenario()
    ours, new = prepare(Joint(), scenario, SEEDS), prepare(Upper(), scenario, SEEDS)
    learn(ours, [scenario] * 2, SEEDS, 1)
    learn(ours, [scenario] * 2, SEEDS, 2)
    learn(new, [scenario] * 2, SEEDS, 2)
    for own, expected in zip(weights(ours), weights(new), strict=True):
        assert torch.equal(own, expected)


def test_it_sees_and_calibrates_by_all_tasks_so_far() -> None:
    tasks = small_scenario().tasks
    expected = torch.cat([task.indices for task in tasks[:2]])
    assert torch.equal(Joint().training_indices(tasks[1], tasks[:2]), expected)


def test_what_it_keeps_is_the_first_weights() -> None:
    scenario = small_scenario()
    strategy = prepare(Joint(), scenario, SEEDS)
    learn(strategy, [scenario] * 2, SEEDS, 1)
    kept = sum(own.nbytes for own in strategy.state_dict().values())
    assert kept == sum(own.nbytes for own in strategy.model.parameters())
