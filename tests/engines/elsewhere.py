"""Runs that are carried out somewhere, and what is heard of them; `python -m` is told by tests."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cl_anomaly.core.progress import Progress
from cl_anomaly.engines.base import Engine, Job, Outcome
from cl_anomaly.plan.outline import outline_of
from cl_anomaly.settings.run_config import RunConfig
from tests.support.places import ROOT

# What a run's numbers are in; other files tell the time.
NUMBERS = ("metrics.csv", "scores.npz", "model.safetensors", "losses.csv", "pictures.npz")

STRATEGY = '''
import os
from pathlib import Path

from cl_anomaly.strategies import Strategy


class Notes(Strategy):
    """Takes note of each time that it begins, and may fail."""

    def __init__(self, file: str, how: str = "well") -> None:
        self.file, self.how = Path(file), how

    def before_task(self, tasks):
        if self.task_number == 1:
            with self.file.open("a") as file:
                file.write("begun\\n")
        if self.how == "raises":
            raise ValueError("for a reason of its own")
        if self.how == "ends":
            os._exit(3)
'''


class Heard(Progress):
    """Remembers what a run tells, and may act on it."""

    def __init__(self, run: str, all_told: list[tuple[str, str, Any]], act: Callable[..., None]):
        self._run, self._all, self._act = run, all_told, act

    def task(self, number: int, tasks: int, epochs: int | None) -> None:
        self._all.append((self._run, "task", number))
        self._act(self._run, number)

    def notice(self, text: str) -> None:
        self._all.append((self._run, "notice", text))


class Runs:
    """Small runs of the digits, seeds 0, 1..., in a folder; some linger until they are let go."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: list[tuple[str, str, Any]] = []

    def lingering(self, count: int, out: Path) -> list[Job]:
        """Runs that linger in their second task until the file `go` is there."""
        file = shutil.copy(ROOT / "tests" / "support" / "lingering.py", self.folder)
        return [self._job(f"run {n}", f"{file}:Lingers", n, out) for n in range(count)]

    def noting(self, out: Path, **how: str) -> list[Job]:
        """Runs that take note of their beginnings, by name, and end as is said."""
        file = self.folder / "notes.py"
        file.write_text(STRATEGY)
        return [
            self._job(name, f"{file}:Notes", 0, out, file=str(self.folder / name), how=end)
            for name, end in how.items()
        ]

    def plain(self, out: Path) -> list[Job]:
        return [self._job(name, name, 0, out) for name in ("gr", "lower")]

    def _job(self, name: str, strategy: str, seed: int, out: Path, **options: Any) -> Job:
        config = RunConfig(
            strategy=strategy,
            strategy_options=options,
            dataset="digits",
            task_order=[1, 2, 3],
            epochs=1,
            seeds=[seed],
            device="cpu",
        )
        outline = outline_of(config)
        return Job(name, outline.config, out, outline.folder)

    def go(self) -> None:
        """Let those go on that linger."""
        (self.folder / "go").touch()

    @property
    def going_on(self) -> list[tuple[str, str]]:
        """Runs that said that they go on from a checkpoint, and how they said it."""
        notices = [(run, content) for run, kind, content in self.told if kind == "notice"]
        return [(run, text) for run, text in notices if text.startswith("Resuming")]

    def begun(self, name: str) -> int:
        """Count how often one of `noting` has begun."""
        return len((self.folder / name).read_text().splitlines())

    def performed(
        self, engine: Engine, jobs: list[Job], act: Callable[..., None] = lambda *_: None
    ) -> Outcome:
        outcome = Outcome()
        for job in jobs:
            job.out.mkdir(exist_ok=True)
        engine.run_all(jobs, lambda run: Heard(run, self.told, act), outcome)
        return outcome


def same_numbers(one: Outcome, other: Outcome) -> bool:
    """Say whether the same runs have the same numbers, byte for byte."""
    assert one.folders.keys() == other.folders.keys()
    assert one.failures == other.failures == {}
    return all(
        (folder / file).read_bytes() == (other.folders[run] / file).read_bytes()
        for run, folder in one.folders.items()
        for file in NUMBERS
    )
