"""The jobs that engines perform, their outcome, and the base class of engines."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from cl_anomaly.core.events import EVENTS_FILE, Event, tell
from cl_anomaly.core.progress import Progress
from cl_anomaly.settings.run_config import RunConfig
from cl_anomaly.settings.strategy_names import file_of

# Nothing here imports PyTorch: a worker sets its number of threads first.


@dataclass
class Outcome:
    """The outcome of several runs, by their names.

    Attributes:
        folders: folders of the runs with results.
        failures: why a run, or some of its replicas, has no results.
        interrupted: the signal that asked all runs to end.
        over: called when a run is over, with its name and its failure, if any.
    """

    folders: dict[str, Path] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    interrupted: int | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    over: Callable[[str, str], None] = field(default=lambda _run, _failure: None)

    def add(self, name: str, folder: Path, failures: list[str]) -> None:
        """Add a run with results, and a sentence for each replica that failed."""
        self.folders[name] = folder
        if failures:
            self.failures[name] = "\n".join(failures)
        self.over(name, self.failures.get(name, ""))

    def fail(self, name: str, why: str) -> None:
        """Add a run without results."""
        self.failures[name] = why
        self.over(name, why)


@dataclass(frozen=True)
class Job:
    """A run as it is sent to a process that performs it.

    Attributes:
        out: parent of the run's folder.
        name: name of the run's folder.
        again: run it even if it is finished, in a new folder.
    """

    run: str
    config: RunConfig
    out: Path
    name: str
    again: bool = False
    track: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.out / self.name

    @property
    def event_log(self) -> Path:
        """The log of what happens in the run."""
        return self.folder / EVENTS_FILE

    @property
    def has_own_code(self) -> bool:
        """Whether it executes a user's file: its process performs no other run."""
        return file_of(str(self.config.strategy)) is not None

    def absolute(self) -> "Job":
        """Return the job with an absolute path."""
        return replace(self, out=self.out.absolute())

    def settled(self) -> "Job":
        """Return the job with its final folder, which is made now if the run is to be repeated.

        The folder is then known before the run begins, and stays the same if the run begins twice,
        as on another machine.
        """
        if not self.again:
            return self
        for number in count(1):
            name = self.name if number == 1 else f"{self.name}-{number}"
            try:
                (self.out / name).mkdir(parents=True)
            except FileExistsError:
                continue
            except OSError:  # the run reports it
                pass
            return replace(self, name=name, again=False)
        raise AssertionError("unreachable: there is always a next number")

    def to_json(self) -> str:
        """Return the job as JSON."""
        others = {"run": self.run, "out": str(self.out), "name": self.name, "again": self.again}
        return json.dumps({**others, "track": self.track, "config": self.config.to_dict()})

    @classmethod
    def from_json(cls, content: str | bytes) -> "Job":
        """Read what `to_json` wrote."""
        job = json.loads(content)
        config, out = RunConfig(**job["config"]), Path(job["out"])
        return cls(**job | {"config": config, "out": out, "track": tuple(job["track"])})


Listener = Callable[[str], Progress]
"""Returns the listener to a run's progress, from the run's name."""


class Listeners:
    """The listeners of several runs, made at their first event."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._by_run: dict[str, Progress] = {}

    def __contains__(self, run: str) -> bool:
        """Return whether a run has a listener."""
        return run in self._by_run

    def expect(self, run: str) -> None:
        """Make a run's listener before its first event."""
        self._by_run[run] = self._listener(run)

    def tell(self, run: str, event: Event) -> None:
        """Pass an event on to a run's listener."""
        if run not in self._by_run:
            self.expect(run)
        tell(self._by_run[run], event)


class Engine(ABC):
    """The base class of engines, which perform at most `workers` runs at a time."""

    _workers: int | None

    @property
    def at_a_time(self) -> int:
        """Number of runs at a time: `workers`, or this machine's cores."""
        from cl_anomaly.core.machine import available_cores

        return self._workers or available_cores()

    @abstractmethod
    def run_all(self, jobs: Sequence[Job], listener: Listener, outcome: Outcome) -> None:
        """Perform each run, and add it to the outcome; a failure stops no other run.

        A process that has executed a user's file performs no other run. Signals to end are passed
        on: runs save their state, and can be resumed on any engine.

        Args:
            jobs: in the order of their start; the longest should come first.
        """
