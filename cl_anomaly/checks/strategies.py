"""Checks that every strategy must pass."""

from collections.abc import Callable

import torch

from cl_anomaly.checks.small import by_name, expect, learn, prepared, same, small_scenario, weights
from cl_anomaly.settings.options import fill_options, options_of, summary
from cl_anomaly.strategies import Strategy

Make = Callable[[], Strategy]

# Beside other replicas, a library may choose another kernel, which rounds otherwise.
_ROUNDING = 1e-3


def parameters_move_in_every_task(make: Make) -> None:
    """A strategy that trains nothing would still give scores."""
    scenario = small_scenario()
    strategy = prepared(make, scenario, [0, 1])
    for number in (1, 2, 3):
        before = weights(strategy)
        learn(strategy, [scenario] * 2, [0, 1], [number])
        for old, new in zip(before, weights(strategy), strict=True):
            for replica in (0, 1):
                moved = not torch.equal(old[replica], new[replica])
                expect(moved, f"Expected all weights to move in task {number}, but some did not.")


def a_seed_sees_the_same_alone_or_among_others(make: Make) -> None:
    """A replica's draws and results must depend on its own seed alone."""
    scenario, seeds = small_scenario(), [3, 7, 11]
    among = learn(prepared(make, scenario, seeds), [scenario] * 3, seeds)
    alone = learn(prepared(make, scenario, [7]), [scenario], [7])
    agree = same([loss[1:2] for loss in among], alone, _ROUNDING)
    expect(agree, "Expected seed 7 to have the losses that it has alone, but it has others.")


def a_seed_sees_the_same_beside_longer_tasks(make: Make) -> None:
    """Replicas whose tasks have other lengths end at other steps."""
    ours, longer = small_scenario((1, 3, 2)), small_scenario((2, 1, 3))
    one, other = prepared(make, ours, [7, 8]), prepared(make, ours, [7])
    learn(one, [ours, longer], [7, 8])
    learn(other, [ours], [7])
    agree = same([replicas[:1] for replicas in weights(one)], weights(other), _ROUNDING)
    expect(agree, "Expected seed 7 to learn the same beside longer tasks, but it did not.")


def the_same_seed_twice_gives_the_same_bits(make: Make) -> None:
    """Draw from `self.random` alone, never from PyTorch's global generator."""
    scenario, results = small_scenario(), []
    for _ in range(2):
        strategy = prepared(make, scenario, [0, 1])
        learn(strategy, [scenario] * 2, [0, 1], (1, 2))
        results.append(weights(strategy))
    expect(same(*results), "Expected the same weights from the same seeds, but got others.")
    first, second = ([replicas[place] for replicas in results[0]] for place in (0, 1))
    expect(
        not same(first, second), "Expected two seeds to give different weights, but got the same."
    )


def its_state_carries_everything_to_a_new_process(make: Make) -> None:
    """`self.kept` holds all that later tasks need."""
    scenario = small_scenario()
    one, other = (prepared(make, scenario, [0, 1]) for _ in range(2))
    expect(one.cannot_be_resumed is None, f"Expected a state: {one.cannot_be_resumed}.")
    learn(one, [scenario] * 2, [0, 1], (1, 2))
    other.model.load_state_dict(one.model.state_dict())
    if state := {key: value.clone() for key, value in one.state_dict().items()}:
        other.load_state_dict(state)
    for strategy in (one, other):
        learn(strategy, [scenario] * 2, [0, 1], [3])
    agree = same(weights(one), weights(other))
    expect(agree, "Expected the third task to go on from `self.kept` to the same weights.")


def visible_samples_come_first_in_the_batch(make: Make) -> None:
    """`extend` adds to a batch, and takes nothing away."""
    scenario = small_scenario()
    strategy = prepared(make, scenario, [0, 1])
    learn(strategy, [scenario] * 2, [0, 1], [1])
    strategy.task_number = 2
    x = torch.rand(2, 8, 3, 3)
    extended = strategy.extend(x)
    expect(torch.equal(extended[:, :8], x), "Expected `extend` to begin with what it was given.")
    expect(not extended.requires_grad, "Expected `extend` to give data, without gradients.")


def it_says_what_it_is_and_takes_typed_options(make: Make) -> None:
    """The command line and the documentation are read from them."""
    cls = type(make())
    source, skip = cls.options_class()
    untyped = source is not cls
    expect(bool(summary(cls)), "Expected a docstring whose first line says what the strategy does.")
    filled, options = fill_options(source, {}, skip, untyped), options_of(source, skip, untyped)
    expect(len(filled) == len(options), "Expected a default for each option.")


STRATEGY_CHECKS = by_name(
    parameters_move_in_every_task,
    a_seed_sees_the_same_alone_or_among_others,
    a_seed_sees_the_same_beside_longer_tasks,
    the_same_seed_twice_gives_the_same_bits,
    its_state_carries_everything_to_a_new_process,
    visible_samples_come_first_in_the_batch,
    it_says_what_it_is_and_takes_typed_options,
)
