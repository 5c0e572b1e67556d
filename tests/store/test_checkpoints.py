"""Checkpoints: two are kept, damage shows and costs one of them, and nothing in them runs code."""

import os
import pickle
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from cl_anomaly.core.errors import Interrupted, RunError
from cl_anomaly.core.state import PauseReason, State
from cl_anomaly.runs import checkpointing as keeping
from cl_anomaly.runs.checkpointing import Keeper
from cl_anomaly.runs.interrupts import StopRequest
from cl_anomaly.store.checkpoints import Checkpoints, last_position
from tests.support.faults import Malicious, failing


def _state(number: int) -> State:
    return State({"task": number, "tasks": 9}, {"x": torch.full((3, 2), float(number))})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With checkpoints of states 2 and 3."""
    own = Checkpoints(tmp_path / "checkpoints", "run")
    for number in (1, 2, 3):
        own.save(_state(number))
    return tmp_path / "checkpoints"


def _loaded(folder: Path) -> tuple[object, list[str]]:
    own = Checkpoints(folder, "run")
    state = own.load()
    if state is None:
        return None, own.refused
    assert torch.equal(state.tensors["x"], _state(state.values["task"]).tensors["x"])
    return state.values["task"], own.refused


def test_the_last_two_are_kept(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [
        "000002.json",
        "000002.safetensors",
        "000003.json",
        "000003.safetensors",
    ]
    assert _loaded(folder) == (3, [])
    assert last_position(folder) == {"task": 3, "tasks": 9}


def test_everything_comes_back_as_it_was(tmp_path: Path) -> None:
    whole = torch.arange(12.0).view(3, 4)
    tensors = {
        "whole": whole,
        "row": whole[1],
        "column": whole[:, 2],
        "transposed": whole.T,
        "same": whole,
        "rounded": whole.to(torch.bfloat16),
        "bytes": torch.tensor([0, 255], dtype=torch.uint8),
        "number": torch.tensor(7),
        "empty": torch.empty(0, 3),
        "nan": torch.tensor([float("nan"), float("-inf"), -0.0]),
        "parameter": torch.nn.Parameter(torch.ones(2)),
    }
    values = {"text": "é", "float": 0.1 + 0.2, "none": None, "list": [1, [2.5]], "true": True}
    own = Checkpoints(tmp_path / "checkpoints", "run")
    own.save(State(values, tensors))
    state = Checkpoints(tmp_path / "checkpoints", "run").load()
    assert state
    assert state.values == values
    assert state.tensors.keys() == tensors.keys()
    for name, tensor in tensors.items():
        found = state.tensors[name]
        assert found.dtype == tensor.dtype and found.shape == tensor.shape
        assert not found.requires_grad
        torch.testing.assert_close(found, tensor.detach(), rtol=0, atol=0, equal_nan=True)


def test_no_checkpoint_is_no_error(tmp_path: Path) -> None:
    assert _loaded(tmp_path / "gone") == (None, [])
    assert last_position(tmp_path / "gone") is None


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "flipped": _flip,
    "cut": lambda path: os.truncate(path, path.stat().st_size - 1),
    "empty": lambda path: path.write_bytes(b""),
    "missing": lambda path: path.unlink(),
    "previous": lambda path: shutil.copy(path.with_stem("000002"), path),
}


@pytest.mark.parametrize("ending", ["json", "safetensors"])
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_one_is_named_and_the_one_before_is_used(
    folder: Path, damage: Callable[[Path], object], ending: str
) -> None:
    path = folder / f"000003.{ending}"
    damage(path)
    number, refused = _loaded(folder)
    assert number == 2
    if damage is DAMAGE["missing"] and ending == "json":
        assert not refused, "as if it had never been taken"
    else:
        (sentence,) = refused
        assert f"{path} is damaged" in sentence
    # The run goes on, and its next checkpoint takes the place of the damaged one.
    own = Checkpoints(folder, "run")
    own.load()
    own.save(_state(4))
    assert _loaded(folder) == (4, [])
    assert len(list(folder.iterdir())) == 4
    assert _flip(sorted(folder.glob("*.json"))[-1]) is None
    assert _loaded(folder)[0] == 2


def test_every_flipped_byte_shows(folder: Path) -> None:
    for path in (folder / "000003.json", folder / "000003.safetensors"):
        whole = path.read_bytes()
        for place in range(len(whole)):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
            assert _loaded(folder)[0] == 2, (path.name, place)
        path.write_bytes(whole)
    assert _loaded(folder) == (3, [])


def test_those_of_another_run_or_place_are_refused(folder: Path, tmp_path: Path) -> None:
    assert Checkpoints(folder, "other").load() is None
    for ending in ("json", "safetensors"):
        (folder / f"000002.{ending}").rename(folder / f"000004.{ending}")
    number, (sentence,) = _loaded(folder)
    assert number == 3
    assert "000004.json is damaged: it belongs to another run, or to another place" in sentence


@pytest.mark.parametrize("ending", ["json", "safetensors"])
def test_a_pickle_is_not_executed(folder: Path, tmp_path: Path, ending: str) -> None:
    made = tmp_path / "made"
    pickled = pickle.dumps(Malicious(made))
    (folder / f"000003.{ending}").write_bytes(pickled)
    assert _loaded(folder)[0] == 2
    torch.save(Malicious(made), folder / f"000003.{ending}")
    assert _loaded(folder)[0] == 2
    assert not made.exists()
    pickle.loads(pickled)  # noqa: S301
    assert made.exists(), "it would have done something"


def test_one_that_cannot_be_written_leaves_those_before(folder: Path) -> None:
    for number in range(1, 100):
        own = Checkpoints(folder, "run")
        before = own.load()
        assert before
        calls: list[str] = []
        try:
            with failing(number, OSError(28, "No space left on device")) as calls:
                own.save(_state(before.values["task"] + 1))
        except RunError as error:
            assert "No space left on device" in str(error)
            assert str(folder) in str(error)
        else:
            break
        # The last or, where only the folder's fsync failed, the new one.
        found, refused = _loaded(folder)
        assert found in (before.values["task"], before.values["task"] + 1)
        assert not refused
        assert len(calls) == number
    else:
        raise AssertionError("every call failed")
    assert number > 6


def test_a_file_that_would_become_too_large_leaves_those_before(folder: Path) -> None:
    # A real limit of the operating system, in a process of its own.
    code = f"""
import resource, sys
from pathlib import Path
import torch
from cl_anomaly.store.checkpoints import Checkpoints
from cl_anomaly.core.state import State
from cl_anomaly.core.errors import RunError

own = Checkpoints(Path({str(folder)!r}), "run")
own.load()
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    own.save(State({{"task": 4}}, {{"x": torch.zeros(100_000)}}))
except RunError as error:
    sys.exit(f"said: {{error}}")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)  # noqa: S603
    assert done.returncode == 1
    assert "said: Could not write" in done.stderr and "File too large" in done.stderr
    assert _loaded(folder) == (3, [])
    assert len(list(folder.iterdir())) == 4


def test_killed_at_every_moment_of_saving_an_old_or_the_new_one_loads(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.support.saving", str(tmp_path / "checkpoints")]
    done = subprocess.run(command, capture_output=True, text=True)  # noqa: S603
    assert done.returncode == 0, done.stderr
    kills, in_the_middle = map(int, done.stdout.split())
    # Each of three checkpoints takes ten calls or more that change the disk.
    assert kills >= 30
    assert in_the_middle >= 10, "with a file that was half written, and not only between"


def test_saving_takes_a_small_share_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    # A clock that moves only here: each step takes 1 s, each checkpoint 3 s.
    now, saved = [0.0], []
    monkeypatch.setattr(keeping.time, "monotonic", lambda: now[0])

    class Slow(Checkpoints):
        def save(self, state: State) -> None:
            saved.append(now[0])
            now[0] += 3.0

    keeper = Keeper(Slow(Path("nowhere"), "run"))
    while now[0] < 1000:
        now[0] += 1.0
        if keeper.pause_reason() is PauseReason.CHECKPOINT:
            keeper.keep(State, "somewhere")
    assert saved == [10.0, 163.0, 316.0, 469.0, 622.0, 775.0, 928.0]
    assert keeper.seconds == 21.0 < 0.03 * now[0]


def test_a_signal_saves_first_and_then_ends(tmp_path: Path) -> None:
    stop, own = StopRequest(), Checkpoints(tmp_path / "checkpoints", "run")
    keeper = Keeper(own, stop)
    assert keeper.pause_reason() is PauseReason.NONE
    stop.signal = signal.SIGTERM
    assert keeper.pause_reason() is PauseReason.END
    with pytest.raises(Interrupted, match="in the middle") as caught:
        keeper.keep(lambda: _state(5), "in the middle")
    assert caught.value.exit_code == 143
    assert _loaded(tmp_path / "checkpoints") == (5, [])


def test_nothing_is_kept_where_nothing_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "_LEAST_SECONDS", -1.0)
    keeper = Keeper()
    assert keeper.pause_reason() is PauseReason.NONE
    keeper.keep(lambda: pytest.fail("asked for the state"), "anywhere")
