"""Worker processes: one takes run after run, and where it ends, another takes the rest."""

import gc
import json
import os
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from cl_anomaly.core.events import EventReader
from cl_anomaly.core.progress import Progress
from cl_anomaly.engines.base import Job, Outcome
from cl_anomaly.engines.local import LocalEngine
from cl_anomaly.engines.worker import perform_job
from cl_anomaly.settings.run_config import RunConfig

STRATEGY = """
import os

from cl_anomaly.strategies import Strategy


class Own(Strategy):
    def __init__(self, ends: bool = False, megabytes: int = 0) -> None:
        self.ends, self.filler = ends, b"x" * (megabytes * 2**20)

    def before_task(self, tasks):
        if self.ends:
            os._exit(3)
"""


def config(strategy: str = "lower", **options: Any) -> RunConfig:
    return RunConfig(
        strategy=strategy,
        strategy_options=options,
        dataset="digits",
        task_order=[1, 2],
        epochs=1,
        device="cpu",
    )


@pytest.fixture
def own(tmp_path: Path) -> str:
    """A strategy in a file of the user's."""
    (tmp_path / "own.py").write_text(STRATEGY)
    return f"{tmp_path / 'own.py'}:Own"


def jobs(folder: Path, *configs: RunConfig) -> list[Job]:
    return [Job(str(n), config, folder / "out", f"run-{n}") for n, config in enumerate(configs)]


def performed(folder: Path, *configs: RunConfig, listener: Any = None) -> Outcome:
    outcome = Outcome()
    LocalEngine(1).run_all(jobs(folder, *configs), listener or (lambda _: Progress()), outcome)
    return outcome


def process(folder: Path, number: int) -> int:
    """The process that has performed a run, as its event log says."""
    events = EventReader(folder / "out" / f"run-{number}" / "events.jsonl").new()
    (begun,) = (event["process"] for event in events if event["event"] == "begin")
    return begun


def test_a_worker_takes_one_run_after_another(tmp_path: Path) -> None:
    outcome = performed(tmp_path, config(), config("gr"), config())
    assert list(outcome.folders) == ["0", "1", "2"]
    assert outcome.failures == {}
    assert len({process(tmp_path, n) for n in range(3)}) == 1
    assert process(tmp_path, 0) != os.getpid()


def test_a_process_that_has_executed_a_file_of_the_users_takes_no_other_run(
    tmp_path: Path, own: str
) -> None:
    outcome = performed(tmp_path, config(), config(own), config(own), config())
    assert list(outcome.folders) == ["0", "1", "2", "3"]
    first, second, third, last = (process(tmp_path, n) for n in range(4))
    assert first == second  # it had executed nothing of theirs
    assert len({second, third, last}) == 3


def test_what_a_run_tells_is_heard_of_it_alone(tmp_path: Path) -> None:
    heard: list[tuple[str, int]] = []

    class Heard(Progress):
        def __init__(self, run: str) -> None:
            self.run = run

        def evaluated(self, number: int, aurocs: Sequence[float]) -> None:
            assert len(aurocs) == 1
            heard.append((self.run, number))

    performed(tmp_path, config(), config("gr"), listener=Heard)
    assert heard == [("0", 1), ("0", 2), ("1", 1), ("1", 2)]


def test_a_run_does_not_count_the_memory_of_the_one_before(
    tmp_path: Path, own: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    replies = [perform_job(job) for job in jobs(tmp_path, config(own, megabytes=600), config(own))]
    gc.unfreeze()
    first, second = (
        json.loads((reply.folder / "timing.json").read_text())["peak_memory"]["host_bytes"]
        for reply in replies
        if reply.folder
    )
    assert first - second > 400 * 2**20


def test_where_a_process_ends_that_run_alone_has_failed(tmp_path: Path, own: str) -> None:
    outcome = performed(tmp_path, config(), config(own, ends=True), config())
    assert list(outcome.folders) == ["0", "2"]
    assert outcome.failures == {"1": "its process ended with exit status 3"}
    assert process(tmp_path, 0) == process(tmp_path, 1) != process(tmp_path, 2)


def test_a_worker_that_somebody_ended_between_two_runs_is_replaced(tmp_path: Path) -> None:
    def listener(name: str) -> Progress:
        if name == "1":  # the first run is over, the second is about to be given away
            os.kill(process(tmp_path, 0), signal.SIGKILL)
            while not _is_over(process(tmp_path, 0)):
                time.sleep(0.01)
        return Progress()

    outcome = performed(tmp_path, config(), config(), listener=listener)
    assert list(outcome.folders) == ["0", "1"]
    assert process(tmp_path, 0) != process(tmp_path, 1)


def test_a_run_that_was_given_to_a_worker_as_it_was_ended_is_given_to_another(
    tmp_path: Path,
) -> None:
    def listener(name: str) -> Progress:
        if name == "1":  # it takes the second run, and cannot begin it
            os.kill(process(tmp_path, 0), signal.SIGSTOP)
            end = (process(tmp_path, 0), signal.SIGKILL)
            threading.Timer(1.0, os.kill, end).start()
        return Progress()

    outcome = performed(tmp_path, config(), config(), listener=listener)
    assert not outcome.failures
    assert list(outcome.folders) == ["0", "1"]
    assert process(tmp_path, 0) != process(tmp_path, 1)


def _is_over(number: int) -> bool:
    """Say whether a process has ended, be it that nobody has asked how."""
    try:
        state = (Path("/proc") / str(number) / "stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"
