"""What a strategy's hooks must give, and what is said of one that does not."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from cl_anomaly.core.errors import InputError, RunError
from cl_anomaly.store.status import find_runs, status_of
from cl_anomaly.strategies import Strategy, find_strategy
from tests.support.command import SMALL, Done, cli, plain
from tests.support.learning import learn, prepare, small_scenario


class Given(Strategy):
    """Gives from each hook what a test wants."""

    def __init__(self, **given: Any) -> None:
        self.given = given

    def extend(self, x: Tensor) -> Tensor:
        return self.given.get("extend", lambda x: x)(x)

    def penalty(self, x: Tensor) -> Tensor | float:
        return self.given.get("penalty", lambda model: 0.0)(self.model)


def _learn(strategy: Strategy, task: int = 1) -> Strategy:
    scenario = small_scenario()
    learn(prepare(strategy, scenario, [3, 7]), [scenario] * 2, [3, 7], task)
    return strategy


@pytest.mark.parametrize(
    ("extend", "got"),
    [
        (lambda x: None, "None"),
        (lambda x: x.numpy(), "a ndarray"),
        (lambda x: x[:, :0], r"\(2, 0, 3, 3\), float32"),
        (lambda x: x.flatten(2), r"\(2, 8, 9\)"),
        (lambda x: x[:1], r"\(1, 8, 3, 3\)"),
        (lambda x: x[0], r"\(8, 3, 3\)"),
        (lambda x: x.double(), "float64"),
        (lambda x: x.to(torch.complex64), "complex64"),
        (lambda x: (255 * x).to(torch.uint8), "uint8"),
        (lambda x: x.to("meta"), "on meta"),
    ],
)
def test_extend_that_gives_no_batch(extend: Any, got: str) -> None:
    words = rf"Given.extend to turn \(2, 8, 3, 3\), float32 on cpu into .* task 1 it gave .*{got}"
    with pytest.raises(RunError, match=words):
        _learn(Given(extend=extend))


@pytest.mark.parametrize(
    ("penalty", "got"),
    [
        (lambda model: None, "None"),
        (lambda model: np.zeros(2), "a ndarray"),
        (lambda model: [0.0, 0.0], "a list"),
        (lambda model: torch.zeros(2, 1), r"\(2, 1\)"),
        (lambda model: torch.zeros(()), r"\(\)"),
        (lambda model: torch.zeros(2, dtype=torch.complex64), "complex64"),
        (lambda model: torch.zeros(2, dtype=torch.int64), "int64"),
        (lambda model: torch.zeros(2, device="meta"), "on meta"),
    ],
)
def test_penalty_that_is_no_number_for_each_replica(penalty: Any, got: str) -> None:
    with pytest.raises(
        RunError, match=rf"Given.penalty .*\(2,\).* task 1 it gave .*{got}.*flatten"
    ):
        _learn(Given(penalty=penalty))


def test_what_is_wrong_in_a_later_step_is_seen_in_that_step() -> None:
    class LaterEmpty(Strategy):
        steps = 0

        def extend(self, x: Tensor) -> Tensor:
            self.steps += 1
            return x[:, :0] if self.steps == 4 else x

    scenario, losses = small_scenario(), []
    strategy = prepare(LaterEmpty(), scenario, [3])
    with pytest.raises(RunError, match=r"LaterEmpty.extend .*\(1, 0, 3, 3\)"):
        learn(strategy, [scenario], [3], 1, losses)
    assert len(losses) == 3


RAISING = """
import torch

from cl_anomaly.strategies import Strategy


def helper(x):
    return torch.cat([x, None])


class Raising(Strategy):
    def __init__(self, hook: str = "") -> None:
        self.hook = hook

    def training_indices(self, task, seen):
        return helper(task.indices) if self.hook == "training_indices" else task.indices

    def extend(self, x):
        return helper(x) if self.hook == "extend" else x

    def penalty(self, x):
        return helper(torch.zeros(2)) if self.hook == "penalty" else 0.0

    def after_task(self, tasks):
        if self.hook == "after_task":
            helper(tasks[0].indices)

    def state_dict(self):
        return helper(torch.zeros(2)) if self.hook == "state_dict" else {}


class Missing(Strategy):
    def penalty(self):
        return 0.0
"""


def _run(file: Path, name: str, *options: str) -> tuple[Done, str]:
    """Run a strategy of a file; returns why its folder says that it failed."""
    out = file.parent / "results"
    done = cli("run", *SMALL, "--strategy", f"{file}:{name}", "--out", out, "--quiet", *options)
    (folder,) = out.iterdir()
    status = status_of(folder)
    assert (done.code, status.name) == (1, "failed")
    assert status.why[0] in plain(done.err)
    return done, status.why[0]


@pytest.mark.parametrize(
    "hook", ["training_indices", "extend", "penalty", "after_task", "state_dict"]
)
def test_an_error_is_named_with_the_line_of_the_strategys_file(hook: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(RAISING)
    _, why = _run(file, "Raising", "--strategy.hook", hook)
    assert why.startswith("in task 1: TypeError: ")
    assert why.endswith(f"({file}, line 8, in helper), raised by Raising.{hook}")


def test_a_hook_that_does_not_take_what_it_is_given_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(RAISING)
    done = cli("run", *SMALL, "--strategy", f"{file}:Missing", "--out", tmp_path / "results")
    assert done.code == 2
    assert f"Expected `penalty` of Missing in {file} to take (self, x)" in done.err


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("penalti", "penalty"),
        ("after_taks", "after_task"),
        ("extned", "extend"),
        ("training_index", "training_indices"),
        ("statedict", "state_dict"),
    ],
)
def test_a_misspelt_hook_is_refused_with_the_right_name(
    written: str, meant: str, tmp_path: Path
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from cl_anomaly.strategies import Strategy\n"
        f"class Mine(Strategy):\n    def {written}(self, *_):\n        pass\n"
    )
    with pytest.raises(InputError, match=f"Mine in {file} .*`{written}` is none.*`{meant}`"):
        find_strategy(f"{file}:Mine")
    done = cli("run", *SMALL, "--strategy", f"{file}:Mine", "--out", tmp_path / "results")
    assert done.code == 2
    assert not find_runs(tmp_path / "results")


def test_methods_of_a_strategys_own_are_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from cl_anomaly.strategies import Strategy\n"
        "class Mine(Strategy):\n"
        "    extension = 3\n"
        "    def importance(self): ...\n"
        "    def _penalty_of_past(self): ...\n"
        "    def penalty(self, x): return 0.0\n"
    )
    assert find_strategy(f"{file}:Mine").name == "Mine"
