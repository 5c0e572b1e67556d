"""Runs in a Ray cluster: machines that are lost, runs that fail, disks that nobody shares."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import ray
from ray.cluster_utils import Cluster

from cl_anomaly.core.errors import RunError
from cl_anomaly.engines.base import Job
from cl_anomaly.engines.local import LocalEngine
from cl_anomaly.engines.ray import RayEngine
from cl_anomaly.engines.sent_data import SentData, packed
from cl_anomaly.plan.build import resolve
from cl_anomaly.settings.run_config import RunConfig
from cl_anomaly.store.files import is_locked
from cl_anomaly.store.status import find_runs
from tests.engines.elsewhere import NUMBERS, Runs, same_numbers
from tests.support.command import open_interruptible
from tests.support.places import ROOT

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A cluster of a machine with one core, to which others come and from which they go."""
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    yield cluster
    cluster.shutdown()


def test_a_machine_is_lost_in_the_middle_and_nothing_with_it(
    cluster: Cluster, runs: Runs, local: Any
) -> None:
    node, gone = cluster.add_node(num_cpus=1), []

    def lose_the_machine(run: str, task: int) -> None:
        if len({told[0] for told in runs.told if told[2] == 2}) == 2 and not gone:
            gone.append(run)
            cluster.remove_node(node, allow_graceful=False)
            runs.go()

    jobs = runs.lingering(3, runs.folder / "out")
    outcome = runs.performed(RayEngine(address=cluster.address), jobs, lose_the_machine)
    assert gone
    begun_anew = [told for told in runs.told if told[1:] == ("task", 1)]
    assert len(begun_anew) == 3  # the one that was lost went on from its checkpoint
    ((run, text),) = runs.going_on
    assert text == f"Resuming {outcome.folders[run]} from task 1 of 3."
    assert same_numbers(outcome, local(jobs))


def test_without_a_common_disk_all_that_a_run_needs_travels(
    cluster: Cluster, runs: Runs, local: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = runs.folder / "samples.npz"
    random = np.random.default_rng(0)
    x, y = random.random((400, 6), dtype=np.float32), np.arange(400) % 4
    np.savez(samples, x_train=x[:200], y_train=y[:200], x_test=x[200:], y_test=y[200:])
    strategy = runs.folder / "own.py"
    strategy.write_text(
        "from beside import SHARE\nfrom cl_anomaly.strategies import Strategy\n\n\n"
        "class Own(Strategy):\n    def extend(self, x):\n        return x * SHARE\n"
    )
    (runs.folder / "beside.py").write_text("SHARE = 0.5\n")
    config = RunConfig(
        strategy=f"{strategy}:Own", dataset=str(samples), epochs=1, device="cpu", anomaly_class=0
    )
    jobs = [Job("own", resolve(config), runs.folder / "out", "own")]
    expected = local(jobs)
    engine = RayEngine(address=cluster.address, common_disk="no")

    def then_move_it(config: RunConfig) -> SentData:
        sent = packed(config)
        samples.rename(runs.folder / "moved.npz")
        return sent

    monkeypatch.setattr("cl_anomaly.engines.ray.packed", then_move_it)
    outcome = runs.performed(engine, jobs)
    assert same_numbers(outcome, expected)
    (folder,) = outcome.folders.values()
    assert folder == jobs[0].folder
    assert str(strategy) in (folder / "config.json").read_text()


def test_a_run_that_fails_is_not_tried_again_and_one_that_is_lost_is_a_few_times(
    cluster: Cluster, runs: Runs
) -> None:
    jobs = runs.noting(runs.folder / "out", good="well", bad="raises", lost="ends")
    outcome = runs.performed(RayEngine(address=cluster.address, retries=2), jobs)
    assert list(outcome.folders) == ["good"]
    assert "for a reason of its own" in outcome.failures["bad"]
    assert "its process was lost in every attempt" in outcome.failures["lost"]
    assert [runs.begun(name) for name in ("good", "bad", "lost")] == [1, 1, 3]


def test_interrupted_it_is_saved_and_another_engine_goes_on(
    cluster: Cluster, runs: Runs, local: Any
) -> None:
    def interrupt(run: str, task: int) -> None:
        if task == 2:
            (runs.folder / "asked").touch()
            signal.raise_signal(signal.SIGTERM)

    jobs = runs.lingering(2, runs.folder / "out")  # on one core: the second has not begun
    outcome = runs.performed(RayEngine(address=cluster.address), jobs, interrupt)
    assert outcome.interrupted == signal.SIGTERM
    assert (outcome.folders, outcome.failures) == ({}, {})
    # One of them, or both where there was room already.
    assert {status.name for status in find_runs(runs.folder / "out")} == {"interrupted"}
    runs.go()
    again = runs.performed(LocalEngine(1), jobs)
    assert "run 0" in dict(runs.going_on)
    assert same_numbers(again, local(jobs))


def test_interrupted_without_a_common_disk_what_was_saved_comes_back(
    cluster: Cluster, runs: Runs, local: Any
) -> None:
    def interrupt(run: str, task: int) -> None:
        if task == 2:
            (runs.folder / "asked").touch()
            signal.raise_signal(signal.SIGTERM)

    # Its own copy of the strategy lingers where it was unpacked: it is asked to end, and hears it.
    jobs = runs.lingering(1, runs.folder / "out")
    (runs.folder / "lingering.py").write_text(
        (runs.folder / "lingering.py")
        .read_text()
        .replace("Path(__file__).parent", f"Path({str(runs.folder)!r})")
    )
    jobs = [Job("run 0", jobs[0].config, runs.folder / "out", "run-0")]
    engine = RayEngine(address=cluster.address, common_disk="no")
    outcome = runs.performed(engine, jobs, interrupt)
    assert outcome.interrupted == signal.SIGTERM
    runs.go()
    again = runs.performed(engine, jobs)
    assert len(runs.going_on) == 1
    assert same_numbers(again, local(jobs))


def test_the_process_that_asked_is_killed_and_started_again(runs: Runs, local: Any) -> None:
    out, jobs = runs.folder / "out", runs.lingering(1, runs.folder / "out")
    suite = runs.folder / "suite.toml"
    suite.write_text(f'[runs."run 0"]\nstrategy = "{runs.folder}/lingering.py:Lingers"\n')
    asked = f"--suite {suite} --trust --dataset digits --epochs 1 --seeds 1 --device cpu"
    command = [sys.executable, "-m", "cl_anomaly", "compare", *asked.split()]
    command += ["--task-order", "1,2,3", "--out", str(out), "--engine", "ray", "--no-report"]
    with open_interruptible([*command, "--workers", "1"]) as process:
        assert process.stderr
        for line in process.stderr:
            if b"task 1/3" in line:
                break
        time.sleep(0.5)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
    (status,) = find_runs(out)
    while is_locked(status.folder):  # the cluster ends a moment after who started it
        time.sleep(0.1)
    runs.go()
    done = subprocess.run(  # noqa: S603
        [*command, "--workers", "1"], capture_output=True, text=True, timeout=300, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert "Resuming" in done.stderr
    assert "task 1/3" not in done.stderr
    (expected,) = local(jobs).folders.values()
    for file in NUMBERS:
        assert (status.folder / file).read_bytes() == (expected / file).read_bytes(), file


def test_where_there_is_no_cluster_it_says_so(runs: Runs) -> None:
    with pytest.raises(RunError, match="There is no Ray cluster at 127.0.0.1:1"):
        runs.performed(RayEngine(address="127.0.0.1:1"), runs.plain(runs.folder / "out"))
    assert not ray.is_initialized()
