from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from cl_anomaly.data.samples import Samples
from cl_anomaly.data.scaling import Scaling
from cl_anomaly.errors import InputError
from cl_anomaly.randomness import ReplicaRandom
from cl_anomaly.strategies.replay import Replay
from tests.learning import learn, prepare, small_scenario

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
    assert strategy.recall(5) is None


def test_joined_samples_are_real_ones_of_all_past_tasks() -> None:
    strategy, tasks = _after(Replay(samples=30), 2), small_scenario().tasks
    strategy.task_number = 3
    x = torch.rand(2, 400, 3, 3)
    joined = strategy.extend(x)[:, 400:]
    own = [_rows(strategy.samples.batch(task.indices)[None]) for task in tasks]
    drawn = _rows(joined)
    assert drawn <= own[0] | own[1]
    assert drawn & own[0] and drawn & own[1]
    recalled = strategy.recall(100)
    assert recalled is not None and recalled.shape == (2, 100, 3, 3)
    assert _rows(recalled) <= own[0] | own[1]


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
        assert strategy.state_dict()["samples"].dtype == torch.uint8


def test_budget_that_is_never_exceeded_is_not_filled_with_nothing() -> None:
    # 20 samples of task 1 have come, and the reservoir would hold 500.
    assert _after(Replay(), 1).state_dict()["samples"].shape == (2, 20, 3, 3)


def test_stored_values_are_scaled_as_the_datasets_are() -> None:
    # Values that do not lie in [0, 1]: each replica has a range of its own.
    values = torch.tensor([[0.0, 10.0], [5.0, 30.0], [10.0, 20.0]])
    scaling = Scaling(torch.tensor([[0.0, 10.0], [5.0, 0.0]]), torch.tensor([[10.0, 30.0]] * 2))
    strategy = Replay()
    strategy.samples = Samples(values, 1.0, scaling)
    strategy.random = ReplicaRandom(SEEDS, "test")
    tasks: Any = [type("T", (), {"indices": torch.arange(3)})] * 2
    strategy.after_task(tasks)
    assert torch.equal(strategy.reservoir.kept["samples"][0], values)
    recalled = strategy.recall(50)
    assert recalled is not None
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
