"""What trackers are told of a run, of one that is resumed, and of one that is shown again."""

import csv
import json
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cl_anomaly import RunConfig, run
from cl_anomaly.core.errors import InputError
from cl_anomaly.core.events import EVENTS_FILE, EventLog, append, size_of
from cl_anomaly.listeners.trackers import check_trackers, tracker_names
from cl_anomaly.listeners.trackers.base import TrackedRun
from cl_anomaly.listeners.trackers.client import TrackerClient
from cl_anomaly.runs import tracking
from tests.listeners.trackers.offered import written
from tests.support.command import SMALL, cli, run_quietly

pytestmark = pytest.mark.usefixtures("offered", "patient")


def metrics(folder: Path) -> dict[tuple[str, int], list[float]]:
    """All numbers of `metrics.csv`, by METRIC/SCORE and task."""
    found: dict[tuple[str, int], list[float]] = {}
    with (folder / "metrics.csv").open() as table:
        for row in csv.DictReader(table):
            if row["task"] != "0":
                key = f"{row['metric']}/{row['score']}", int(row["task"])
                found.setdefault(key, []).append(float(row["value"]))
    return found


def told_of_tasks(lines: Sequence[list[Any]]) -> list[tuple[str, int, float]]:
    return [
        (name, number, value)
        for kind, number, values in (line for line in lines if line[0] == "task")
        for name, value in values.items()
    ]


def test_all_of_a_run_is_told(tmp_path: Path) -> None:
    folder = run_quietly(tmp_path, "--strategy", "gr", "--seeds", "2", "--track", "writes")
    lines = written(folder)
    assert lines[0][:2] == ["start", folder.name]
    assert lines[0][2]["strategy"] == "gr"
    assert lines[0][2]["strategy.ratio"] == "proportional"
    assert lines[-1] == ["end", "finished"]
    told = told_of_tasks(lines)
    assert len({(name, number) for name, number, _ in told}) == len(told)
    means = {(name, number): value for name, number, value in told if "seed_" not in name}
    assert means == {key: statistics.fmean(own) for key, own in metrics(folder).items()}
    for task in (1, 2):
        by_seed = [v for n, t, v in told if n.startswith("auroc_seen/recon/seed_") and t == task]
        assert by_seed == metrics(folder)["auroc_seen/recon", task]


def test_losses_go_up_in_steps_of_thousandths_of_an_epoch(tmp_path: Path) -> None:
    losses = [
        (step, value)
        for kind, step, value in (
            line for line in written(run_quietly(tmp_path, "--track", "writes")) if len(line) == 3
        )
        if kind == "loss"
    ]
    steps = [step for step, _ in losses]
    assert steps == sorted(set(steps))
    assert {1000, 2000} <= set(steps)
    assert steps[-1] == 2000
    assert all(np.isfinite(value) for _, value in losses)


def test_pictures_are_told_with_their_tasks(tmp_path: Path) -> None:
    lines = written(run_quietly(tmp_path, "--strategy", "gr", "--track", "writes"))
    pictures = {(name, step): shape for _, name, step, shape in (x for x in lines if len(x) == 4)}
    # Ten samples of 8 x 8 in a row; four of each task and four anomalies, in three rows.
    assert pictures.pop(("samples", 1)) == pictures.pop(("samples", 2)) == [8, 80, 3]
    reconstructions = [pictures.pop(("reconstructions", task)) for task in (1, 2)]
    assert reconstructions == [[24, 96, 3]] * 2
    assert list(pictures) == [("auroc_per_task", 2)]


def test_a_run_on_samples_that_are_no_images_has_no_such_pictures(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).random((60, 3))
    np.savez(tmp_path / "table.npz", X=rows, y=np.repeat([0, 1, 2], 20))
    arguments = ["--dataset", tmp_path / "table.npz", "--anomaly-class", "2"]
    out = ["--out", tmp_path / "out", "--epochs", "1", "--device", "cpu", "--quiet"]
    done = cli("run", *arguments, *out, "--track", "writes")
    assert done.code == 0, done.err
    names = {line[1] for line in written(done.last_line) if line[0] == "picture"}
    assert names == {"auroc_per_task"}


def test_a_finished_run_that_is_shown_again_tracks_nothing(tmp_path: Path) -> None:
    folder = run_quietly(tmp_path, "--track", "writes")
    before = written(folder)
    assert run_quietly(tmp_path, "--track", "writes") == folder
    assert cli("resume", folder, "--track", "forgets", "--quiet").code == 0
    assert written(folder) == before
    other = run_quietly(tmp_path, "--track", "writes", "--again")
    assert other != folder
    assert written(folder) == before
    assert written(other)[-1] == ["end", "finished"]


def killed(moments: str, out: Path, *arguments: str) -> list[int]:
    """Run, killed at these moments; a few steps of each task are checkpoints."""
    own = ["run", *SMALL, "--strategy", "gr", "--quiet", "--no-report", *arguments]
    command = [sys.executable, "-m", "tests.support.killing", moments, *own, "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [int(code) for code in done.stdout.splitlines()[-1].split()]


@pytest.mark.slow
@pytest.mark.parametrize("tracker", ["writes", "forgets"])
def test_a_run_that_is_killed_and_resumed_is_one_tracked_run(tmp_path: Path, tracker: str) -> None:
    codes = killed("step:3,saved:4,step:2", tmp_path / "out", "--track", tracker)
    assert codes == [-signal.SIGKILL] * 3
    (folder,) = (tmp_path / "out").glob("digits*")
    # Elsewhere, under another name, and not told that it is tracked.
    moved = tmp_path / "elsewhere" / "moved"
    moved.parent.mkdir()
    shutil.move(folder, moved)
    assert cli("resume", moved, "--quiet").code == 0
    lines = written(moved)
    ends = [line[1] for line in lines if line[0] == "end"]
    assert ends == ["interrupted"] * (len(ends) - 1) + ["finished"]
    assert len(list((tmp_path / "out" / ".tracked").glob("*.jsonl"))) == 1
    told = [(name, number) for name, number, _ in told_of_tasks(lines)]
    assert ("auroc_seen/recon", 1) in told
    assert ("auroc_seen/recon", 2) in told
    pictures = [tuple(line[1:3]) for line in lines if line[0] == "picture"]
    assert ("samples", 1) in pictures
    if tracker == "writes":
        assert len(set(told)) == len(told)
        assert set(told) == set(metrics(moved))
        assert len(set(pictures)) == len(pictures)
        steps = [line[1] for line in lines if line[0] == "loss"]
        assert steps == sorted(set(steps))
        assert steps[-1] == 2000


@pytest.mark.slow
def test_a_run_that_is_tracked_from_its_middle_is_told_from_its_beginning(tmp_path: Path) -> None:
    killed("saved:7", tmp_path / "out")
    (folder,) = (tmp_path / "out").glob("digits*")
    assert cli("resume", folder, "--quiet", "--track", "writes").code == 0
    told = {(name, number) for name, number, _ in told_of_tasks(written(folder))}
    assert told == set(metrics(folder))


def test_an_unknown_name_is_refused_before_anything_starts(tmp_path: Path) -> None:
    for command in ("run", "compare"):
        done = cli(command, "--dataset", "digits", "--out", tmp_path / "out", "--track", "mflow")
        assert done.code == 2
        assert "tensorboard, mlflow, trackio" in done.err
        assert "Did you mean `mlflow`?" in done.err
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="Expected `track` to name trackers"):
        check_trackers(["mflow"])


def test_names_are_those_of_this_package_and_of_others() -> None:
    names = tracker_names()
    assert names[:3] == ["tensorboard", "mlflow", "trackio"]
    assert {"writes", "hangs"} < set(names)
    assert check_trackers(["writes", "mlflow", "writes"]) == ("writes", "mlflow")


def test_from_python(tmp_path: Path) -> None:
    config = RunConfig(dataset="digits", epochs=1, task_order=[1, 2], device="cpu")
    result = run(config, progress=False, out=tmp_path, track=["writes"])
    assert result.folder
    assert written(result.folder)[-1] == ["end", "finished"]
    with pytest.raises(InputError, match="Expected `out` with `track`"):
        run(config, track=["writes"])


def test_a_tracked_run_can_be_removed(tmp_path: Path) -> None:
    folder = run_quietly(tmp_path, "--track", "writes")
    assert json.loads(cli("runs", "--out", tmp_path, "--json").out)
    assert cli("remove", folder, "--yes").code == 0
    assert not folder.exists()


def test_a_process_that_waited_while_the_run_was_resumed_again_writes_nothing(
    tmp_path: Path,
) -> None:
    """Which of several gets a lock is chance."""
    (tmp_path / EVENTS_FILE).touch()
    for times in (2, 1, 3):
        about = TrackedRun("0" * 8, "run", tmp_path, {}, tmp_path, times)
        since = size_of(tmp_path / EVENTS_FILE)
        own = TrackerClient("writes", about, since)
        how = "interrupted" if times < 3 else "failed"
        EventLog(partial(append, tmp_path / EVENTS_FILE)).add("end", how=how)
        assert own.close(time.monotonic() + 60) is None
    lines = [json.loads(x) for x in (tmp_path / f"{'0' * 8}.jsonl").read_text().splitlines()]
    assert [line[0] for line in lines] == ["start", "end"] * 2
    assert lines[-1] == ["end", "failed"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "../../up"},
        {"store": "/etc"},
        {"trackers": [1]},
        {"id": None},
        {"trackers": None},
        {"times": "1"},
    ],
)
def test_a_folder_from_elsewhere_leads_to_no_other_place(
    tmp_path: Path, wrong: dict[str, Any]
) -> None:
    own = {"id": "0" * 8, "store": str(tmp_path / ".tracked"), "trackers": ["writes"], "times": 1}
    (tmp_path / ".tracked.json").write_text(json.dumps(own))
    assert tracking._recorded(tmp_path) == own
    (tmp_path / ".tracked.json").write_text(json.dumps(own | wrong))
    kept = tracking._recorded(tmp_path)
    assert kept["trackers"] == []
    assert kept["store"] == ""
    assert re.fullmatch("[0-9a-f]{8}", kept["id"])
