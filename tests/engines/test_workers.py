"""Worker processes: one takes run after run, and where it ends, another takes the rest."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from cl_anomaly.core.progress import Progress
from cl_anomaly.engines.base import Job, Outcome
from cl_anomaly.engines.local import LocalEngine
from cl_anomaly.settings.run_config import RunConfig

STRATEGY = """
import os
from pathlib import Path

from cl_anomaly.strategies import Strategy


class Notes(Strategy):
    def __init__(self, file: str, ends: bool = False, megabytes: int = 0) -> None:
        self.file, self.ends = file, ends
        self.filler = b"x" * (megabytes * 2**20)

    def before_task(self, tasks):
        if self.task_number == 1:
            Path(self.file).write_text(str(os.getpid()))
        if self.ends:
            os._exit(3)
"""


def config(folder: Path, number: int, **options: Any) -> RunConfig:
    file = folder / "notes.py"
    file.write_text(STRATEGY)
    return RunConfig(
        strategy=f"{file}:Notes",
        strategy_options={"file": str(folder / f"{number}.pid"), **options},
        dataset="digits",
        task_order=[1, 2],
        epochs=1,
        device="cpu",
    )


def performed(folder: Path, runs: dict[str, RunConfig], listener: Any = None) -> Outcome:
    outcome = Outcome()
    jobs = [Job(name, config, folder / "out") for name, config in runs.items()]
    LocalEngine(1).run_all(jobs, listener or (lambda _: Progress()), outcome)
    return outcome


def pid(folder: Path, number: int) -> int:
    return int((folder / f"{number}.pid").read_text())


def test_a_worker_takes_one_run_after_another(tmp_path: Path) -> None:
    runs = {str(n): config(tmp_path, n) for n in range(3)}
    outcome = performed(tmp_path, runs)
    assert list(outcome.folders) == ["0", "1", "2"]
    assert outcome.failures == {}
    assert len({pid(tmp_path, n) for n in range(3)}) == 1
    assert pid(tmp_path, 0) != os.getpid()


def test_a_run_does_not_count_the_memory_of_the_one_before(tmp_path: Path) -> None:
    runs = {"0": config(tmp_path, 0, megabytes=600), "1": config(tmp_path, 1)}
    outcome = performed(tmp_path, runs)
    first, second = (
        json.loads((outcome.folders[name] / "timing.json").read_text())["peak_memory"]["host_bytes"]
        for name in runs
    )
    assert first - second > 400 * 2**20


def test_where_a_process_ends_that_run_alone_has_failed(tmp_path: Path) -> None:
    runs = {
        "0": config(tmp_path, 0),
        "1": config(tmp_path, 1, ends=True),
        "2": config(tmp_path, 2),
    }
    outcome = performed(tmp_path, runs)
    assert list(outcome.folders) == ["0", "2"]
    assert outcome.failures == {"1": "its process ended with exit status 3"}
    assert pid(tmp_path, 0) == pid(tmp_path, 1) != pid(tmp_path, 2)


def test_a_worker_that_somebody_ended_between_two_runs_is_replaced(tmp_path: Path) -> None:
    def listener(name: str) -> Progress:
        if name == "1":  # the first run is over, the second is about to be given away
            os.kill(pid(tmp_path, 0), signal.SIGKILL)
            while not _is_over(pid(tmp_path, 0)):
                time.sleep(0.01)
        return Progress()

    outcome = performed(tmp_path, {str(n): config(tmp_path, n) for n in range(2)}, listener)
    assert list(outcome.folders) == ["0", "1"]
    assert pid(tmp_path, 0) != pid(tmp_path, 1)


def _is_over(process: int) -> bool:
    """Say whether a process has ended, be it that nobody has asked how."""
    try:
        state = (Path("/proc") / str(process) / "stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"
