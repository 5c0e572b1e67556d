"""Runs on disk: how they are doing, and of which format they are."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cl_anomaly.core.json_files import write_json
from cl_anomaly.core.state import State
from cl_anomaly.store.checkpoints import Checkpoints
from cl_anomaly.store.files import locked, read_sealed, write_sealed
from cl_anomaly.store.status import find_runs
from tests.support.command import cli, plain, run_quietly
from tests.support.folders import begun


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_quietly(tmp_path_factory.mktemp("finished"), "--strategy", "lower")


def _statuses(out: Path) -> dict[str, tuple[str, str]]:
    return {s.folder.name: (s.name, "; ".join(s.why)) for s in find_runs(out)}


def test_runs_are_listed_with_their_status(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finished, tmp_path / "done")
    for name in ("begun", "going"):
        shutil.copytree(finished, tmp_path / name)
        manifest = tmp_path / name / "manifest.json"
        write_sealed(manifest, read_sealed(manifest) | {"complete": False})
    (tmp_path / "begun" / "status.json").write_text('{"status": "running", "why": []}')
    (tmp_path / "broken").mkdir()
    shutil.copytree(tmp_path / "begun", tmp_path / "broken", dirs_exist_ok=True)
    (tmp_path / "broken" / "status.json").write_text('{"status": "failed", "why": ["no memory"]}')
    (tmp_path / "notes").mkdir()
    with locked(tmp_path / "going"):
        assert _statuses(tmp_path) == {
            "done": ("finished", ""),
            "begun": ("interrupted", "at its beginning"),
            "going": ("running", "at its beginning"),
            "broken": ("failed", "no memory"),
        }
        monkeypatch.chdir(tmp_path)
        shown = cli("runs", "--out", ".").out
    for word in ("done", "interrupted", "running", "no memory"):
        assert word in shown
    assert cli("plot", tmp_path / "begun").code == 2
    assert "cl-anomaly resume" in cli("plot", tmp_path / "begun").err


def test_a_run_of_which_nothing_was_saved_begins_anew(finished: Path, tmp_path: Path) -> None:
    folder = begun(finished, tmp_path / finished.name)
    done = cli("resume", folder)
    assert done.code == 0, done.err
    assert "has no checkpoint" in plain(done.err)
    assert ": task 1/2" in done.err


def test_a_folder_without_runs(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "gone"):
        assert cli("runs", "--out", folder).out == f"There are no runs in {folder}.\n"


def test_the_list_of_runs_does_not_wait_for_pytorch(finished: Path) -> None:
    code = (
        "import sys\nfrom cl_anomaly.cli.main import main\n"
        f"main(['runs', '--out', {str(finished.parent)!r}])\nassert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)  # noqa: S603
    assert done.returncode == 0, done.stderr
    assert "finished" in done.stdout


@pytest.mark.parametrize(
    ("found", "said"),
    [(2, "is of format 2, and this version of cl-anomaly reads format 1"), (None, "does not say")],
)
def test_another_format_is_refused_by_name(
    finished: Path, tmp_path: Path, found: int | None, said: str
) -> None:
    folder = Path(shutil.copytree(finished, tmp_path / "run"))
    manifest = folder / "manifest.json"
    content = json.loads(manifest.read_text())
    assert content.pop("format") == 1
    write_json(manifest, content if found is None else {"format": found, **content})
    for command in (("plot", folder), ("resume", folder), ("report", folder)):
        done = cli(*command)
        assert done.code == 2
        assert f"{manifest} {said}" in plain(done.err)
    assert "damaged" in cli("runs", "--out", tmp_path).out


def test_a_checkpoint_of_another_format_is_refused(tmp_path: Path) -> None:
    Checkpoints(tmp_path, "a run").save(State({"task": 1}))
    file = tmp_path / "000001.json"
    file.write_text(file.read_text().replace('"format": 1', '"format": 2'))
    checkpoints = Checkpoints(tmp_path, "a run")
    assert checkpoints.load() is None
    (refused,) = checkpoints.refused
    assert "is of format 2" in refused
