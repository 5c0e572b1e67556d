"""The event log of a run: what it holds, and that no run depends on it."""

import base64
import io
import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cl_anomaly.core import events
from cl_anomaly.store.files import check_files
from cl_anomaly.training.loop import TrainStep
from tests.support.command import SMALL, cli, config_of, plain, run_quietly

FILES = ("metrics.csv", "scores.npz", "model.safetensors")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_quietly(tmp_path_factory.mktemp("out"), "--strategy", "gr", "--seeds", "2")


def logged(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def test_all_that_happens_is_there_in_its_order(finished: Path) -> None:
    kinds = [event["event"] for event in logged(finished)]
    assert kinds[0] == "begin"
    after = ["evaluated", "measured", "picture", "picture"]
    assert [kind for kind in kinds if kind != "update"] == [
        *("begin", "task", *after, "task", *after, "end")
    ]
    assert logged(finished)[-1]["how"] == "finished"
    assert sorted(event["time"] for event in logged(finished)) == [
        event["time"] for event in logged(finished)
    ]


def test_values_are_those_of_the_metrics(finished: Path) -> None:
    measured = [event for event in logged(finished) if event["event"] == "measured"]
    aurocs = [event["aurocs"] for event in logged(finished) if event["event"] == "evaluated"]
    name = f"auroc_seen/{config_of(finished)['score']}"  # the one that is shown
    for event, by_seed in zip(measured, aurocs, strict=True):
        assert [event["values"][f"{name}/seed_{seed}"] for seed in (0, 1)] == by_seed
        assert event["values"][name] == pytest.approx(sum(by_seed) / 2, abs=1e-15)


def test_pictures_are_png_files(finished: Path) -> None:
    sizes = {
        (event["name"], event["task"]): Image.open(io.BytesIO(base64.b64decode(event["png"]))).size
        for event in logged(finished)
        if event["event"] == "picture"
    }
    assert sizes == {
        **{("samples", task): (80, 8) for task in (1, 2)},
        **{("reconstructions", task): (96, 24) for task in (1, 2)},
    }


def test_the_manifest_does_not_name_it_and_what_becomes_of_it_damages_nothing(
    finished: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(finished, tmp_path / finished.name))
    assert "events.jsonl" not in (folder / "manifest.json").read_text()
    (folder / "events.jsonl").write_bytes(b"\xff")
    check_files(folder)
    assert cli("remove", folder, "--yes").code == 0
    assert not folder.exists()


def test_an_event_log_that_cannot_be_written_costs_nothing(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Path.open

    def refusing(path: Path, *arguments: Any, **settings: Any) -> Any:
        if path.name == events.EVENTS_FILE:
            raise OSError(28, "No space left on device")
        return original(path, *arguments, **settings)

    monkeypatch.setattr(Path, "open", refusing)
    done = cli("run", *SMALL, "--strategy", "gr", "--seeds", "2", "--out", tmp_path, "--no-report")
    assert done.code == 0, done.err
    assert plain(done.err).count("Could not write all events to") == 1
    assert "No space left on device" in plain(done.err)
    for file in FILES:
        assert (tmp_path / finished.name / file).read_bytes() == (finished / file).read_bytes()


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_a_resumed_run_appends_and_needs_nothing_of_it(
    finished: Path, tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, steps = TrainStep.__call__, [0]

    def interrupted(self: TrainStep, *arguments: object) -> object:
        steps[0] += 1
        if steps[0] == 6:  # in the second task
            signal.raise_signal(signal.SIGTERM)
        return original(self, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(TrainStep, "__call__", interrupted)
        command = ("run", *SMALL, "--strategy", "gr", "--seeds", "2", "--quiet", "--out", tmp_path)
        assert cli(*command).code == 143
    folder = tmp_path / finished.name
    assert logged(folder)[-1]["how"] == "interrupted"
    log = folder / "events.jsonl"
    if damage == "gone":
        log.unlink()
    else:
        log.write_bytes(log.read_bytes()[:-5])
    assert cli("resume", folder, "--quiet").code == 0
    whole = [event for event in events.EventReader(log).new() if event["event"] == "begin"]
    assert whole[-1]["learnt"] == 1
    assert len(whole) == (1 if damage == "gone" else 2)
    assert logged_ends(log)[-1] == "finished"
    for file in FILES:
        assert (folder / file).read_bytes() == (finished / file).read_bytes()


def logged_ends(log: Path) -> list[str]:
    return [event["how"] for event in events.EventReader(log).new() if event["event"] == "end"]
