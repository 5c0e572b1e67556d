"""Full disks, small memories, signals at any moment: a message, an exit code, nothing damaged."""

import errno
import json
import os
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cl_anomaly.runs import write_files as store
from cl_anomaly.store import checkpoints
from cl_anomaly.store.files import check_files
from cl_anomaly.store.status import find_runs, status_of
from cl_anomaly.strategies.gr import GenerativeReplay
from cl_anomaly.training import groups
from cl_anomaly.training.loop import TrainStep
from tests.support.command import cli
from tests.support.faults import failing
from tests.support.limits import LIMITS

RUN = "run --dataset digits --epochs 2 --device cpu --task-order 1,2 --strategy gr --quiet".split()
SMALL_MODEL = ("--model.hidden-sizes", "[4]")

ALLOCATES = """
import resource

import torch

from cl_anomaly.strategies import Strategy


class Allocates(Strategy):
    def extend(self, x):
        if self.task_number == 2:
            used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, resource.RLIM_INFINITY))
            self.large = torch.zeros(2**28)
        return x
"""


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    done = cli(*RUN, *SMALL_MODEL, "--out", tmp_path_factory.mktemp("expected"))
    assert done.code == 0, done.err
    return done.last_line


def _same(folder: Path, expected: Path) -> None:
    assert folder.name == expected.name
    check_files(folder)
    for file in ("metrics.csv", "model.safetensors", "scores.npz", "config.json"):
        assert (folder / file).read_bytes() == (expected / file).read_bytes(), file


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO], ids=errno.errorcode.get)
def test_a_disk_that_fails_at_any_write(
    number: int,
    tmp_path: Path,
    expected: Path,
) -> None:
    earlier = cli(*RUN[:-1], *SMALL_MODEL, "--seeds", "5,", "--out", tmp_path)
    assert earlier.code == 0, earlier.err
    (before,) = find_runs(tmp_path)
    names, place = random.Random(number), 0  # noqa: S311
    while True:
        place += names.randint(1, 9)
        with failing(place, OSError(number, os.strerror(number))) as calls:
            done = cli(*RUN, *SMALL_MODEL, "--out", tmp_path)
        if len(calls) < place:
            break
        check_files(before.folder)
        assert "Traceback" not in done.err
        if done.code == 0:
            continue  # it was only the status, which is worth no failure
        assert done.code in (1, 2), done.err
        assert os.strerror(number) in done.err
        assert str(tmp_path) in done.err
    assert done.code == 0, done.err
    _same(done.last_line, expected)
    assert {status.name for status in find_runs(tmp_path)} == {"finished"}


@pytest.fixture(scope="module")
def too_large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, tuple[int, str]]]:
    """Runs under limits of a file's size: their folder, and by limit, exit code and words."""
    out = tmp_path_factory.mktemp("limited")
    command = [sys.executable, "-m", "tests.support.limits", str(out), *RUN, *SMALL_MODEL]
    done = subprocess.run(command, capture_output=True, text=True)  # noqa: S603
    assert done.returncode == 0, done.stderr
    return out, json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("most", LIMITS)
def test_files_that_would_become_too_large(
    most: int, too_large: tuple[Path, dict[str, tuple[int, str]]], expected: Path
) -> None:
    out, (code, said) = too_large[0] / str(most), too_large[1][str(most)]
    assert code in (1, 2)
    assert "File too large" in said
    assert str(out) in said
    assert "Traceback" not in said
    assert not {status.name for status in find_runs(out)} - {"failed", "interrupted"}
    whole = cli(*RUN, *SMALL_MODEL, "--out", out)
    assert whole.code == 0, whole.err
    _same(whole.last_line, expected)


def test_a_model_for_which_there_is_no_memory(tmp_path: Path) -> None:
    huge = ("--model.hidden-sizes", "[3000000,3000000]")
    done = cli(*RUN, *huge, "--out", tmp_path / "out")
    assert done.code == 1
    assert "in preparation: there is not enough memory" in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "out").exists()


def test_memory_that_runs_out_in_one_run_of_a_comparison(tmp_path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY
    file = tmp_path / "allocates.py"
    file.write_text(ALLOCATES)
    names = f"{file}:Allocates,lower"
    small = "--dataset digits --epochs 1 --device cpu --task-order 1,2 --seeds 1".split()
    done = cli("compare", *small, *SMALL_MODEL, "--strategies", names, "--out", tmp_path / "out")
    assert done.code == 1
    assert "Allocates failed: in task 2: there is not enough memory" in done.err
    assert "lower failed" not in done.err
    statuses = {s.config["strategy"].rpartition(":")[2]: s for s in find_runs(tmp_path / "out")}
    assert statuses["lower"].name == "finished"
    assert statuses["Allocates"].name == "failed"
    assert "not enough memory" in statuses["Allocates"].why[0]


@pytest.mark.parametrize("place", ["out", "run"])
def test_a_folder_that_cannot_be_written(place: str, tmp_path: Path, expected: Path) -> None:
    # Not by permissions: root, who may run the tests, is refused nothing.
    blocked = tmp_path / "out" / (expected.name if place == "run" else "")
    blocked.parent.mkdir(exist_ok=True)
    blocked.parent.joinpath(blocked.name).write_text("mine") if place == "out" else None
    if place == "run":
        blocked.mkdir()
        (blocked / ".lock").mkdir()
    done = cli(*RUN, *SMALL_MODEL, "--out", tmp_path / "out")
    assert done.code in (1, 2)
    assert str(blocked) in done.err
    assert "Traceback" not in done.err


@contextmanager
def _signal_after(owner: Any, name: str, calls: int, number: int) -> Iterator[None]:
    """Send this process a signal at the end of a function's call, after so many calls of it."""
    original, made = getattr(owner, name), [0]

    def counted(*arguments: Any, **settings: Any) -> Any:
        result = original(*arguments, **settings)
        made[0] += 1
        if made[0] == calls:
            os.kill(os.getpid(), number)
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, counted)
        # As in a terminal, whatever the tests' own parent ignores.
        previous = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, previous)
    assert made[0] >= calls, "the moment has not come"


# One after another: each goes on from what the one before had saved. A task has 8 steps.
STOPS = {
    "steps": [
        (TrainStep, "__call__", calls, number)
        for calls, number in ((1, signal.SIGTERM), (5, signal.SIGINT), (4, signal.SIGUSR1))
    ],
    "saving": [
        (checkpoints, "write_tensors", 1, signal.SIGUSR1),
        (checkpoints.Checkpoints, "save", 1, signal.SIGINT),
    ],
    "between": [
        (GenerativeReplay, "after_task", 1, signal.SIGTERM),
        (groups.ReplicaGroups, "score", 1, signal.SIGINT),
    ],
}


@pytest.mark.parametrize("stops", STOPS.values(), ids=STOPS.keys())
def test_signals_at_chosen_moments(stops: list[Any], tmp_path: Path, expected: Path) -> None:
    for stop in stops:
        with _signal_after(*stop):
            done = cli(*RUN, *SMALL_MODEL, "--out", tmp_path)
        assert done.code == (130 if stop[-1] == signal.SIGINT else 143), (stop, done.err)
        assert f"saved. Resume it with\n  cl-anomaly resume {tmp_path}" in done.err
        (status,) = find_runs(tmp_path)
        assert status.name == "interrupted"
    done = cli(*RUN, *SMALL_MODEL, "--out", tmp_path)
    assert done.code == 0, done.err
    _same(done.last_line, expected)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_a_signal_while_results_are_written_costs_nothing(
    number: int, tmp_path: Path, expected: Path
) -> None:
    with _signal_after(store, "summarise", 1, number):
        done = cli(*RUN, *SMALL_MODEL, "--out", tmp_path)
    assert done.code in (0, 130, 143), done.err
    done = cli(*RUN, *SMALL_MODEL, "--out", tmp_path)
    assert done.code == 0, done.err
    _same(done.last_line, expected)
    assert status_of(done.last_line).name == "finished"


@pytest.mark.slow
def test_the_same_command_gives_the_same_bytes_in_any_process(tmp_path: Path) -> None:
    def written(out: Path) -> dict[str, bytes]:
        (folder,) = out.iterdir()
        files = {f: (folder / f).read_bytes() for f in ("metrics.csv", "config.json")}
        return files | {"name": folder.name.encode()}

    command = [*RUN, "--epochs", "1"]
    first = tmp_path / "first"
    assert cli(*command, "--seeds", "3", "--out", first).code == 0
    for hash_seed, threads, seeds in (("1", "1", "3"), ("7", "2", "0,1,2")):
        out = tmp_path / hash_seed
        own = [sys.executable, "-m", "cl_anomaly", *command, "--seeds", seeds, "--out", str(out)]
        environment = os.environ | {"PYTHONHASHSEED": hash_seed, "OMP_NUM_THREADS": threads}
        subprocess.run(own, check=True, env=environment, capture_output=True)  # noqa: S603
        assert written(out) == written(first)
    other = cli(*command, "--seeds", "1,2,3", "--out", tmp_path / "other").last_line
    assert (other / "metrics.csv").read_bytes() != written(first)["metrics.csv"]
