"""A comparison that is interrupted saves what it has done, and goes on with what is missing."""

import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from cl_anomaly.store.files import is_locked
from cl_anomaly.store.status import find_runs
from tests.support.command import cli, open_interruptible
from tests.support.places import ROOT

SETTINGS = "--dataset digits --epochs 2 --seeds 1 --device cpu --workers 2".split()
# Both have begun, and neither is through: in their second task they linger.
BEGUN = {"first: task 1/9", "second: task 1/9"}


class Lingering:
    """A comparison of two strategies that linger in their second task; see `lingering.py`."""

    def __init__(self, folder: Path) -> None:
        self._folder, suite = folder, folder / "suite.toml"
        file = shutil.copy(ROOT / "tests" / "support" / "lingering.py", folder)
        suite.write_text(
            f'[runs.first]\nstrategy = "{file}:Replays"\n'
            f'[runs.second]\nstrategy = "{file}:Lingers"\n'
        )
        self.arguments = [*SETTINGS, "--suite", str(suite), "--trust"]

    @contextlib.contextmanager
    def told(self, word: str) -> Iterator[None]:
        """Tell them to go on, for as long as this lasts."""
        file = self._folder / word
        file.touch()
        try:
            yield
        finally:
            file.unlink()


@pytest.fixture(scope="module")
def lingering(tmp_path_factory: pytest.TempPathFactory) -> Lingering:
    return Lingering(tmp_path_factory.mktemp("lingering"))


def interrupt(number: int, lingering: Lingering, out: Path, times: int = 1) -> tuple[int, str]:
    """Start the comparison, and send a signal when both runs have begun.

    Returns its exit code, and what it said after that.
    """
    command = [sys.executable, "-m", "cl_anomaly", "compare", *lingering.arguments]
    words = BEGUN
    with open_interruptible([*command, "--out", str(out)]) as process:
        assert process.stderr
        try:
            for line in process.stderr:
                words = {word for word in words if word not in line.decode()}
                if not words:
                    break
            for _ in range(times):
                # Ctrl-C as a terminal sends it: to every process of the group.
                if number == signal.SIGINT:
                    os.killpg(process.pid, number)
                else:
                    process.send_signal(number)
            with lingering.told("asked"):
                # Returns when the last process that holds stderr is gone: the workers, too.
                _, rest = process.communicate(timeout=600)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert not words, "ended before it was interrupted"
    return process.returncode, rest.decode()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, lingering: Lingering) -> Path:
    out = tmp_path_factory.mktemp("whole")
    with lingering.told("go"):
        done = cli("compare", *lingering.arguments, "--quiet", "--out", out)
    assert done.code == 0, done.err
    return done.last_line


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGUSR1, 143)])
def test_what_was_done_is_saved_and_the_same_command_goes_on(
    number: int, code: int, tmp_path: Path, lingering: Lingering, uninterrupted: Path
) -> None:
    found, said = interrupt(number, lingering, tmp_path)
    assert found == code
    assert "The same command resumes what is missing" in said
    assert "Traceback" not in said
    assert [status.name for status in find_runs(tmp_path)] == ["interrupted"] * 2
    with lingering.told("go"):
        done = cli("compare", *lingering.arguments, "--out", tmp_path)
    assert done.code == 0, done.err
    assert done.err.count("Resuming") == 2
    assert ": task 1/9" not in done.err
    (comparison,) = tmp_path.glob("digits-compare*")
    for file in ("metrics.csv", "summary.csv", "config.json", "runs.json", "auroc_per_task.svg"):
        assert (comparison / file).read_bytes() == (uninterrupted / file).read_bytes(), file


def test_a_second_ctrl_c_ends_all_at_once(tmp_path: Path, lingering: Lingering) -> None:
    code, said = interrupt(signal.SIGINT, lingering, tmp_path, times=2)
    assert code == 130
    assert "Traceback" not in said
    assert {status.name for status in find_runs(tmp_path)} == {"interrupted"}


def test_workers_end_with_the_process_that_started_them(
    tmp_path: Path, lingering: Lingering
) -> None:
    command = [sys.executable, "-m", "cl_anomaly", "compare", *lingering.arguments]
    with open_interruptible([*command, "--out", str(tmp_path)]) as process:
        assert process.stderr
        for line in process.stderr:
            if b"task 1/9" in line:
                break
        process.kill()
        with lingering.told("asked"):
            # Ends when the last process is gone that could write to it.
            process.stderr.read()
    assert {status.name for status in find_runs(tmp_path)} == {"interrupted"}
    assert not any(is_locked(status.folder) for status in find_runs(tmp_path))


def test_only_what_is_missing_is_run(tmp_path: Path) -> None:
    short = "--dataset digits --epochs 1 --seeds 1 --device cpu --task-order 1,2".split()
    first = cli("compare", *short, "--strategies", "gr,lower", "--out", tmp_path)
    assert first.code == 0, first.err
    more = cli("compare", *short, "--strategies", "gr,lower,ewc", "--out", tmp_path)
    assert more.code == 0, more.err
    assert "ewc: task 2/2" in more.err
    assert "gr: task" not in more.err and "lower: task" not in more.err
    (comparison,) = tmp_path.glob("digits-compare-2")
    assert pd.read_csv(comparison / "metrics.csv")["run"].unique().tolist() == [
        "gr",
        "lower",
        "ewc",
    ]
    before = set(tmp_path.iterdir())
    same = cli("compare", *short, "--strategies", "gr,lower,ewc", "--quiet", "--out", tmp_path)
    assert same.last_line == comparison
    assert set(tmp_path.iterdir()) == before
    again = cli("compare", *short, "--strategies", "lower", "--again", "--out", tmp_path)
    assert "lower: task 2/2" in again.err
    assert len(find_runs(tmp_path)) == 4
