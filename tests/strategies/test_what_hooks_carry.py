"""What hooks can carry: the path of a strategy, losses and weights of its own, and no more."""

import copy
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from cl_anomaly.core.errors import InputError, RunError
from cl_anomaly.core.randomness import Draws, ReplicaRandom, generator
from cl_anomaly.core.state import PauseReason
from cl_anomaly.models.base import Model, check_abilities
from cl_anomaly.scenarios.class_stream import Task
from cl_anomaly.strategies import Strategy
from cl_anomaly.strategies.gr import GenerativeReplay
from cl_anomaly.strategies.lwf import LwF
from cl_anomaly.strategies.si import SI
from cl_anomaly.training.learner import Learner
from tests.support.learning import SETTINGS, learn, prepare, small_scenario, weights

SEEDS = [3, 7]


class Distillation(Strategy):
    """Keeps a model, and gives it in no state."""

    previous: Model | None = None

    def before_task(self, tasks: Sequence[Task]) -> None:
        self.previous = copy.deepcopy(self.model).requires_grad_(False)


def test_synaptic_intelligence_is_the_loop_written_out() -> None:
    scenario = small_scenario()
    ours = prepare(SI(), scenario, [3])
    learn(ours, [scenario], [3], 1)
    assert isinstance(ours, SI)

    theirs = prepare(Strategy(), scenario, [3]).model
    names, parameters = zip(*theirs.named_parameters(), strict=True)
    optimizer = torch.optim.Adam(parameters, lr=SETTINGS.learning_rate)
    start = [weight.detach().clone() for weight in parameters]
    path = [torch.zeros_like(weight) for weight in parameters]
    noise, order = ReplicaRandom([3], "noise", 1), generator(3, "order", 1)
    for batch in _batches(scenario.tasks[0].indices, order):
        optimizer.zero_grad()
        x = scenario.dataset.train.batch(batch)[None]
        theirs.loss(x, noise).mean(1).sum().backward()
        before = [weight.detach().clone() for weight in parameters]
        optimizer.step()
        for sums, weight, last in zip(path, parameters, before, strict=True):
            assert weight.grad is not None
            sums -= weight.grad * (weight.detach() - last)
    for name, weight, first, sums in zip(names, parameters, start, path, strict=True):
        expected = sums.clamp(min=0) / ((weight.detach() - first).square() + 0.1)
        torch.testing.assert_close(ours.kept["importance"][name], expected, rtol=1e-3, atol=1e-6)


def _batches(indices: Tensor, order: torch.Generator) -> list[Tensor]:
    """Full batches of shuffled passes, one after another, as many as two epochs have."""
    passes = [indices[torch.randperm(len(indices), generator=order)] for _ in range(4)]
    steps = SETTINGS.steps(len(indices))
    return list(torch.cat(passes).split(SETTINGS.batch_size)[:steps])


@pytest.mark.parametrize("strategy", [SI, LwF])
def test_they_do_something_against_forgetting(strategy: type[Strategy]) -> None:
    scenario = small_scenario()
    held, free = prepare(strategy(), scenario, SEEDS), prepare(Strategy(), scenario, SEEDS)
    for number in (1, 2):
        learn(held, [scenario] * 2, SEEDS, number)
        learn(free, [scenario] * 2, SEEDS, number)
        moved = [
            not torch.equal(one, other)
            for one, other in zip(weights(held), weights(free), strict=True)
        ]
        assert any(moved) == (number == 2)


def test_what_hooks_keep_without_a_state_cannot_be_resumed() -> None:
    assert Distillation().cannot_be_resumed == (
        "Distillation overrides `before_task`, but keeps nothing in `self.kept`"
    )
    assert SI().cannot_be_resumed is None


def test_replay_is_refused_for_a_model_that_makes_no_samples() -> None:
    class Plain(Model):
        name = "plain"

    with pytest.raises(InputError, match="can generate samples, which gr needs, but plain"):
        check_abilities(Plain, GenerativeReplay.needs, "gr")


class Doubled(Strategy):
    """Takes the model's loss twice."""

    def loss(self, x: Tensor, random: Draws) -> Tensor:
        return 2 * self.model.loss(x, random)


class Mean(Strategy):
    """Gives one number for each replica in place of one for each sample."""

    def loss(self, x: Tensor, random: Draws) -> Tensor:
        return self.model.loss(x, random).mean(1)


def test_a_loss_of_its_own_takes_the_place_of_the_models() -> None:
    scenario, first = small_scenario(), []
    for strategy in (Strategy(), Doubled()):
        losses: list[Tensor] = []
        learn(prepare(strategy, scenario, SEEDS), [scenario] * 2, SEEDS, 1, losses)
        first.append(losses[0])
    torch.testing.assert_close(first[1], 2 * first[0])


def test_a_loss_that_is_none_of_each_sample_is_refused() -> None:
    scenario = small_scenario()
    with pytest.raises(RunError, match=r"Mean.loss to give one number for each sample, \(2, 8\)"):
        learn(prepare(Mean(), scenario, SEEDS), [scenario] * 2, SEEDS, 1)


class Trains(Strategy):
    """Trains a number of its own towards 1, and counts its steps."""

    def __init__(self) -> None:
        self.own = torch.zeros(0)

    def before_task(self, tasks: Sequence[Task]) -> None:
        self.own = torch.zeros(len(tasks), 1, requires_grad=True)
        self.count = torch.zeros(len(tasks))

    @property
    def stepped(self) -> Sequence[Tensor]:
        return [self.own, self.count]

    def penalty(self, x: Tensor) -> Tensor:
        return (self.own - 1).square().sum(1)

    def after_step(self) -> None:
        self.count.add_(1)


def test_what_a_strategy_trains_of_its_own_stops_where_each_replica_ends() -> None:
    # Tasks of 20 and 30 samples: 5 and 8 steps of Adam, of which each moves by the learning rate.
    scenarios = [small_scenario(task_order=order) for order in ([1, 2, 3], [2, 1, 3])]
    strategy = prepare(Trains(), scenarios[0], SEEDS)
    learn(strategy, scenarios, SEEDS, 1)
    assert isinstance(strategy, Trains)
    assert strategy.count.tolist() == [5, 8]
    torch.testing.assert_close(strategy.own[:, 0], torch.tensor([0.05, 0.08]), rtol=5e-3, atol=0)
    assert strategy.own.grad is None


def test_another_order_after_a_state_has_been_loaded_is_refused() -> None:
    class Swapped(Trains):
        def before_task(self, tasks: Sequence[Task]) -> None:
            super().before_task(tasks)
            self.more = torch.zeros(len(tasks), 3, requires_grad=True)

        @property
        def stepped(self) -> Sequence[Tensor]:
            return [self.more, self.own] if swapped else [self.own, self.more]

        def penalty(self, x: Tensor) -> Tensor:
            return super().penalty(x) + self.more.sum(1)

        def state_dict(self) -> dict[str, Tensor]:
            return {}

    scenario, swapped = small_scenario(), False
    strategy = prepare(Swapped(), scenario, [3])
    learner = Learner(strategy, [3], [scenario], SETTINGS)
    learner.begin(1)
    learner.train(lambda *_: None, lambda: PauseReason.CHECKPOINT)
    state, swapped = learner.state(), True
    with pytest.raises(RunError, match="`stepped` of Swapped to list the same in the same order"):
        learner.restore(state, 1)
