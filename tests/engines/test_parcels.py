"""A run's folder that travels: whole or not at all, and what is finished stays."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from cl_anomaly.core.errors import InputError
from cl_anomaly.engines.base import Job
from cl_anomaly.engines.parcels import Parcel
from cl_anomaly.engines.worker import Reply
from cl_anomaly.settings.run_config import RunConfig
from cl_anomaly.store.files import check_files, read_sealed
from cl_anomaly.store.status import write_status
from tests.support.command import run_quietly


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_quietly(tmp_path_factory.mktemp("out"), "--strategy", "lower")


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name[0] != "."}


def test_it_arrives_as_it_was(finished: Path, tmp_path: Path) -> None:
    parcel = Parcel.of(finished)
    assert parcel is not None
    assert parcel.is_complete
    arrived = parcel.unpack(tmp_path)
    assert arrived.name == finished.name
    assert content(arrived) == content(finished)
    check_files(arrived)


def test_what_is_finished_there_stays(finished: Path, tmp_path: Path) -> None:
    there = tmp_path / finished.name
    shutil.copytree(finished, there)
    parcel = Parcel.of(finished)
    assert parcel is not None
    before = content(there), there.stat().st_mtime_ns
    assert parcel.unpack(tmp_path) == there
    assert (content(there), there.stat().st_mtime_ns) == before


def test_what_was_damaged_on_the_way_is_refused_and_nothing_is_written(
    finished: Path, tmp_path: Path
) -> None:
    parcel = Parcel.of(finished)
    assert parcel is not None
    files = parcel.files | {"metrics.csv": b"x" * len(parcel.files["metrics.csv"])}
    with pytest.raises(InputError, match=r"metrics.csv is damaged"):
        replace(parcel, files=files).unpack(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_which_nothing_has_begun_is_none(tmp_path: Path) -> None:
    assert Parcel.of(tmp_path) is None


def test_a_run_that_is_asked_for_again_keeps_the_folder_that_it_is_given(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run-2").mkdir()
    job = Job("a", RunConfig(), tmp_path, "run", again=True).settled()
    assert (job.name, job.again) == ("run-3", False)
    assert job.settled() == job


def test_a_job_and_a_reply_are_what_their_json_says(tmp_path: Path) -> None:
    config = RunConfig(strategy="gr", strategy_options={"ratio": 1.0}, seeds=[3, 7])
    job = Job("a", config, tmp_path, "run", again=True, track=("mlflow",))
    assert Job.from_json(job.to_json()) == job
    for reply in (Reply(tmp_path, ["seed 3 failed"], seconds=1.5), Reply(None, ["why"], 15)):
        assert Reply.from_json(reply.to_json()) == reply


def test_a_folder_is_found_from_anywhere() -> None:
    assert Job("a", RunConfig(), Path("out"), "run").absolute().folder == Path.cwd() / "out" / "run"


def test_a_parcel_of_an_interrupted_run_can_be_interrupted_again(
    finished: Path, tmp_path: Path
) -> None:
    """What changes while a run goes on is not sealed."""
    parcel = Parcel.of(finished)
    assert parcel is not None
    arrived = replace(parcel, is_complete=False).unpack(tmp_path)
    sealed = read_sealed(arrived / "manifest.json")["files"]
    assert "events.jsonl" not in sealed
    assert (arrived / "events.jsonl").read_bytes() == (finished / "events.jsonl").read_bytes()
    write_status(arrived, "running", [])
    check_files(arrived)
