"""What TensorBoard, MLflow and Trackio have of a run that was killed, read by their own readers.

MLflow and Trackio take minutes to install, so that the extra `test` is without them. `.ci/run`
installs them, and says so where it cannot; see `pytest -m trackers`.
"""

import hashlib
import json
import os
import signal
import statistics
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.listeners.trackers.test_following import killed, metrics
from tests.support.command import cli, plain, run_quietly

_GUARD = """
import os, sys

_HERE = {"localhost", "127.0.0.1", "::1", "0.0.0.0", "", None}

def _hear(event, arguments):
    address = arguments[1] if event == "socket.connect" else arguments
    # Not of a socket that is a file.
    if isinstance(address, tuple) and address[0] not in _HERE:
        with open(os.environ["NETWORK_LOG"], "a") as log:
            log.write(f"{event} {address[0]}\\n")
        raise OSError("no network in tests")

def _listen(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        _hear(event, arguments)

sys.addaudithook(_listen)
"""
_OF_THE_USER = (
    *("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK"),
    *("TRACKIO_DIR", "TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL", "HF_HUB_DISABLE_TELEMETRY"),
    # In tests and elsewhere where nobody looks, MLflow sends nothing of itself.
    *("PYTEST_CURRENT_TEST", "CI", "GITHUB_ACTIONS", "GITLAB_CI"),
)


def _tracker(name: str, *marks: Any) -> Any:
    missing = pytest.mark.skipif(
        find_spec(name) is None, reason=f'{name} is needed: pip install "cl-anomaly[{name}]"'
    )
    return pytest.param(name, marks=[missing, *marks])


_TRACKERS = [
    _tracker("tensorboard"),
    _tracker("mlflow", pytest.mark.trackers),
    _tracker("trackio", pytest.mark.trackers),
]


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let no Python process reach another machine; this file lists what was tried."""
    for name in _OF_THE_USER:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard" / "sitecustomize.py").write_text(_GUARD)
    monkeypatch.setenv("NETWORK_LOG", str(tmp_path / "network.log"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "guard"), prepend=os.pathsep)
    monkeypatch.syspath_prepend(tmp_path / "guard")
    return tmp_path / "network.log"


def _read(tracker: str, store: Path) -> list[dict[str, Any]]:
    """What there is in a store, by the library's own reader."""
    command = ["-W", "ignore", "-m", "tests.listeners.trackers.reading", tracker, str(store)]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _close(tracker: str, value: float) -> Any:
    """TensorBoard keeps single precision."""
    return pytest.approx(value, rel=1e-6 if tracker == "tensorboard" else 1e-14)


@pytest.mark.slow
@pytest.mark.parametrize("tracker", _TRACKERS)
def test_all_of_a_run_that_was_killed_is_there_once(
    tracker: str, tmp_path: Path, network: Path, patient: None
) -> None:
    out = tmp_path / "out"
    assert killed("step:3,saved:4", out, "--track", tracker) == [-signal.SIGKILL] * 2
    (folder,) = out.glob("digits*")
    done = cli("resume", folder, "--quiet")
    assert done.code == 0
    assert "tracker" not in plain(done.err)
    (own,) = _read(tracker, out / ".tracked")
    _check_numbers(tracker, own["scalars"], folder)
    _check_pictures(own["pictures"])
    assert own["settings"]["strategy.ratio"] == "proportional"
    assert float(own["settings"]["epochs"]) == 1
    if tracker != "tensorboard":  # which keeps no files
        assert own["files"] == {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in folder.iterdir()
            if path.name[0] != "." and path.name != "events.jsonl"
        }
    assert own.get("status", "FINISHED") == "FINISHED"
    assert not network.exists(), network.read_text()
    assert not list(Path.cwd().iterdir())


def _check_numbers(tracker: str, found: dict[str, list[list[float]]], folder: Path) -> None:
    steps, losses = zip(*found.pop("loss"), strict=True)
    assert list(steps) == sorted(set(steps))
    assert steps[-1] == 2000
    assert all(1 < loss < 100 for loss in losses)
    expected: dict[str, list[list[Any]]] = {}
    for (name, task), values in sorted(metrics(folder).items()):
        mean = _close(tracker, statistics.fmean(values))
        expected.setdefault(name, []).append([task, mean])
    assert found == expected
    assert len(found["auroc_seen/recon"]) == 2


def _check_pictures(found: dict[str, list[list[int]]]) -> None:
    steps = {name: [step for step, *_ in own] for name, own in found.items()}
    assert steps == {"samples": [1, 2], "reconstructions": [1, 2], "auroc_per_task": [2]}


def test_the_guard_of_the_network_would_note_it(network: Path) -> None:
    code = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode != 0
    assert "socket.getaddrinfo 192.0.2.1" in network.read_text()


@pytest.mark.slow
@pytest.mark.trackers
@pytest.mark.skipif(find_spec("mlflow") is None, reason="mlflow is needed")
def test_mlflow_goes_where_the_user_says(
    tmp_path: Path, network: Path, patient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'own' / 'mlflow.db'}")
    (tmp_path / "own").mkdir()
    run_quietly(tmp_path / "out", "--track", "mlflow")
    (own,) = _read("mlflow", tmp_path / "own")
    assert own["scalars"]["loss"]
    assert not list((tmp_path / "out" / ".tracked").glob("mlflow*"))
