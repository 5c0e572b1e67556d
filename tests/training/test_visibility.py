"""Samples that have not arrived are never trained on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from cl_anomaly.core.errors import InputError, RunError
from cl_anomaly.scenarios.base import Scenario
from cl_anomaly.scenarios.class_stream import build_scenario
from cl_anomaly.store.status import status_of
from cl_anomaly.strategies import Strategy
from cl_anomaly.training.learner import Learner
from cl_anomaly.training.visibility import Arrived
from tests.support.command import SMALL, cli, plain
from tests.support.learning import SETTINGS, learn, prepare, small_dataset, small_scenario, weights

# Of 10, 20, 30 and 25 samples in the small dataset.
ANOMALOUS, FIRST, SECOND, THIRD = range(10), range(10, 30), range(30, 60), range(60, 85)


class Sees(Strategy):
    """Sees, in a task, more than its own samples."""

    def __init__(self, more: dict[int, range], learnt: bool = False) -> None:
        self.more, self.learnt, self.has_learnt = more, learnt, False

    def training_indices(self, task: Any, seen: Any) -> Tensor:
        more = self.more.get(task.number, range(0))
        if self.learnt and not self.has_learnt:
            more = range(0)
        return torch.cat([task.indices, torch.tensor(list(more), dtype=torch.int64)])

    def after_task(self, tasks: Any) -> None:
        self.has_learnt = True


@pytest.mark.parametrize(
    ("task", "more", "words"),
    [
        (1, ANOMALOUS, "in task 1, with seed 3 .*: 10 of class 0, the anomaly class. Use"),
        (2, ANOMALOUS[:1], "in task 2, .*: 1 of class 0, the anomaly class"),
        (1, THIRD, "25 of class 3, which arrives with task 3"),
        (2, THIRD[:4], "4 of class 3, which arrives with task 3"),
        (1, range(85), "10 of class 0, .*; 30 of class 2, .*; 25 of class 3"),
    ],
)
def test_a_leak_in_any_task_is_refused_before_the_first(task: int, more: range, words: str) -> None:
    strategy, scenario = prepare(Sees({task: more}), small_scenario(), [3]), small_scenario()
    with pytest.raises(InputError, match=f"Expected Sees.training_indices .*{words}"):
        Learner(strategy, [3], [scenario], SETTINGS)


def test_a_leak_that_only_shows_once_something_is_learnt_is_refused_in_its_task() -> None:
    scenario = small_scenario()
    strategy = prepare(Sees({2: ANOMALOUS}, learnt=True), scenario, [3])
    learner = Learner(strategy, [3], [scenario], SETTINGS)
    learner.begin(1)
    learner.train(lambda *_: None)
    learner.conclude()
    before = weights(strategy)
    with pytest.raises(RunError, match=r"Sees.training_indices .*in task 2, .*10 of class 0,"):
        learner.begin(2)
    assert all(torch.equal(a, b) for a, b in zip(before, weights(strategy), strict=True))


def test_what_has_arrived_may_be_seen_again_and_twice() -> None:
    scenario = small_scenario()
    strategy = prepare(Sees({2: FIRST, 3: [*FIRST, *SECOND, *FIRST]}), scenario, [3])  # type: ignore[dict-item]
    for number in (1, 2, 3):
        learn(strategy, [scenario], [3], number)
    asked = torch.cat([batch.flatten() for batch in strategy.samples.__dict__["asked"]])
    assert asked.bincount(minlength=85)[:10].sum() == 0


def test_each_replica_has_its_own_order() -> None:
    dataset = small_dataset()
    scenarios = [build_scenario(dataset, 0, order) for order in ([1, 2, 3], [3, 2, 1])]
    strategy = prepare(Sees({1: FIRST}), scenarios[0], [3, 7])
    words = "with seed 7 and anomaly class 0, .*: 20 of class 1, which arrives with task 3"
    with pytest.raises(InputError, match=words):
        Learner(strategy, [3, 7], scenarios, SETTINGS)


def test_classes_of_no_task_and_samples_kept_aside_have_not_arrived() -> None:
    scenario = build_scenario(small_dataset(), 0, [1, 2])
    (first, second) = scenario.tasks
    aside = Scenario(
        scenario.dataset,
        0,
        (replace(first, indices=first.indices[5:]), second),
        scenario.test_indices,
        scenario.anomalies,
    )
    said = Arrived.by(aside, 1).others(torch.tensor([10, 11, 11, 70, 80, 20]))
    assert said == (
        "2 of class 1, which is kept out of task 1; 2 of class 3, which belongs to no task"
    )
    assert Arrived.by(aside, 1).others(torch.tensor([15, 29])) is None


def test_many_classes_are_counted_and_not_listed() -> None:
    scenario = build_scenario(small_dataset([5] * 9), 4)
    said = Arrived.by(scenario, 1).others(torch.arange(45))
    assert said is not None
    assert said.startswith("5 of class 4, the anomaly class; 5 of class 1, which arrives with task")
    assert said.endswith("and those of 5 more classes")


class LooksUp(Strategy):
    """Looks samples up by itself."""

    def __init__(self, hook: str, places: Tensor) -> None:
        self.hook, self.places = hook, places

    def extend(self, x: Tensor) -> Tensor:
        if self.hook == "extend":
            return torch.cat([x, self.samples.batch(self.places)], dim=1)
        return x

    def penalty(self, x: Tensor) -> float:
        return self.samples.batch(self.places).sum().item() if self.hook == "penalty" else 0.0

    def after_task(self, tasks: Any) -> None:
        if self.hook == "after_task":
            self.samples.batch(self.places)


@pytest.mark.parametrize("hook", ["extend", "penalty", "after_task"])
def test_samples_that_a_hook_looks_up_by_itself(hook: str) -> None:
    scenario = small_scenario()
    for places, words in (
        (torch.tensor([[12, 13], [14, 3]]), "1 of class 0, the anomaly class"),
        (torch.tensor([[12, 44], [14, 13]]), "1 of class 2, which arrives with task 2"),
    ):
        strategy = prepare(LooksUp(hook, places), scenario, [3, 7])
        with pytest.raises(RunError, match=f"LooksUp.{hook} to look up .*in task 1 .*{words}"):
            learn(strategy, [scenario] * 2, [3, 7], 1)
    strategy = prepare(LooksUp(hook, torch.tensor([[12, 13], [14, 15]])), scenario, [3, 7])
    learn(strategy, [scenario] * 2, [3, 7], 1)
    # The strategy has its own samples back.
    assert type(strategy.samples).__name__ == "Recording"


@pytest.mark.parametrize("hook", ["penalty", "after_task"])
def test_places_without_a_replica_axis(hook: str) -> None:
    dataset = small_dataset()
    scenarios = [build_scenario(dataset, 0, order) for order in ([1, 2, 3], [3, 2, 1])]
    strategy = prepare(LooksUp(hook, torch.tensor([12, 13, 84])), scenarios[0], [3, 7])
    learn(strategy, scenarios, [3, 7], 1)
    strategy = prepare(LooksUp(hook, torch.tensor([12, 44])), scenarios[0], [3, 7])
    with pytest.raises(RunError, match="1 of class 2, which arrives with task 2"):
        learn(strategy, scenarios, [3, 7], 1)


LEAKING = """
import torch

from cl_anomaly.strategies import Strategy


class Leaking(Strategy):
    def training_indices(self, task, seen):
        return torch.arange(len(self.samples))


class LeakingLater(Strategy):
    learnt = 0

    def training_indices(self, task, seen):
        return torch.arange(len(self.samples)) if self.learnt else task.indices

    def after_task(self, tasks):
        self.learnt = 1
"""


def test_the_command_refuses_it_before_there_is_a_folder(tmp_path: Path) -> None:
    file, out = tmp_path / "leaking.py", tmp_path / "results"
    file.write_text(LEAKING)
    done = cli("run", *SMALL, "--strategy", f"{file}:Leaking", "--out", out)
    assert done.code == 2
    assert "Leaking.training_indices" in done.err and "the anomaly class" in plain(done.err)
    assert not out.exists()


def test_a_later_leak_fails_the_run_in_its_task(tmp_path: Path) -> None:
    file, out = tmp_path / "leaking.py", tmp_path / "results"
    file.write_text(LEAKING)
    done = cli("run", *SMALL, "--strategy", f"{file}:LeakingLater", "--out", out, "--quiet")
    (folder,) = out.iterdir()
    assert done.code == 1
    assert status_of(folder).name == "failed"
    assert (
        "in task 2, with seed 0 and anomaly class 0, it gave others too" in status_of(folder).why[0]
    )
