"""A run that goes on is the run that was never interrupted, to the last bit."""

import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from cl_anomaly import RunConfig, groups
from cl_anomaly.checkpoints import Checkpoints, Keeper, State, Wanted
from cl_anomaly.components import resolve
from cl_anomaly.experiment import Result, Run
from cl_anomaly.models import VAE
from cl_anomaly.progress import Progress
from cl_anomaly.strategies import strategies

SETTINGS = {"dataset": "digits", "epochs": 5, "device": "cpu", "model_options": {"beta": 0.5}}


class Recorder(Keeper):
    """Saves the state every few steps, and keeps it; ends the run after so many."""

    def __init__(self, folder: Path, every: int, most: int = 10**9) -> None:
        super().__init__()
        self.states: list[State] = []
        self._folder, self._every, self._most, self._asked = folder, every, most, 0

    def wanted(self) -> Wanted:
        self._asked += 1
        return Wanted.NOTHING if self._asked % self._every else Wanted.CHECKPOINT

    def keep(self, state: Any, where: str) -> None:
        # To the disk and back, as when a process ends and another goes on.
        checkpoints = Checkpoints(self._folder, "test")
        checkpoints.save(state())
        loaded = Checkpoints(self._folder, "test").load()
        assert loaded
        self.states.append(loaded)
        if len(self.states) == self._most:
            raise StopIteration


def _run(config: dict[str, Any], keeper: Keeper, state: State | None = None) -> Result:
    run = Run(resolve(RunConfig(**config)))
    if state:
        run.restore(state)
    return run.execute(Progress(), keeper)


def _position(state: State) -> tuple[Any, ...]:
    own = state.values["groups"]["groups"]
    return (state.values["task"], *(group.get("training", {}).get("done") for group in own))


def _same_state(one: State, other: State) -> None:
    assert one.tensors.keys() == other.tensors.keys()
    for name, tensor in one.tensors.items():
        assert torch.equal(tensor, other.tensors[name]), name


@pytest.fixture
def two_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    weights_of_one = sum(p.numel() for p in VAE((8, 8), [0]).parameters())
    monkeypatch.setattr(groups, "_CACHE_BYTES", 16 * weights_of_one * 2)


@pytest.mark.parametrize("order", ["ascending", "random"])
@pytest.mark.parametrize("name", strategies())
def test_every_state_leads_to_the_same_end(
    name: str, order: str, tmp_path: Path, two_groups: None
) -> None:
    # Three seeds in groups of two and one; with random orders, replicas end tasks at unlike steps.
    tasks = {"task_order": [3, 1, 2]} if order == "ascending" else {"classes_per_task": 3}
    config = SETTINGS | {"strategy": name, "seeds": [3, 7, 9], "task_order": order} | tasks
    if order == "random":
        config["task_order"] = "random"
    whole = Recorder(tmp_path / "whole", every=17)
    expected = _run(config, whole)
    positions = {_position(state): state for state in whole.states}
    assert len(whole.states) > 8
    for state in whole.states[:: max(1, len(whole.states) // 6)]:
        again = Recorder(tmp_path / "again", every=1000)
        found = _run(config, again, state)
        assert found.metrics.equals(expected.metrics)
        for weights in expected.weights:
            assert (found.weights[weights] == expected.weights[weights]).all(), weights
        # At each task's end: model, what the strategy keeps, and scores.
        for later in again.states:
            _same_state(later, positions[_position(later)])


@pytest.mark.parametrize("name", strategies())
def test_optimiser_and_generators_go_on_where_they_were(name: str, tmp_path: Path) -> None:
    config = SETTINGS | {"strategy": name, "seeds": [3, 7], "task_order": [1, 2], "epochs": 20}
    whole, again = (Recorder(tmp_path / place, every=9) for place in ("whole", "again"))
    _run(config, whole)
    middle = next(
        place
        for place, state in enumerate(whole.states)
        if state.values["task"] == 2 and "training" in state.values["groups"]["groups"][0]
    )
    _run(config, again, whole.states[middle])
    rest = whole.states[middle + 1 :]
    assert len(again.states) == len(rest) > 2
    assert any("adam" in key for key in rest[0].tensors)
    assert any("generators" in key for key in rest[0].tensors)
    assert any("before" in key for key in rest[0].tensors)
    for one, other in zip(rest, again.states, strict=True):
        assert _position(one) == _position(other)
        _same_state(one, other)


def test_other_threads_do_not_change_the_groups(
    tmp_path: Path, two_groups: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = SETTINGS | {"strategy": "gr", "seeds": 3, "task_order": [1, 2]}
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    whole = Recorder(tmp_path / "whole", every=20)
    expected = _run(config, whole)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    found = _run(config, Keeper(), whole.states[1])
    assert found.metrics.equals(expected.metrics)


def _command(when: str, number: int, out: Path, strategy: str) -> subprocess.CompletedProcess[str]:
    settings = "--dataset digits --epochs 6 --seeds 2 --task-order 2,1,3 --device cpu --quiet"
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", "tests.killing", when, str(number), "run", *settings.split()]
        + ["--strategy", strategy, "--out", str(out)],
        capture_output=True,
        text=True,
    )


def _moments(name: str) -> Iterator[tuple[str, int]]:
    # 24 or so steps a task, so that some fall into each; from a task's first to its last.
    numbers = random.Random(name)  # noqa: S311
    for _ in range(2):
        yield "step", numbers.randint(1, 30)
        yield "saved", numbers.randint(1, 3)
        yield "saving", numbers.randint(1, 3)
    yield "step", 1


@pytest.mark.slow
@pytest.mark.parametrize("name", strategies())
def test_killed_again_and_again_a_run_ends_with_the_same_bytes(name: str, tmp_path: Path) -> None:
    expected = _command("never", 0, tmp_path / "whole", name)
    assert expected.returncode == 0, expected.stderr
    killed = 0
    for when, number in _moments(name):
        done = _command(when, number, tmp_path / "killed", name)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        killed += done.returncode != 0
    assert killed >= 4
    done = _command("never", 0, tmp_path / "killed", name)
    assert done.returncode == 0, done.stderr
    folders = [next((tmp_path / place).iterdir()) for place in ("whole", "killed")]
    assert folders[0].name == folders[1].name
    for file in ("metrics.csv", "model.safetensors", "scores.npz", "summary.csv", "config.json"):
        assert (folders[0] / file).read_bytes() == (folders[1] / file).read_bytes(), file
    assert not (folders[1] / "checkpoints").exists()
