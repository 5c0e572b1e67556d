import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from cl_anomaly.core.errors import RunError
from cl_anomaly.core.randomness import StepRandom
from cl_anomaly.scenarios.class_stream import build_scenario
from cl_anomaly.strategies import Strategy
from cl_anomaly.training.learner import Learner
from cl_anomaly.training.loop import TaskTraining
from tests.support.learning import (
    SETTINGS,
    Drawn,
    learn,
    prepare,
    small_dataset,
    small_scenario,
    weights,
)


def test_is_pytorchs_adam_on_the_mean_loss() -> None:
    # The same batches and noise through PyTorch's own Adam, unfused, on the model alone.
    scenario, seeds = small_scenario(), [0, 1]
    ours, theirs = (prepare(Strategy(), scenario, seeds) for _ in range(2))
    learn(ours, [scenario] * 2, seeds, 1)
    noise = StepRandom(seeds, "noise", 1)
    optimizer = torch.optim.Adam(theirs.model.parameters(), lr=1e-2, fused=False)
    for indices in ours.samples.__dict__["asked"]:
        x = torch.stack([theirs.samples.stored[own] for own in indices]).float() / 255
        optimizer.zero_grad()
        theirs.model.loss(x, noise).mean(1).sum().backward()
        noise.next_step()
        optimizer.step()
    for one, other in zip(weights(ours), weights(theirs), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_each_sample_is_used_once_an_epoch() -> None:
    scenario = small_scenario()
    strategy = prepare(Strategy(), scenario, [0])
    time = learn(strategy, [scenario], [0], 1)
    asked = strategy.samples.__dict__["asked"]
    # 20 samples, 2 epochs, 8 in a batch: 5 full batches.
    assert [tuple(batch.shape) for batch in asked] == [(1, 8)] * 5
    assert torch.cat([b.flatten() for b in asked]).bincount()[scenario.tasks[0].indices].eq(2).all()
    assert time.samples == 40


def test_replicas_draw_their_own_order() -> None:
    scenario = small_scenario()
    strategy = prepare(Strategy(), scenario, [0, 1])
    learn(strategy, [scenario] * 2, [0, 1], 1)
    order = torch.cat(strategy.samples.__dict__["asked"], dim=1)
    assert not torch.equal(order[0], order[1])


def test_seed_7_sees_the_same_batches_and_noise_among_ten() -> None:
    scenario, seeds = small_scenario(), list(range(10))
    among, alone = prepare(Strategy(), scenario, seeds), prepare(Strategy(), scenario, [7])
    losses: tuple[list[Tensor], list[Tensor]] = ([], [])
    learn(among, [scenario] * 10, seeds, 1, losses[0])
    learn(alone, [scenario], [7], 1, losses[1])
    order = [torch.cat(s.samples.__dict__["asked"], dim=1) for s in (among, alone)]
    assert torch.equal(order[0][7], order[1][0])
    # The first steps: later ones drift apart by the rounding of sums taken in another order.
    for step in range(3):
        torch.testing.assert_close(losses[0][step][7], losses[1][step][0], rtol=1e-5, atol=0)


def test_new_tasks_draw_new_orders_and_noise() -> None:
    scenario, losses = small_scenario(), []
    strategy = prepare(Strategy(), scenario, [0])
    for number in (1, 2):
        strategy.task_number = number
        strategy.random = StepRandom([0], "strategy", number)
        with torch.no_grad():
            for parameter in strategy.model.parameters():
                parameter.zero_()
        record: list[Tensor] = []
        indices = [scenario.tasks[0].indices]
        training = TaskTraining(strategy, indices, [0], SETTINGS)
        training.run(lambda _, _steps, loss, r=record: r.append(loss))
        losses.append(torch.stack(record))
    assert not torch.equal(losses[0], losses[1])


def test_replica_that_is_through_first_keeps_the_weights_it_had() -> None:
    dataset = small_dataset()
    short, long = build_scenario(dataset, 0, [1]), build_scenario(dataset, 0, [2])
    both = prepare(Strategy(), short, [0, 1])
    alone = prepare(Strategy(), short, [0])
    losses: list[Tensor] = []
    learn(both, [short, long], [0, 1], 1, losses)
    learn(alone, [short], [0], 1)
    assert len(losses) == math.ceil(2 * 30 / 8)
    for one, other in zip(weights(both), weights(alone), strict=True):
        torch.testing.assert_close(one[0], other[0])


def test_penalty_and_extension_reach_the_loss() -> None:
    class Doubled(Strategy):
        def extend(self, x: Tensor) -> Tensor:
            return torch.cat([x, torch.zeros_like(x)], dim=1)

        def penalty(self, x: Tensor) -> Tensor:
            return torch.tensor([1000.0, 2000.0])

    scenario, losses = small_scenario(), []
    strategy = prepare(Doubled(), scenario, [0, 1])
    time = learn(strategy, [scenario] * 2, [0, 1], 1, losses)
    assert time.samples == 2 * 5 * 16
    assert 1000 < losses[0][0] < 1500
    assert 2000 < losses[0][1] < 2500


def test_reports_every_step() -> None:
    scenario, steps = small_scenario(), []
    learner = Learner(prepare(Strategy(), scenario, [0]), [0], [scenario], SETTINGS)
    learner.begin(1)
    learner.train(lambda step, _steps, loss: steps.append(step))
    assert steps == [1, 2, 3, 4, 5]
    assert SETTINGS.steps(len(scenario.tasks[0].indices)) == 5


@pytest.mark.parametrize(
    ("indices", "got"),
    [
        (torch.arange(0), r"\(0,\)"),
        (torch.arange(4.0), "float32"),
        (torch.zeros(2, 2, dtype=torch.int64), r"\(2, 2\)"),
        (torch.tensor([3, 85]), "3 to 85"),
        (torch.tensor([-1, 3]), "-1 to 3"),
    ],
)
def test_indices_that_are_no_places_are_refused(indices: Tensor, got: str) -> None:
    class Mistaken(Strategy):
        def training_indices(self, task: object, seen: object) -> Tensor:
            return indices

    scenario = small_scenario()
    strategy = prepare(Mistaken(), scenario, [0])
    with pytest.raises(RunError, match=f"Mistaken.training_indices.* task 1 it gave .*{got}"):
        learn(strategy, [scenario], [0], 1)


@pytest.mark.parametrize("shape", [(16, 3, 3), (1, 16, 3, 3), (2, 16, 9)])
def test_batch_of_another_form_is_refused(shape: tuple[int, ...]) -> None:
    class Mistaken(Strategy):
        def extend(self, x: Tensor) -> Tensor:
            return torch.zeros(shape)

    scenario = small_scenario()
    strategy = prepare(Mistaken(), scenario, [0, 1])
    with pytest.raises(RunError, match=r"Mistaken.extend .*\(2, 8, 3, 3\)"):
        learn(strategy, [scenario] * 2, [0, 1], 1)


@pytest.mark.parametrize("shape", [(2, 1), (1,), (3,), ()])
def test_penalty_that_would_mix_the_replicas_is_refused(shape: tuple[int, ...]) -> None:
    class Mistaken(Strategy):
        def penalty(self, x: Tensor) -> Tensor:
            return torch.zeros(shape)

    scenario = small_scenario()
    strategy = prepare(Mistaken(), scenario, [0, 1])
    with pytest.raises(RunError, match=r"Mistaken.penalty .*\(2,\)"):
        learn(strategy, [scenario] * 2, [0, 1], 1)


def test_loss_is_the_mean_over_the_batch() -> None:
    # Adam does not see what a loss is multiplied by; the penalty's weight beside it does.
    scenario, losses = small_scenario(), []
    strategy = prepare(Strategy(), scenario, [0, 1])
    first = prepare(Strategy(), scenario, [0, 1]).model
    learn(strategy, [scenario] * 2, [0, 1], 1, losses)
    x = strategy.samples.stored[strategy.samples.__dict__["asked"][0]].float() / 255
    noise = StepRandom([0, 1], "noise", 1).normal(8, 2)
    torch.testing.assert_close(losses[0], first.loss(x, Drawn(noise)).detach().mean(1))


def test_gradient_of_a_replica_does_not_shrink_beside_others() -> None:
    # Adam hides a factor; the gradients themselves do not.
    scenario, one_step = small_scenario(), replace(SETTINGS, epochs=1, batch_size=20)
    gradients = []
    for seeds in ([0, 1, 2], [0]):
        strategy = prepare(Strategy(), scenario, seeds)
        learner = Learner(strategy, seeds, [scenario] * len(seeds), one_step)
        parameters = list(strategy.model.parameters())
        learner.begin(1)
        learner.train(lambda *_, p=parameters: gradients.append([x.grad for x in p]))
        assert all(parameter.grad is None for parameter in parameters), "they take memory"
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one[:1], other, rtol=1e-3, atol=1e-5)


def test_each_sample_is_used_once_an_epoch_of_a_long_task() -> None:
    # 20 samples, 40 epochs, 4 in a batch: 200 steps, more than are looked up at once.
    scenario = small_scenario()
    strategy = prepare(Strategy(), scenario, [0])
    settings = replace(SETTINGS, epochs=40, batch_size=4)
    learn(strategy, [scenario], [0], 1, settings=settings)
    asked = torch.cat([batch.flatten() for batch in strategy.samples.__dict__["asked"]])
    assert len(asked) == 800
    passes = asked.view(40, 20)
    assert torch.equal(passes.sort(dim=1).values, scenario.tasks[0].indices.expand(40, 20))
    assert len(passes.unique(dim=0)) == 40, "shuffled anew at every pass"
