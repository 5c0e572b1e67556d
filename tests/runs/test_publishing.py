"""What was trained is not lost while results are written: checkpoints stay until they are there."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from cl_anomaly.runs import perform as runner
from cl_anomaly.store.files import check_files, is_complete
from cl_anomaly.store.status import status_of
from cl_anomaly.training.loop import TrainStep
from tests.support.command import SMALL, Done, cli
from tests.support.faults import failing

RUN = ("run", *SMALL, "--strategy", "gr", "--model.hidden-sizes", "[4]", "--out")
FILES = ("metrics.csv", "model.safetensors", "scores.npz", "summary.csv", "config.json")
FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Killed(BaseException):
    """As nothing in the program expects it."""


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    done = cli(*RUN, tmp_path_factory.mktemp("expected"), "--quiet")
    assert done.code == 0, done.err
    return done.last_line


def _publishing(command: list[object], number: int, error: BaseException) -> tuple[Done, list[str]]:
    """Do a command, and let the n-th of the writes fail by which results come to the disk."""
    original: Callable[..., None] = runner.publish
    heard: list[list[str]] = []

    def publish(folder: Path, write: Callable[[Path], None], complete: bool) -> None:
        if not complete:
            return original(folder, write, complete)
        with failing(number, error) as calls:
            heard.append(calls)
            return original(folder, write, complete)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "publish", publish)
        try:
            done = cli(*map(str, command))
        except Killed:
            done = Done(None, "", "")
    return done, heard[0]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has only its results to write."""
    out = tmp_path_factory.mktemp("trained")
    done, _ = _publishing([*RUN, out], 1, FULL)
    assert done.code == 1 and "No space left on device" in done.err
    (folder,) = out.iterdir()
    return folder


@pytest.fixture(autouse=True)
def nothing_is_trained(
    trained: Path, expected: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    monkeypatch.setattr(TrainStep, "__call__", lambda *_: pytest.fail("trained again"))
    yield


def _places(names: list[str]) -> list[int]:
    """The last of each series of the same calls, from 1."""
    pairs = enumerate(pairwise(names), 1)
    return [*(place for place, (one, next_) in pairs if one != next_), len(names)]


@pytest.mark.parametrize("error", [FULL, Killed()], ids=["full", "killed"])
def test_results_that_cannot_be_written_cost_no_training(
    error: BaseException, trained: Path, tmp_path: Path, expected: Path
) -> None:
    shutil.copytree(trained, tmp_path / "counted" / trained.name)
    done, names = _publishing(["resume", tmp_path / "counted" / trained.name], 1000, error)
    assert done.code == 0, done.err
    assert {"mkdir", "write_text", "fsync", "replace"} == set(names)
    for number in _places(names):
        folder = tmp_path / str(number) / trained.name
        shutil.copytree(trained, folder)
        done, calls = _publishing(["resume", folder], number, error)
        assert len(calls) >= number and done.code != 0
        # Complete where only the fsync has failed that comes after the manifest has its name.
        if not is_complete(folder):
            assert len(list((folder / "checkpoints").glob("*.json"))) == 2
            assert status_of(folder).name == ("failed" if error is FULL else "interrupted")
        again = cli("resume", folder) if number % 2 else cli(*RUN, folder.parent)
        assert again.code == 0, again.err
        check_files(folder)
        for file in FILES:
            assert (folder / file).read_bytes() == (expected / file).read_bytes(), file
        assert not (folder / "checkpoints").exists()


def test_a_process_that_is_killed_between_the_results_and_the_checkpoints(
    trained: Path, tmp_path: Path
) -> None:
    folder = tmp_path / trained.name
    shutil.copytree(trained, folder)

    def killed(_: Path) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(runner, "remove_checkpoints", killed)
        cli("resume", folder)
    assert is_complete(folder) and list((folder / "checkpoints").iterdir())
    assert cli("resume", folder).code == 0
    assert not (folder / "checkpoints").exists()
