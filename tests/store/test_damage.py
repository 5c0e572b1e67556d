"""Damaged files of a finished run are refused by name, and nothing in them is executed."""

import pickle
import shutil
from pathlib import Path

import pytest

from cl_anomaly.store.status import find_runs
from tests.support.command import SMALL, cli, run_quietly
from tests.support.faults import Malicious

LOWER = ("run", *SMALL, "--strategy", "lower", "--quiet")

FILES = (
    "config.json environment.json metrics.csv summary.csv scores.npz model.safetensors timing.json "
    "status.json auroc_per_task.png detector.json manifest.json pictures.npz losses.csv "
    "cost.json"
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_quietly(tmp_path_factory.mktemp("finished"), "--strategy", "lower")


@pytest.mark.parametrize("file", FILES.split())
def test_a_damaged_file_of_a_finished_run_is_refused_by_name(
    finished: Path, tmp_path: Path, file: str
) -> None:
    folder = tmp_path / finished.name
    shutil.copytree(finished, folder)
    damaged = bytearray((folder / file).read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (folder / file).write_bytes(damaged)
    out = ("--out", tmp_path / "figure")
    for done in (cli("plot", folder, *out), cli("resume", folder), cli(*LOWER, "--out", tmp_path)):
        assert done.code == 2
        assert f"{folder / file}" in done.err
        assert "Traceback" not in done.err
    assert (folder / file).read_bytes() == damaged, "it is left as it is"
    (status,) = find_runs(tmp_path)
    assert status.name == "damaged" or file != "manifest.json"
    # A look at the sizes is all that `runs` takes the time for.
    (folder / file).write_bytes(bytes(damaged) + b" ")
    (status,) = find_runs(tmp_path)
    assert status.name == "damaged" and file in status.why[0]
    (folder / file).unlink()
    (status,) = find_runs(tmp_path)
    assert status.name == "damaged" or file == "manifest.json"
    (folder / file).write_bytes(bytes(damaged))
    # And there is a way on.
    again = cli(*LOWER, "--again", "--out", tmp_path)
    assert again.last_line.name == f"{folder.name}-2"


def test_a_pickle_in_place_of_any_file_is_not_executed(finished: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    for file in FILES.split():
        folder = tmp_path / file / finished.name
        shutil.copytree(finished, folder)
        (folder / file).write_bytes(pickle.dumps(Malicious(made)))
        for done in (
            cli("plot", folder, "--out", tmp_path / "figure"),
            cli("resume", folder),
            cli(*LOWER, "--out", folder.parent),
            cli("run", "--config", folder / "config.json", "--out", folder.parent, "--quiet"),
        ):
            assert done.code == 2, file
            assert "Traceback" not in done.err
        assert cli("runs", "--out", folder.parent).code == 0
    assert not made.exists()
