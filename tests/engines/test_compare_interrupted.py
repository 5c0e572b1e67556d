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

from cl_anomaly.storage.files import is_locked
from cl_anomaly.storage.status import find_runs
from tests.command import cli, open_interruptible
from tests.places import ROOT

SETTINGS = "--dataset digits --epochs 30 --seeds 1 --device cpu --workers 2".split()
# Both have begun, and neither is through: from the second task on a step takes a second.
BEGUN = {"first: task 1/9", "second: task 1/9"}


def interrupt(
    number: int, words: set[str], out: Path, *arguments: str, times: int = 1
) -> tuple[int, str]:
    """Start a comparison, and send a signal when all words have been on its stderr.

    Returns its exit code, and what it said after that.
    """
    command = [sys.executable, "-m", "cl_anomaly", "compare", *arguments, "--out", str(out)]
    with open_interruptible(command) as process:
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
            # Returns when the last process that holds stderr is gone: it waits for workers too.
            _, rest = process.communicate(timeout=600)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert not words, "ended before it was interrupted"
    return process.returncode, rest.decode()


@pytest.fixture(scope="module")
def lingering(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Arguments of a comparison of two strategies that are slow until they may go on."""
    folder = tmp_path_factory.mktemp("lingering")
    file, suite = folder / "lingering.py", folder / "suite.toml"
    shutil.copy(ROOT / "tests" / "lingering.py", file)
    suite.write_text(
        f'[runs.first]\nstrategy = "{file}:Replays"\n[runs.second]\nstrategy = "{file}:Lingers"\n'
    )
    return [*SETTINGS, "--suite", str(suite), "--trust"]


@contextlib.contextmanager
def going_on(lingering: list[str]) -> Iterator[None]:
    """Let the strategies go on for a while."""
    go = Path(lingering[-2]).with_name("go")
    go.touch()
    try:
        yield
    finally:
        go.unlink()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, lingering: list[str]) -> Path:
    with going_on(lingering):
        done = cli("compare", *lingering, "--quiet", "--out", tmp_path_factory.mktemp("whole"))
    assert done.code == 0, done.err
    return done.last_line


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGUSR1, 143)])
def test_what_was_done_is_saved_and_the_same_command_goes_on(
    number: int, code: int, tmp_path: Path, lingering: list[str], uninterrupted: Path
) -> None:
    found, said = interrupt(number, BEGUN, tmp_path, *lingering)
    assert found == code
    assert "The same command goes on with what is missing" in said
    assert "Traceback" not in said
    assert [status.name for status in find_runs(tmp_path)] == ["interrupted"] * 2
    with going_on(lingering):
        done = cli("compare", *lingering, "--out", tmp_path)
    assert done.code == 0, done.err
    assert done.err.count("Going on with") == 2
    assert ": task 1/9" not in done.err
    (comparison,) = tmp_path.glob("digits-compare*")
    for file in ("metrics.csv", "summary.csv", "config.json", "runs.json", "auroc_per_task.svg"):
        assert (comparison / file).read_bytes() == (uninterrupted / file).read_bytes(), file


def test_a_second_ctrl_c_ends_all_at_once(tmp_path: Path, lingering: list[str]) -> None:
    code, said = interrupt(signal.SIGINT, BEGUN, tmp_path, *lingering, times=2)
    assert code == 130
    assert "Traceback" not in said
    assert {status.name for status in find_runs(tmp_path)} == {"interrupted"}


def test_workers_end_with_the_process_that_started_them(
    tmp_path: Path, lingering: list[str]
) -> None:
    command = [sys.executable, "-m", "cl_anomaly", "compare", *lingering, "--out", str(tmp_path)]
    with open_interruptible(command) as process:
        assert process.stderr
        for line in process.stderr:
            if b"task 1/9" in line:
                break
        process.kill()
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
    again = cli("compare", *short, "--strategies", "gr,lower,ewc", "--again", "--out", tmp_path)
    assert "gr: task 2/2" in again.err
    assert len(find_runs(tmp_path)) == 6
