"""`cl-anomaly remove`: what the program wrote goes, after a question, and nothing else."""

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cl_anomaly.core.state import State
from cl_anomaly.store.checkpoints import Checkpoints
from cl_anomaly.store.files import locked, read_sealed, write_sealed
from tests.support.command import cli, run_quietly
from tests.support.folders import begun
from tests.support.made_up import made_up_comparison, made_up_run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_quietly(tmp_path_factory.mktemp("made"), "--strategy", "lower")


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "results" / "run"))


def test_a_run_is_shown_and_removed(run: Path) -> None:
    size = sum(path.stat().st_size for path in run.iterdir())
    done = cli("remove", run, "--yes")
    assert done.code == 0, done.err
    assert f"{run}: finished, {size / 1e6:.2f} MB" in done.out
    assert f"removed: {run}" in done.out
    assert list(run.parent.iterdir()) == []


def test_without_a_terminal_it_refuses(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    before = sorted(run.iterdir())
    done = cli("remove", run)
    assert done.code == 2
    assert "`--yes`" in done.err
    assert sorted(run.iterdir()) == before


@pytest.mark.parametrize(("answer", "goes"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_on_a_terminal_it_asks(run: Path, answer: str, goes: bool) -> None:
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "cl_anomaly", "remove", str(run)]
    asked = subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE)  # noqa: S603
    os.write(ours, answer.encode())
    shown, _ = asked.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert b"Remove this folder" in shown
    assert (b"Nothing was removed" in shown) is not goes
    assert run.exists() is not goes


def test_who_uses_a_run_is_said(tmp_path: Path) -> None:
    runs = {name: made_up_run(tmp_path, name) for name in ("ewc", "lower")}
    comparison = made_up_comparison(tmp_path, runs)
    done = cli("remove", runs["ewc"], "--yes")
    assert f"a run of {comparison}, which stays without it" in done.out
    done = cli("remove", runs["lower"], comparison, "--yes")
    assert f"a run of {comparison}, which is removed, too" in done.out
    assert list(tmp_path.iterdir()) == []


def _foreign_file(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")


def _foreign_folder(folder: Path) -> None:
    (folder / "figures").mkdir()


def _among_checkpoints(folder: Path) -> None:
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "mine.txt").write_text("mine")


def _linked_checkpoints(folder: Path) -> None:
    (folder.parent / "elsewhere").mkdir()
    (folder / "checkpoints").symlink_to(folder.parent / "elsewhere")


def _no_configuration(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def _damaged_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text("{}")


@pytest.mark.parametrize(
    "change",
    [
        _foreign_file,
        _foreign_folder,
        _among_checkpoints,
        _linked_checkpoints,
        _no_configuration,
        _damaged_manifest,
    ],
)
def test_a_folder_with_anything_else_stays(run: Path, made: Path, change) -> None:  # noqa: ANN001
    change(run)
    other = Path(shutil.copytree(made, run.parent / "other"))
    before = sorted(run.parent.rglob("*"))
    done = cli("remove", other, run, "--yes")
    assert done.code == 2
    assert "remove the folder by hand" in done.err
    # Not the other one, either: all or none.
    assert sorted(path for path in run.parent.rglob("*") if path.name != ".lock") == [
        path for path in before if path.name != ".lock"
    ]


def test_what_is_no_folder_of_a_run_is_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(run)
    for place in ("empty", "link", "gone"):
        done = cli("remove", tmp_path / place, "--yes")
        assert done.code == 2, place
    assert run.exists() and (tmp_path / "empty").exists()


def test_what_a_process_writes_stays(run: Path) -> None:
    manifest = run / "manifest.json"
    write_sealed(manifest, read_sealed(manifest) | {"complete": False})
    with locked(run):
        done = cli("remove", run, "--yes")
    assert done.code == 1
    assert "A process is writing" in done.err
    assert (run / "metrics.csv").exists()
    assert cli("remove", run, "--yes").code == 0
    assert not run.exists()


def test_an_interrupted_run_goes_with_its_checkpoints(run: Path, tmp_path: Path) -> None:
    folder = begun(run, tmp_path / "interrupted")
    Checkpoints(folder / "checkpoints", "a run").save(State({"task": 1, "tasks": 2}))
    assert list((folder / "checkpoints").iterdir())
    strangers = {path.name for path in folder.iterdir()}
    done = cli("remove", folder, "--yes")
    assert done.code == 0, (done.err, strangers)
    assert not folder.exists()


def test_a_damaged_run_can_be_removed(run: Path) -> None:
    (run / "scores.npz").write_bytes(b"")
    (run / "config.json").unlink()
    done = cli("remove", run, "--yes")
    assert done.code == 0, done.err
    assert "damaged" in done.out
    assert not run.exists()


def test_a_removal_that_was_cut_short_goes_on(run: Path) -> None:
    # The manifest goes last: it says what is left.
    for path in run.iterdir():
        if path.name not in ("manifest.json", "config.json"):
            path.unlink()
    assert cli("remove", run, "--yes").code == 0
    assert not run.exists()


def test_a_run_that_was_killed_at_its_first_file(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"strategy": "gr"}))
    assert cli("remove", folder, "--yes").code == 0
    assert not folder.exists()
