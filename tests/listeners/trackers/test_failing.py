"""Trackers that fail, hang or are missing: the run is the same, and one notice says why."""

import gc
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from cl_anomaly.listeners.trackers import client, following, missing_library
from cl_anomaly.listeners.trackers.base import TrackedRun, Tracker
from cl_anomaly.listeners.trackers.following import Following
from cl_anomaly.runs import run_events, tracking
from tests.support.command import SMALL, Done, cli, plain

pytestmark = pytest.mark.usefixtures("offered")

_SECONDS = 1.0
# They say when and how fast: no two runs have the same.
_OF_THIS_TIME = {
    "timing.json",
    "cost.json",
    "manifest.json",
    ".lock",
    ".tracked.json",
    "events.jsonl",
}


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "_SECONDS_AT_THE_END", _SECONDS)
    monkeypatch.setattr(client, "_SECONDS_AFTER_THE_RUN", 4 * _SECONDS)


def _run(out: Path, *arguments: str) -> tuple[Done, float]:
    started = time.process_time()
    # 2 seeds, so that what is written is not all of one replica.
    own = ["--strategy", "gr", "--seeds", "2", "--no-report", "--out", out, *arguments]
    done = cli("run", *SMALL, *own)
    assert done.code == 0, done.err
    return done, time.process_time() - started


def _content(out: Path) -> dict[str, str]:
    (folder,) = out.glob("digits*")
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name not in _OF_THIS_TIME and path.name[0] != "."
    }


@pytest.fixture(scope="module")
def untracked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("untracked")
    _run(out)
    return out


def _notices(done: Done) -> list[str]:
    """What each notice says; they are in frames."""
    return [plain(part) for part in done.err.split("Note")[1:]]


def _gone() -> bool:
    """Whether those that go on end by themselves, in the time that they have."""
    deadline = time.monotonic() + 30 * _SECONDS
    while any(own.poll() is None for own in client._still_running):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize(
    ("tracker", "says"),
    [
        ("raises", "ZeroDivisionError: as it always does"),
        ("raiseslater", "ZeroDivisionError: as it always does"),
        ("exits", "exit status 3"),
        ("hangs", "has not yet recorded the whole run"),
        ("hangslater", "has not yet recorded the whole run"),
        ("gone", "AttributeError"),
    ],
)
def test_the_run_is_the_same(
    tmp_path: Path, untracked: Path, tracker: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "hangs" not in tracker:
        # Long enough to be sure that it has failed, and is not only slow.
        monkeypatch.setattr(tracking, "_SECONDS_AT_THE_END", 60.0)
    done, _ = _run(tmp_path, "--track", tracker)
    assert _content(tmp_path) == _content(untracked)
    (notice,) = _notices(done)
    assert tracker in notice
    assert says in notice
    assert "noise" not in done.out + done.err
    assert _gone()


def test_neither_one_that_hangs_nor_one_that_raises_costs_the_run_much(tmp_path: Path) -> None:
    """Time of this process, whatever else the machine does; and of the end, on the clock."""
    alone = min(_run(tmp_path / f"alone-{n}")[1] for n in range(2))
    tracked = min(_run(tmp_path / n, "--track", n)[1] for n in ("hangslater", "raiseslater"))
    assert tracked < 1.4 * alone + 0.3
    started = time.monotonic()
    about = TrackedRun("0" * 8, "run", tmp_path / "s", {}, tmp_path)
    (tmp_path / "events.jsonl").touch()
    assert client.TrackerClient("hangs", about).close(time.monotonic() + 0.2)
    assert time.monotonic() - started < 10


def test_several_trackers_wait_no_longer_than_one(tmp_path: Path) -> None:
    started = time.monotonic()
    done, _ = _run(tmp_path / "one", "--track", "hangs")
    one, started = time.monotonic() - started, time.monotonic()
    done, _ = _run(tmp_path / "three", "--track", "hangs,hangslater,raises")
    assert time.monotonic() - started < 2 * one + 2
    assert len(_notices(done)) == 3
    assert _gone()


def test_a_missing_library_is_said_before_training(
    tmp_path: Path, untracked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "cl_anomaly.listeners.trackers.find_spec", lambda name: None if name == "mlflow" else 1
    )
    done, _ = _run(tmp_path, "--track", "mlflow")
    (notice,) = _notices(done)
    assert 'pip install "cl-anomaly[mlflow]"' in notice
    assert done.err.index("Note") < done.err.index("task 1/2")
    assert _content(tmp_path) == _content(untracked)
    assert missing_library("writes") is None
    assert missing_library("trackio") is None


def test_trackers_leave_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    _run(tmp_path / "out", "--track", "hangs,raises,writes")
    assert _gone()
    assert list((tmp_path / "temporary").glob("*")) == []


def test_a_run_that_is_interrupted_says_so_to_its_trackers(
    tmp_path: Path, patient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cl_anomaly.training.loop import TrainStep
    from tests.listeners.trackers.offered import written

    original = TrainStep.__call__

    def interrupted(self: TrainStep, *arguments: object) -> object:
        signal.raise_signal(signal.SIGTERM)
        return original(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(TrainStep, "__call__", interrupted)
    done = cli("run", *SMALL, "--quiet", "--out", tmp_path, "--track", "writes")
    assert done.code == 143
    (folder,) = tmp_path.glob("digits*")
    assert written(folder)[-1] == ["end", "interrupted"]
    monkeypatch.undo()


def test_nobody_is_warned_of_trackers_that_go_on(tmp_path: Path) -> None:
    """Python warns of a process that is forgotten while it runs."""
    code = (
        "import sys, time; from pathlib import Path\n"
        "from cl_anomaly.listeners.trackers import client\n"
        "from cl_anomaly.listeners.trackers.base import TrackedRun\n"
        "client._SECONDS_AFTER_THE_RUN = 1\n"
        "about = TrackedRun('0' * 8, 'run', Path(sys.argv[1]), {}, Path(sys.argv[1]))\n"
        "client.TrackerClient('hangs', about).close(time.monotonic())\n"
    )
    (tmp_path / "events.jsonl").touch()
    command = [sys.executable, "-W", "error", "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0
    assert done.stderr == ""
    gc.collect()


def test_an_error_of_our_own_ends_no_run(
    tmp_path: Path, untracked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(tracking, "_SECONDS_AT_THE_END", 60.0)
    for owner, name in ((tracking, "_about"), (run_events, "pictures_after")):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, fail)
            done, _ = _run(tmp_path / name, "--track", "writes")
        (notice,) = _notices(done)
        assert "ZeroDivisionError: ours" in notice
        assert _content(tmp_path / name) == _content(untracked)


def test_one_that_lags_behind_is_told_of_fewer_losses(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []

    class Slow(Tracker):
        def loss(self, step: int, value: float) -> None:
            told.append(step)

        def task(self, number: int, values: Mapping[str, float]) -> None:
            told.append(f"task {number}")

    own, clock = Following(Slow(), lambda error: None), [1000.0]
    monkeypatch.setattr(following.time, "time", lambda: clock[0])
    assert not own.start(TrackedRun("0" * 8, "run", Path(), {}, Path()))
    own.hear({"event": "task", "number": 1, "tasks": 2, "epochs": 1, "time": 900.0})
    own.hear(_loss(1, 900.0))  # written while it was starting
    clock[0] = 1031.0
    own.hear(_loss(2, 1000.5))
    own.hear({"event": "measured", "task": 1, "values": {"auroc": 0.5}, "time": 1000.5})
    own.hear(_loss(3, 1030.0))
    assert told == [1, "task 1", 3]


def _loss(step: int, when: float) -> dict[str, object]:
    return {"event": "update", "done": step, "total": 1000, "loss": 0.5, "time": when}
