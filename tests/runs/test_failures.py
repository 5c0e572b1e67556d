"""A replica whose numbers are not finite ends; its neighbours do not notice."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from cl_anomaly import RunConfig, RunFolder, run
from cl_anomaly.runs.measurements import Failure
from cl_anomaly.store.status import status_of
from cl_anomaly.training import groups
from tests.support.command import SMALL, Done, cli, plain

SEEDS = [3, 7, 9]

# Spoils, in task TASK from its step STEP on, what belongs to seed 7.
SPOILING = """
import torch

from cl_anomaly.strategies import Strategy


class Spoiling(Strategy):
    def __init__(self, what: str = "", task: int = 2, step: int = 2, seeds: str = "7") -> None:
        self.what, self.task, self.step = what, task, step
        self.seeds = [int(seed) for seed in seeds.split("-")]
        self.steps = 0

    def spoiled(self, what):
        # Which of the replicas, (R,): the generators' seeds are all that a strategy sees of them.
        if self.what != what or self.task_number != self.task or self.steps < self.step:
            return torch.zeros(len(self.random._generators), dtype=torch.bool)
        from cl_anomaly.core.randomness import generator

        own = [numbers.initial_seed() for numbers in self.random._generators]
        name = "strategy" if hasattr(self.random, "next_step") else "after task"
        bad = [generator(seed, name, self.task).initial_seed() for seed in self.seeds]
        return torch.tensor([seed in bad for seed in own])

    def extend(self, x):
        self.steps = self.steps + 1 if self.task_number == self.task else 0
        x = x.clone()
        x[self.spoiled("data")] = float("nan")
        return x

    def penalty(self, x):
        loss = torch.where(self.spoiled("loss"), float("inf"), 0.0)
        for name, weight in self.model.named_parameters():
            small = name.endswith("bias")
            # The square root of 0 is 0; its gradient is not finite.
            part = (0 * weight).flatten(1).sum(1)
            if self.spoiled("gradient" if small else "large gradient").any():
                chosen = self.spoiled("gradient" if small else "large gradient")
                loss = loss + torch.where(chosen, part, 1.0).sqrt() - torch.where(chosen, 0.0, 1.0)
        return loss

    @torch.no_grad()
    def after_task(self, tasks):
        self.steps = self.step
        for parameter in self.model.parameters():
            parameter[self.spoiled("score")] = float("inf")
        self.steps = 0
"""


@pytest.fixture(scope="module")
def strategy(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("spoiling") / "spoiling.py"
    file.write_text(SPOILING)
    return f"{file}:Spoiling"


def _run(strategy: str, **options: object) -> RunFolder:
    config = RunConfig(
        dataset="digits",
        epochs=2,
        device="cpu",
        task_order=[1, 2, 3],
        seeds=SEEDS,
        strategy=strategy,
        strategy_options=options,
    )
    return run(config)


@pytest.fixture(scope="module")
def healthy(strategy: str) -> RunFolder:
    return _run(strategy)


@pytest.mark.parametrize("most", [1, 2, 3])
@pytest.mark.parametrize(
    ("what", "failure"),
    [
        ("data", Failure(7, 2, 2, "its loss")),
        ("loss", Failure(7, 2, 2, "its loss")),
        ("gradient", Failure(7, 2, 2, "a gradient")),
        ("large gradient", Failure(7, 2, 3, "its loss")),
        ("score", Failure(7, 2, None, "the score `recon`")),
    ],
)
def test_one_replica_ends_and_the_others_go_on(
    what: str,
    failure: Failure,
    most: int,
    strategy: str,
    healthy: RunFolder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Alone in its group, with one other, with both.
    monkeypatch.setattr(groups, "group_sizes", lambda *_: [most] * (3 // most) + [1] * (3 % most))
    monkeypatch.setattr("cl_anomaly.plan.assemble.group_sizes", groups.group_sizes)
    result = _run(strategy, what=what)
    assert result.failures == [failure]
    expected = healthy.metrics[(healthy.metrics["seed"] != 7) | (healthy.metrics["task"] < 2)]
    keys = [name for name in expected.columns if name != "value"]
    found = result.metrics.reset_index(drop=True)
    assert found[keys].equals(expected[keys].reset_index(drop=True))
    np.testing.assert_allclose(found["value"], expected["value"], atol=2e-3)
    for scores in result.scores.values():
        assert np.isnan(scores[1, 1:]).all()
        assert np.isfinite(np.delete(scores, 1, axis=0)).all()
        assert np.isfinite(scores[1, 0]).all()


def test_neighbours_in_the_same_group_get_the_same_bits(strategy: str, healthy: RunFolder) -> None:
    found, expected = (
        result.metrics.query("seed != 7")["value"].tolist()
        for result in (_run(strategy, what="data"), healthy)
    )
    assert found == expected


def test_weight_that_fails_in_the_last_step_of_a_task(strategy: str) -> None:
    # 127 samples, two epochs, 32 in a batch: 8 steps.
    (failure,) = _run(strategy, what="large gradient", task=1, step=8).failures
    assert failure == Failure(7, 1, 8, "a weight")


@pytest.mark.parametrize("step", [64, 65, 130])
def test_the_step_is_named_in_long_tasks(strategy: str, step: int) -> None:
    config = RunConfig(
        dataset="digits",
        epochs=40,
        device="cpu",
        task_order=[1],
        seeds=SEEDS,
        strategy=strategy,
        strategy_options={"what": "loss", "task": 1, "step": step},
    )
    (failure,) = run(config).failures
    assert failure == Failure(7, 1, step, "its loss")


def test_run_of_which_no_replica_is_left_ends(strategy: str) -> None:
    steps: list[int] = []
    original = torch.optim.Adam.step

    def counting(self: torch.optim.Adam, closure: Callable[[], Tensor] | None = None) -> object:
        steps.append(1)
        return original(self, closure)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.Adam, "step", counting)
        config = RunConfig(
            dataset="digits",
            epochs=200,
            device="cpu",
            task_order=[1, 2, 3],
            seeds=[7],
            strategy=strategy,
            strategy_options={"what": "loss"},
        )
        result = run(config)
    assert [failure.task for failure in result.failures] == [2]
    assert result.metrics["task"].unique().tolist() == [1, 0]
    assert len(steps) <= 800 + 64, "task 1, and what passes before it is noticed"


def _performed(strategy: str, out: Path, **options: object) -> tuple[Done, Path]:
    flags = [f"--strategy.{name}={value}" for name, value in options.items()]
    done = cli("run", *SMALL, "--strategy", strategy, "--seeds", "3,7,9", "--out", out, *flags)
    (folder,) = out.iterdir()
    return done, folder


def test_the_command_says_who_failed_and_exits_with_1(strategy: str, tmp_path: Path) -> None:
    done, folder = _performed(strategy, tmp_path, what="data")
    assert done.code == 1
    sentence = "seed 7 failed in task 2, after step 2: its loss was not a finite number."
    assert f"error: {sentence}" in done.err
    status = status_of(folder)
    assert status.name == "failed"
    assert status.why[0].startswith(sentence)
    seeds = pd.read_csv(folder / "metrics.csv").groupby("task")["seed"].unique()
    assert [sorted(own) for own in seeds] == [[3, 7, 9], [3, 7, 9], [3, 9]], "tasks 0, 1 and 2"
    summary = pd.read_csv(folder / "summary.csv")
    assert summary.query("metric == 'auroc_seen'")["seeds"].tolist() == [3] * 5 + [2] * 5
    assert set(summary.query("metric == 'average'")["seeds"]) == {2}
    shown = cli("runs", "--out", tmp_path).out
    assert "failed" in shown
    # The same would come of it again: it is shown, and not repeated.
    again, _ = _performed(strategy, tmp_path, what="data")
    assert again.code == 1
    assert "not repeated" in plain(again.out)
    assert sentence in again.err


@pytest.mark.parametrize("task", [1, 2])
def test_the_command_where_all_failed(strategy: str, tmp_path: Path, task: int) -> None:
    done, folder = _performed(strategy, tmp_path, what="loss", task=task, seeds="3-7-9")
    assert done.code == 1
    assert done.err.count(f"failed in task {task}, after step 2") == 3
    assert "Traceback" not in done.err
    assert status_of(folder).name == "failed"
    assert set(pd.read_csv(folder / "metrics.csv")["task"]) == ({0, 1} if task == 2 else set())


def test_a_comparison_goes_on_beside_it(strategy: str, tmp_path: Path) -> None:
    suite = tmp_path / "suite.toml"
    suite.write_text(
        f'[runs.bad]\nstrategy = "{strategy}"\nstrategy_options = {{ what = "loss", task = 1 }}\n'
        f'[runs.half]\nstrategy = "{strategy}"\nstrategy_options = {{ what = "loss" }}\n'
        '[runs.good]\nstrategy = "lower"\n'
    )
    settings = ("--suite", suite, "--trust", "--seeds", "7,", "--out", tmp_path / "out")
    done = cli("compare", *SMALL, *settings)
    assert done.code == 1
    assert "bad failed: seed 7 failed in task 1" in done.err
    assert "half failed: seed 7 failed in task 2" in done.err
    (comparison,) = (tmp_path / "out").glob("digits-compare*")
    table = pd.read_csv(comparison / "metrics.csv")
    assert table.groupby("run")["task"].max().to_dict() == {"half": 1, "good": 2}
