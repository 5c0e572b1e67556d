"""What a run must not lose where it goes on: replicas that ended or failed, numbers drawn ahead."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from cl_anomaly import RunConfig
from cl_anomaly.core import randomness
from cl_anomaly.core.progress import Progress
from cl_anomaly.core.randomness import StepRandom
from cl_anomaly.core.state import PauseReason, State
from cl_anomaly.plan import build
from cl_anomaly.runs.checkpointing import Keeper
from cl_anomaly.runs.measurements import Failure
from cl_anomaly.runs.run import Run
from cl_anomaly.strategies import Strategy
from cl_anomaly.training.learner import Learner
from tests.support.learning import SETTINGS, prepare, small_scenario, weights
from tests.support.resuming import Recorder, kept, run_from

SEEDS = [3, 7, 9]
ORDERS = ([1, 2, 3], [2, 1, 3], [2, 3, 1])
"""Classes of 20, 30 and 25 samples: the first replica's first task ends after 5 steps of 8."""

SPOILED = """
import torch

from cl_anomaly.strategies import Strategy


class Spoiled(Strategy):
    def penalty(self, x):
        # The loss alone: gradients, weights and scores stay what they are.
        return torch.tensor([0.0, float("inf") if self.task_number == 1 else 0.0, 0.0])
"""


class _Spoiled(Strategy):
    """The second replica's loss is infinite at every step, and its gradient is not."""

    def penalty(self, x: Tensor) -> Tensor:
        return torch.tensor([0.0, float("inf"), 0.0])


def _learner(strategy: Strategy | None = None) -> Learner:
    scenarios = [small_scenario(task_order=order) for order in ORDERS]
    prepared = prepare(strategy or Strategy(), scenarios[0], SEEDS)
    return Learner(prepared, SEEDS, scenarios, SETTINGS)


def _broken_off(learner: Learner, step: int, folder: Path) -> State:
    """What is on the disk of a first task that was left after so many steps."""
    learner.begin(1)
    learner.train(
        lambda *_: None,
        lambda: PauseReason.END if learner.training.done == step else PauseReason.NONE,
    )
    assert learner.training.done == step
    return kept(learner.state(), folder)


@pytest.mark.parametrize("step", range(1, 8))
def test_replicas_that_ended_before_the_interruption_keep_the_weights_they_had(
    step: int, tmp_path: Path
) -> None:
    whole, again = _learner(), _learner()
    whole.begin(1)
    whole.train(lambda *_: None)
    assert whole.training.steps == [5, 8, 8]
    again.restore(_broken_off(_learner(), step, tmp_path), 1)
    again.train(lambda *_: None)
    for one, other in zip(weights(whole.strategy), weights(again.strategy), strict=True):
        assert torch.equal(one, other)


def test_replica_that_failed_before_the_interruption_has_failed_after_it(tmp_path: Path) -> None:
    state = _broken_off(_learner(_Spoiled()), 4, tmp_path)
    again = _learner(_Spoiled())
    again.restore(state, 1)
    assert again.training.failed == {1: (1, "its loss")}
    again.train(lambda *_: None)
    assert again.training.failed == {1: (1, "its loss")}, "and not after step 5"


def test_failures_of_earlier_tasks_stay(tmp_path: Path) -> None:
    file = tmp_path / "spoiled.py"
    file.write_text(SPOILED)
    config = {"dataset": "digits", "epochs": 2, "device": "cpu", "task_order": [1, 2]}
    config |= {"strategy": f"{file}:Spoiled", "seeds": SEEDS}
    whole = Recorder(tmp_path / "whole", every=3)
    expected = run_from(config, whole)
    failure = Failure(7, 1, 1, "its loss")
    assert expected.failures == [failure]
    assert str(failure).startswith("seed 7 failed in task 1, after step 1: its loss was not a ")
    assert len(whole.states) > 5
    for state in whole.states:
        found = run_from(config, Keeper(), state)
        assert found.failures == [failure]
        assert found.metrics.equals(expected.metrics)


def test_every_machine_that_a_run_went_on_on_is_named(tmp_path: Path) -> None:
    config = {"dataset": "digits", "strategy": "lower", "epochs": 1, "device": "cpu"}
    config |= {"task_order": [1, 2, 3]}
    state, result = None, None
    for machine in ("processor 1", "processor 2", "processor 3"):
        run = Run(build.prepare(RunConfig(**config)))
        run.environment = run.environment | {"processor": machine}
        if state:
            run.restore(state)
        keeper = Recorder(tmp_path / machine, every=1000)
        result = run.execute(Progress(), keeper)
        state = keeper.states[0]  # at the end of the first task that it learnt
    assert result
    assert result.environment["processor"] == "processor 1"
    named = [there["processor"] for there in result.timing["resumed_on"]]
    assert named == ["processor 2", "processor 3"]


def _draws(random: StepRandom, steps: int) -> list[Tensor]:
    drawn = []
    for _ in range(steps):
        random.next_step()
        values = [random.normal(8, 2).flatten(), random.integers(9, 3).flatten().float()]
        drawn.append(torch.cat(values).clone())
    return drawn


@pytest.mark.parametrize("before", [1, 3, 4, 5, 7, 8, 9, 16, 17])
def test_numbers_go_on_after_any_refill(
    before: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # 64 numbers ahead: for 4 steps of the one draw, and for 21 of the other.
    monkeypatch.setattr(randomness, "_BLOCK", 64)
    whole = StepRandom([3, 7], "noise", 1)
    _draws(whole, before)
    state = kept(whole.state(), tmp_path)
    again = StepRandom([3, 7], "noise", 1)
    again.restore(state)
    found, expected = _draws(again, 60), _draws(whole, 60)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)
    assert len(torch.stack(found).unique(dim=0)) == 60


def test_numbers_go_on_after_a_refill_of_the_real_size(tmp_path: Path) -> None:
    # As a run on MNIST draws them: 64 samples, 16 dimensions, for 128 steps at once.
    whole, again = (StepRandom([7], "noise", 1) for _ in range(2))
    for _ in range(200):
        whole.next_step()
        whole.normal(64, 16)
    again.restore(kept(whole.state(), tmp_path))
    for _ in range(200):
        for random in (whole, again):
            random.next_step()
        assert torch.equal(whole.normal(64, 16), again.normal(64, 16))


@pytest.mark.parametrize("step", [2, 5, 6, 7])
def test_training_goes_on_after_a_refill(
    step: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(randomness, "_BLOCK", 48)  # noise for 3 steps: 8 samples, 2 dimensions
    whole, again = _learner(), _learner()
    whole.begin(1)
    whole.train(lambda *_: None)
    again.restore(_broken_off(_learner(), step, tmp_path), 1)
    again.train(lambda *_: None)
    for one, other in zip(weights(whole.strategy), weights(again.strategy), strict=True):
        assert torch.equal(one, other)


def test_long_tasks_are_broken_off_anywhere_in_a_block_of_batches(tmp_path: Path) -> None:
    # 100 steps, of which 64 are looked up at once; the failures of each are looked for, too.
    def learner() -> Learner:
        own = _learner()
        own.settings = replace(SETTINGS, epochs=27)
        return own

    whole = learner()
    whole.begin(1)
    whole.train(lambda *_: None)
    assert max(whole.training.steps) == math.ceil(27 * 30 / 8)
    for step in (63, 64, 65, 100):
        again = learner()
        again.restore(_broken_off(learner(), step, tmp_path / str(step)), 1)
        again.train(lambda *_: None)
        for one, other in zip(weights(whole.strategy), weights(again.strategy), strict=True):
            assert torch.equal(one, other), step
