from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.randomness import ReplicaRandom
from cl_anomaly.data.dataset import Samples
from cl_anomaly.data.scaling import Scaling
from cl_anomaly.scenarios.class_stream import Scenario
from cl_anomaly.strategies.agem import AGEM
from cl_anomaly.strategies.der import DER
from cl_anomaly.strategies.replay import Replay
from tests.support.learning import learn, prepare, small_scenario

SEEDS = [3, 7]


def _after(strategy: Replay, tasks: int, seeds: Sequence[int] = SEEDS) -> Replay:
    scenario = small_scenario()
    prepare(strategy, scenario, seeds)
    for number in range(1, tasks + 1):
        learn(strategy, [scenario] * len(seeds), seeds, number)
    return strategy


def _rows(x: Tensor) -> set[tuple[float, ...]]:
    return {tuple(own.flatten().tolist()) for own in x.flatten(0, 1)}


def test_first_task_has_nothing_to_replay() -> None:
    strategy = prepare(Replay(), small_scenario(), SEEDS)
    x = torch.rand(2, 8, 3, 3)
    assert strategy.extend(x) is x
    assert strategy.stored_aside() is None


def test_joined_samples_are_real_ones_of_all_past_tasks() -> None:
    strategy, tasks = _after(Replay(samples=30), 2), small_scenario().tasks
    strategy.task_number = 3
    x = torch.rand(2, 400, 3, 3)
    joined = strategy.extend(x)[:, 400:]
    own = [_rows(strategy.samples.batch(task.indices)[None]) for task in tasks]
    drawn = _rows(joined)
    assert drawn <= own[0] | own[1]
    assert drawn & own[0] and drawn & own[1]
    assert strategy.extend(x[:, :100]).shape == (2, 300, 3, 3)


@pytest.mark.parametrize(
    ("ratio", "task", "joined"), [(1.0, 4, 8), (0.5, 4, 4), ("proportional", 4, 24), (0.01, 4, 1)]
)
def test_how_many_are_joined(ratio: Any, task: int, joined: int) -> None:
    strategy = _after(Replay(ratio=ratio), 1)
    strategy.task_number = task
    assert strategy.extend(torch.rand(2, 8, 3, 3)).shape[1] == 8 + joined


@pytest.mark.parametrize("budget", [{"samples": 12}, {"memory_bytes": 8 + 12 * 9}])
def test_bytes_are_those_of_the_samples_as_stored_and_a_counter(budget: dict[str, int]) -> None:
    # 3 x 3 pixels of uint8, of two replicas.
    for tasks in (1, 3):
        strategy = _after(Replay(**budget), tasks)
        assert sum(own.nbytes for own in strategy.state_dict().values()) == 2 * (12 * 9 + 8)
        assert strategy.state_dict()["reservoir/samples"].dtype == torch.uint8


def test_budget_that_is_never_exceeded_is_not_filled_with_nothing() -> None:
    # 20 samples of task 1 have come, and the reservoir would hold 500.
    assert _after(Replay(), 1).state_dict()["reservoir/samples"].shape == (2, 20, 3, 3)


def test_stored_values_are_scaled_as_the_datasets_are() -> None:
    # Values that do not lie in [0, 1]: each replica has a range of its own.
    values = torch.tensor([[0.0, 10.0], [5.0, 30.0], [10.0, 20.0]])
    scaling = Scaling(torch.tensor([[0.0, 10.0], [5.0, 0.0]]), torch.tensor([[10.0, 30.0]] * 2))
    strategy = Replay()
    strategy.samples = Samples(values, 1.0, scaling)
    strategy.random = ReplicaRandom(SEEDS, "test")
    tasks: Any = [type("T", (), {"indices": torch.arange(3), "calibration": ()})] * 2
    strategy.after_task(tasks)
    assert torch.equal(strategy.reservoir.kept["samples"][0], values)
    strategy.task_number = 2
    recalled = strategy.extend(torch.zeros(2, 50, 2))[:, 50:]
    expected = strategy.samples.batch(torch.arange(3).expand(2, -1))
    for replica in range(2):
        assert _rows(recalled[replica][None]) == _rows(expected[replica][None])


@pytest.mark.parametrize(
    "options", [{"samples": 0}, {"memory_bytes": 0}, {"ratio": 0.0}, {"ratio": float("nan")}]
)
def test_options_out_of_range(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        Replay(**options)


def test_bytes_that_hold_no_sample_are_refused_before_training() -> None:
    scenario = small_scenario()
    strategy = prepare(Replay(memory_bytes=16), scenario, [0])
    with pytest.raises(InputError, match="a sample of 9 bytes and a counter of 8, but got 16"):
        learn(strategy, [scenario], [0], 1)


def _calibrated(strategy: Replay, tasks: int = 3) -> tuple[Replay, Scenario]:
    scenario = small_scenario(calibration=0.3)
    prepare(strategy, scenario, SEEDS)
    for number in range(1, tasks + 1):
        learn(strategy, [scenario] * 2, SEEDS, number)
    return strategy, scenario


@pytest.mark.parametrize("kind", [Replay, DER, AGEM])
def test_a_fifth_of_what_is_stored_was_kept_aside_and_is_never_trained_on(kind: Any) -> None:
    strategy, scenario = _calibrated(kind(samples=20))
    aside, trained = (
        _rows(torch.cat([strategy.samples.batch(places) for places in own])[None])
        for own in (
            [task.calibration for task in scenario.tasks],
            [task.indices for task in scenario.tasks],
        )
    )
    given = strategy.stored_aside()
    assert given is not None
    x, counts, stands_for = given
    assert x.shape == (2, 4, 3, 3) and counts == [4, 4]
    assert stands_for == [sum(len(task.calibration) for task in scenario.tasks)] * 2
    assert _rows(x) <= aside and not _rows(x) & trained
    stored = strategy.samples.scaled(strategy.reservoir.kept["samples"])
    assert stored.shape[1] == 16 and _rows(stored) <= trained


@pytest.mark.parametrize("slots", [5, 12, 31])
def test_bytes_hold_both_reservoirs(slots: int) -> None:
    budget = slots * 9 + 8
    strategy, _ = _calibrated(Replay(memory_bytes=budget))
    kept = sum(own.nbytes for own in strategy.state_dict().values()) / 2
    assert budget - 9 - 8 < kept <= budget


def test_both_reservoirs_are_taken_back() -> None:
    strategy, _ = _calibrated(Replay(samples=20))
    other = Replay(samples=20)
    other.samples = strategy.samples
    other.load_state_dict(strategy.state_dict())
    one, same = strategy.stored_aside(), other.stored_aside()
    assert one is not None and same is not None
    assert torch.equal(one[0], same[0]) and one[1:] == same[1:]
    assert other.reservoir.kept.keys() == strategy.reservoir.kept.keys()
