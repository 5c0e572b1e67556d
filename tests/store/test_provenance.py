"""A result belongs to the code that made it, and is never shown as another's."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cl_anomaly.store import fingerprint as code
from cl_anomaly.store.files import read_sealed, write_sealed
from cl_anomaly.store.fingerprint import OWN_FILE
from cl_anomaly.store.provenance import CodeChanges
from cl_anomaly.store.status import status_of
from tests.support.command import SMALL, Done, cli, config_of, plain
from tests.support.made_up import made_up_run

PACKAGE = Path(code.__file__).parents[1]
TINY = (*SMALL, "--model.hidden-sizes", "[4]")

# Ends its run in the second task, until a file says that it may go on.
STOPS = """
import os
import signal
from pathlib import Path

from cl_anomaly.strategies import Strategy


class Stops(Strategy):
    def extend(self, x):
        if self.task_number == 2 and not os.environ.get("GO_ON"):
            os.kill(os.getpid(), signal.SIGTERM)
        return x
"""


def run(out: Path, *arguments: str | Path, code: int = 0) -> Done:
    done = cli("run", *TINY, "--out", out, *arguments)
    assert done.code == code, done.err
    return done


def folder_of(done: Done) -> Path:
    (line,) = [line for line in done.out.splitlines() if line.startswith("results: ")]
    return Path(line.removeprefix("results: "))


def edit(monkeypatch: pytest.MonkeyPatch, name: str, added: str) -> None:
    """Let a file of the package read as if it had been edited."""
    read = code._content
    assert (PACKAGE / name).exists()

    def content(path: Path) -> bytes:
        return read(path) + (added.encode() if path == PACKAGE / name else b"")

    monkeypatch.setattr(code, "_content", content)


def test_an_edited_strategy_of_this_repository_trains_again(tmp_path: Path) -> None:
    package, out = tmp_path / "repository" / "cl_anomaly", tmp_path / "results"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "cl_anomaly", "run", "--strategy", "ewc", *TINY]
    environment = os.environ | {"PYTHONPATH": str(package.parent)}

    def again() -> str:
        done = subprocess.run(
            [*command, "--epochs", "2", "--out", "results"],
            capture_output=True,
            text=True,
            env=environment,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + plain(done.stderr)

    again()
    (first,) = out.iterdir()
    file = package / "strategies" / "ewc.py"
    source = file.read_text()
    assert "0.5 * self.lam" in source
    file.write_text(source.replace("0.5 * self.lam", "5000.0 * self.lam") + "\n# stronger\n")
    said = again()
    assert "Results from" not in said
    assert (
        f"results/{first.name} holds results of the same settings by other code "
        "(cl_anomaly/strategies/ewc.py differs): this is a run of its own." in said
    )
    (second,) = set(out.iterdir()) - {first}
    values = [pd.read_csv(folder / "metrics.csv")["value"] for folder in (first, second)]
    assert not values[0].equals(values[1])
    file.write_text(source + "\n# a comment is no code\n")
    assert again().startswith("Results from ")
    assert set(out.iterdir()) == {first, second}


def test_a_name_is_of_one_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = ("--strategy", "lower", "--name", "mine")
    folder = folder_of(run(tmp_path, *named))
    edit(monkeypatch, "training/loop.py", "x = 1\n")
    refused = run(tmp_path, *named, code=2)
    assert (
        f"{folder} holds a run with the same name, settings and data, made by different code: "
        "cl_anomaly/training/loop.py differs. Give this one another name" in refused.err
    )
    assert "{" not in refused.err
    both = run(tmp_path, *named[:3], "other", "--model.latent-size", "3")
    assert "by other code" not in both.err, "nor of the same settings"


def test_results_of_other_code_say_so_wherever_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_of(run(tmp_path, "--strategy", "lower"))
    comparison = cli("compare", *TINY, "--seeds", "1", "--strategies", "lower", "--out", tmp_path)
    assert "lower: Results from" in comparison.out.splitlines()[0]
    figure = ("--out", tmp_path / "figures" / "figure", "--overwrite")
    assert "this " in cli("runs", "--out", tmp_path).out
    for place in (folder, folder_of(comparison)):
        assert cli("plot", place, *figure).err == ""
    edit(monkeypatch, "models/shared/losses.py", "x = 1\n")
    assert f"other code {CodeChanges().word(folder)[-8:]}" in cli("runs", "--out", tmp_path).out
    for place in (folder, folder_of(comparison)):
        shown = cli("plot", place, *figure)
        assert shown.code == 0
        assert f"{folder} (cl_anomaly/models/shared/losses.py differs)".replace(" ", "") in plain(
            shown.err
        ).replace(" ", "")
    shown = cli("resume", folder)
    assert shown.code == 0
    assert "cl_anomaly/models/shared/losses.py differs" in plain(shown.err)


def test_code_that_was_not_recorded_is_unknown(tmp_path: Path) -> None:
    folder = made_up_run(tmp_path, "lower", environment={"code": None})
    assert CodeChanges().word(folder) == "unknown"
    assert "unknown" in cli("runs", "--out", tmp_path).out
    shown = cli("plot", folder, "--out", tmp_path / "figure")
    assert "its code was not recorded" in plain(shown.err)


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """A run of a user's strategy, interrupted in its second task."""
    (tmp_path / "code").mkdir()
    file = tmp_path / "code" / "stops.py"
    file.write_text(STOPS)
    done = run(tmp_path / "out", "--strategy", f"{file}:Stops", code=128 + signal.SIGTERM)
    assert "cl-anomaly resume" in done.err
    (folder,) = (tmp_path / "out").iterdir()
    assert status_of(folder).why == ["task 2 of 2"]
    return folder


def test_it_goes_on_from_any_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "helping_it.py").write_text("STOPS = True\n")
    source = STOPS.replace("import signal\n", "import signal\n\nfrom helping_it import STOPS\n", 1)
    (tmp_path / "code" / "stops.py").write_text(source)
    monkeypatch.chdir(tmp_path / "code")
    run(Path("out"), "--strategy", "stops.py:Stops", code=143)
    (folder,) = (tmp_path / "code" / "out").iterdir()
    monkeypatch.chdir("/")
    monkeypatch.setenv("GO_ON", "1")
    done = cli("resume", folder)
    assert done.code == 0, done.err
    assert "from task 2 of 2" in plain(done.err)


def test_other_code_does_not_go_on_and_the_advice_fits(
    stopped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GO_ON", "1")
    file = tmp_path / "code" / "stops.py"
    file.write_text(f"raise AssertionError('it ran')\n{STOPS}")
    refused = cli("resume", stopped)
    assert refused.code == 2
    assert (
        "resumed with the current code: stops.py differs. Start a new run with\n  " in refused.err
    )
    file.write_text(STOPS.replace("return x", "return 1.0 * x"))
    refused = cli("resume", stopped)
    advice = refused.err.splitlines()[-1].split()
    assert advice[:2] == ["cl-anomaly", "run"]
    done = cli(*advice[1:], "--out", stopped.parent)
    assert done.code == 0, done.err
    assert folder_of(done) != stopped
    file.write_text(STOPS)
    edit(monkeypatch, "training/loop.py", "x = 1\n")
    assert "cl_anomaly/training/loop.py differs" in cli("resume", stopped).err
    monkeypatch.undo()


def test_a_comment_is_no_other_code(
    stopped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GO_ON", "1")
    file = tmp_path / "code" / "stops.py"
    file.write_text(f"# What it does.\r\n{STOPS}")
    done = run(stopped.parent, "--strategy", f"{file}:Stops")
    assert folder_of(done) == stopped
    assert "from task 2 of 2" in plain(done.err)
    assert "another machine" not in plain(done.err)
    kept = json.loads((stopped / "environment.json").read_text())["strategy_sha256"]
    assert (stopped / OWN_FILE).read_bytes() == file.read_bytes()
    assert read_sealed(stopped / "manifest.json")["files"][OWN_FILE]["sha256"] == kept


def test_where_the_file_is_gone_the_copy_goes_on(
    stopped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GO_ON", "1")
    (tmp_path / "code" / "stops.py").unlink()
    refused = cli("resume", stopped)
    assert refused.code == 2
    copy = stopped / OWN_FILE
    assert f"is missing. {copy} is the run's unchanged copy" in refused.err
    done = cli("resume", stopped, "--trust")
    assert done.code == 0, done.err
    assert "from task 2 of 2" in plain(done.err)
    assert config_of(stopped)["strategy"] == f"{stopped / OWN_FILE}:Stops"


def test_a_changed_copy_does_not(stopped: Path, tmp_path: Path) -> None:
    (tmp_path / "code" / "stops.py").unlink()
    manifest = stopped / "manifest.json"
    content = read_sealed(manifest)
    del content["files"][OWN_FILE]
    write_sealed(manifest, content)
    (stopped / OWN_FILE).write_text(f"raise AssertionError('it ran')\n{STOPS}")
    refused = cli("resume", stopped, "--trust")
    assert refused.code == 2
    assert "stops.py is gone" in refused.err


def test_a_finished_run_is_shown_without_its_strategy_and_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, data = tmp_path / "mine.py", tmp_path / "own.npz"
    file.write_text(
        "from cl_anomaly.strategies import Strategy\n\n\nclass Mine(Strategy):\n    x = 1\n"
    )
    labels = np.repeat(np.arange(3), 40)
    x = np.random.default_rng(0).random((120, 4), dtype=np.float32)
    np.savez(data, x_train=x, y_train=labels, x_test=x, y_test=labels)
    own = ("--strategy", f"{file}:Mine", "--dataset", data)
    folder = folder_of(run(tmp_path / "out", *own))
    file.unlink()
    data.unlink()
    monkeypatch.chdir("/")
    shown = cli("resume", folder)
    assert shown.code == 0, shown.err
    assert "Results from" in shown.out.splitlines()[0] and "AUROC after each task" in shown.out
    assert "mine.py is gone" in plain(shown.err)
    assert cli("plot", folder, "--out", tmp_path / "figure").code == 0
    assert "finished" in cli("runs", "--out", tmp_path / "out").out
