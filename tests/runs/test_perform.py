"""A run has one folder, is not repeated, and is never taken for another one."""

import json
import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from cl_anomaly.store.files import locked
from cl_anomaly.store.status import find_runs, status_of
from tests.support.command import SMALL, Done, cli, config_of, plain

LOWER = ("run", *SMALL, "--strategy", "lower", "--quiet")

STRATEGY = """
from cl_anomaly.strategies import Strategy


class Mine(Strategy):
    amount = 5

    def training_indices(self, task, seen):
        return task.indices[: 50 + self.amount]
"""

STOPS = """
import os
import signal

from cl_anomaly.strategies import Strategy


class Stops(Strategy):
    def extend(self, x):
        if not os.environ.get("GO_ON"):
            os.kill(os.getpid(), signal.SIGTERM)
        return x
"""

KEEPS_WITHOUT_SAYING = """
import os
import signal

from cl_anomaly.strategies import Strategy


class Keeps(Strategy):
    def after_task(self, tasks):
        self.copies = [parameter.clone() for parameter in self.model.parameters()]
        os.kill(os.getpid(), signal.SIGTERM)
"""


def run(out: Path, *arguments: str | Path, code: int = 0) -> Done:
    done = cli(*LOWER, "--out", out, *arguments)
    assert done.code == code, done.err
    return done


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_finished_run_is_shown_and_not_repeated(tmp_path: Path) -> None:
    folder = run(tmp_path).last_line
    before = content(folder)
    stamps = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    shown = cli(*LOWER[:-1], "--out", tmp_path)
    assert shown.code == 0
    first, rest = shown.out.split("\n", 1)
    finished = datetime.fromisoformat(json.loads((folder / "timing.json").read_text())["finished"])
    assert abs(datetime.now(UTC) - finished) < timedelta(days=1)
    when = finished.astimezone().strftime("%Y-%m-%d %H:%M")
    assert first == f"Results from {when}, not repeated: {folder}. `--again` repeats it."
    assert "AUROC after each task" in rest and str(folder) in rest
    assert "not repeated" in run(tmp_path).err, "nor with --quiet, whose output is the folder alone"
    assert [path for path in tmp_path.iterdir()] == [folder]
    assert content(folder) == before
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == stamps


def test_again_runs_it_anew_in_a_folder_of_its_own(tmp_path: Path) -> None:
    first = run(tmp_path).last_line
    second = run(tmp_path, "--again").last_line
    assert second.name == f"{first.name}-2"
    for file in ("metrics.csv", "model.safetensors", "scores.npz", "config.json"):
        assert (first / file).read_bytes() == (second / file).read_bytes()
    assert run(tmp_path).last_line == first


def test_a_name_is_of_one_configuration(tmp_path: Path) -> None:
    folder = run(tmp_path, "--name", "baseline").last_line
    assert folder == tmp_path / "baseline"
    before = content(folder)
    changed = run(
        tmp_path, "--name", "baseline", "--model.latent-size", "3", "--seeds", "4,", code=2
    )
    assert "model.latent_size is 16 there and 3 here" in changed.err
    assert "seeds is [0] there and [4] here" in changed.err
    assert "epochs" not in changed.err
    assert content(folder) == before
    assert run(tmp_path, "--name", "baseline").last_line == folder


def test_a_name_of_a_comparison_is_of_one_suite(tmp_path: Path) -> None:
    command = ("compare", *SMALL, "--seeds", "1", "--name", "mine", "--quiet", "--out", tmp_path)
    done = cli(*command, "--strategies", "lower")
    assert done.code == 0, done.err
    assert done.last_line == tmp_path / "mine"
    before = set(tmp_path.iterdir())
    changed = cli(*command, "--strategies", "upper")
    assert changed.code == 2
    assert "its runs are lower there and upper here" in changed.err
    assert set(tmp_path.iterdir()) == before, "refused before anything ran"


def test_a_changed_strategy_file_is_another_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(STRATEGY)
    mine = ("--strategy", f"{file}:Mine")
    first = run(tmp_path / "out", *mine).last_line
    named = run(tmp_path / "out", *mine, "--name", "named").last_line
    file.write_text(STRATEGY.replace("= 5", "= 6"))
    assert run(tmp_path / "out", *mine).last_line != first
    refused = run(tmp_path / "out", *mine, "--name", "named", code=2)
    assert "by different code: mine.py differs. Give this one another name" in refused.err
    shown = cli("resume", named)
    assert shown.code == 0, "they are still its results"
    assert "Made by different code" in plain(shown.err)
    assert "mine.py differs" in plain(shown.err)


def test_other_data_is_another_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(tmp_path).last_line
    environment = first / "environment.json"
    (first / "manifest.json").unlink()  # as a run of before there were manifests
    kept = json.loads(environment.read_text()) | {"data_sha256": "0" * 64}
    environment.write_text(json.dumps(kept))
    refused = run(tmp_path, code=2)
    assert f"the data's SHA-256 is {'0' * 64} there" in refused.err


def test_where_the_data_lies_does_not_matter(tmp_path: Path) -> None:
    first = run(tmp_path).last_line
    assert run(tmp_path, "--data-root", tmp_path / "elsewhere").last_line == first


def test_what_is_no_run_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("mine")
    refused = run(tmp_path, "--name", "mine", code=2)
    assert "it holds thesis.tex" in refused.err
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "mine"
    (tmp_path / "mine" / "thesis.tex").rename(tmp_path / "mine" / "strategy.py")
    assert "it holds strategy.py" in run(tmp_path, "--name", "mine", code=2).err
    (tmp_path / "file").write_text("mine")
    assert run(tmp_path, "--name", "file").last_line == tmp_path / "file-2"


@pytest.mark.parametrize("name", ["mein lauf ä", "λ=10, a:b [1]*", "v1.2", "ä" * 100])
def test_a_name_is_kept_as_it_is(tmp_path: Path, name: str) -> None:
    folder = run(tmp_path, f"--name={name}").last_line
    assert folder == tmp_path / name
    assert run(tmp_path, f"--name={name}").last_line == folder, "found under the name given"


@pytest.mark.parametrize(
    "name", ["../name", "a/b", "a\\b", "..", ".hidden", "", " a", "a\nb", "-a", "ä" * 101]
)
@pytest.mark.parametrize("command", ["run", "compare"])
def test_what_cannot_be_a_name_is_refused(tmp_path: Path, command: str, name: str) -> None:
    done = cli(command, *SMALL, f"--name={name}", "--out", tmp_path / "out")
    assert done.code == 2
    assert f"`--name` to be a folder's name, but got {name!r}" in done.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("left", [["config.json"], ["config.json", "environment.json"]])
def test_a_run_killed_before_it_has_a_manifest_begins_anew(
    finished: Path, tmp_path: Path, left: list[str]
) -> None:
    folder = tmp_path / finished.name
    folder.mkdir()
    for file in left:
        shutil.copy(finished / file, folder)
    (folder / ".1234.partial").mkdir()
    assert run(tmp_path).last_line == folder
    assert (folder / "metrics.csv").read_bytes() == (finished / "metrics.csv").read_bytes()
    assert not list(folder.glob("*.partial"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tmp_path_factory.mktemp("finished")).last_line


def test_another_process_that_writes_the_run_is_not_disturbed(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / finished.name
    shutil.copytree(finished, folder)
    before = content(folder)
    monkeypatch.setattr("cl_anomaly.store.files.locked.__wrapped__.__defaults__", (0.1,))
    with locked(folder):
        refused = run(tmp_path, code=1)
        assert f"Another process is writing {folder}" in refused.err
        assert cli("resume", folder).code == 1
        assert run(tmp_path, "--again").last_line.name.endswith("-2")
    assert content(folder) == before


def test_resume_where_the_folder_was_moved_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, moved = tmp_path / "stops.py", tmp_path / "my runs" / "of May (2)"
    file.write_text(STOPS)
    run(tmp_path / "out", "--strategy", f"{file}:Stops", code=128 + signal.SIGTERM)
    (begun,) = (tmp_path / "out").iterdir()
    shutil.copytree(begun, moved)
    monkeypatch.chdir(moved)
    monkeypatch.setenv("GO_ON", "1")
    done = cli("resume", ".", "--quiet")
    assert done.code == 0, done.err
    assert done.last_line == moved
    assert [path.name for path in (tmp_path / "my runs").iterdir()] == [moved.name]


def test_resume_of_what_is_no_run(tmp_path: Path, finished: Path) -> None:
    for folder in (tmp_path, tmp_path / "gone"):
        refused = cli("resume", folder)
        assert refused.code == 2
        assert str(folder) in refused.err
    shown = cli("resume", finished)
    assert shown.code == 0
    assert f"not repeated: {finished}. `cl-anomaly run --config" in shown.out.splitlines()[0]


def test_a_strategy_that_cannot_give_what_it_keeps_begins_anew(tmp_path: Path) -> None:
    file = tmp_path / "keeps.py"
    file.write_text(KEEPS_WITHOUT_SAYING)
    command = ("run", *SMALL, "--strategy", f"{file}:Keeps", "--out", tmp_path / "out")
    stopped = cli(*command)
    assert stopped.code == 143
    assert "overrides `after_task`, but keeps nothing in `self.kept`" in stopped.err
    assert "or starts again" in stopped.err
    (status,) = find_runs(tmp_path / "out")
    assert (status.name, status.why) == ("interrupted", ["at its beginning"])
    file.write_text(KEEPS_WITHOUT_SAYING.replace("os.kill(os.getpid(), signal.SIGTERM)", "pass"))
    done = cli(*command)
    assert done.code == 0, done.err
    assert ": task 1/2" in done.err
    assert "this run cannot be resumed: Keeps overrides `after_task`" in plain(done.err)


def test_a_strategy_that_raises_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "raises.py"
    file.write_text(STRATEGY + "\n    def penalty(self, x):\n        return 1 / 0\n")
    failed = cli("run", *SMALL, "--strategy", f"{file}:Mine", "--out", tmp_path / "out")
    assert failed.code == 1
    assert "error: in task 1: ZeroDivisionError" in failed.err
    assert f"{file}, line 12, in penalty" in failed.err
    assert "Traceback" not in failed.err
    (status,) = find_runs(tmp_path / "out")
    assert status.name == "failed"
    assert "ZeroDivisionError" in status.why[0]
    kept = json.loads((status.folder / "status.json").read_text())
    assert "Traceback" in kept["traceback"], "for whoever mends it"


@pytest.mark.slow
def test_16_processes_that_write_100_runs_lose_none(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.support.writing", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)  # noqa: S603
    assert done.returncode == 0, done.stderr
    said = [line.split() for line in done.stdout.splitlines()]
    seeds = {Path(folder): int(seed) for seed, folder in said}
    assert len(seeds) == 100, "each has a folder of its own"
    assert set(tmp_path.iterdir()) == set(seeds)
    for folder, seed in seeds.items():
        assert status_of(folder).name == "finished"
        assert config_of(folder)["seeds"] == [seed]
        assert set(pd.read_csv(folder / "metrics.csv")["seed"]) == {seed}


def test_signal_before_the_run_has_a_folder_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cl_anomaly", *LOWER, "--out", str(tmp_path)]
    with subprocess.Popen(command, start_new_session=True) as process:  # noqa: S603
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(600) != 0
    assert not list(tmp_path.iterdir())
