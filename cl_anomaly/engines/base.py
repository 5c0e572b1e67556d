"""What engines have in common: the runs that they are given, and what came of them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Protocol

from cl_anomaly.core.events import EVENTS_FILE, Event, tell
from cl_anomaly.core.progress import Progress
from cl_anomaly.settings.run_config import RunConfig
from cl_anomaly.settings.strategy_names import file_of

# Nothing here imports PyTorch: a worker says first how many threads it may have.


@dataclass
class Outcome:
    """What became of several runs.

    Attributes:
        folders: of the runs that have results, by name.
        failures: why the others have none, and which of their replicas have none, by name.
        interrupted: a signal that has asked for the end of all.
        seconds: that runs took where they were carried out, by name.
        over: is told of each run that is over: its name, and what has failed of it, if anything.
    """

    folders: dict[str, Path] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    interrupted: int | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    over: Callable[[str, str], None] = field(default=lambda _run, _failure: None)

    def add(self, name: str, folder: Path, failures: list[str]) -> None:
        """Add a run that has results, and a sentence for each of its replicas that failed."""
        self.folders[name] = folder
        if failures:
            self.failures[name] = "\n".join(failures)
        self.over(name, self.failures.get(name, ""))

    def fail(self, name: str, why: str) -> None:
        """Add a run that has no results."""
        self.failures[name] = why
        self.over(name, why)


@dataclass(frozen=True)
class Job:
    """A run as it is sent to a process that performs it.

    Attributes:
        run: its name among others.
        config: its configuration.
        out: folder for its folder.
        name: of its folder.
        again: run it also if it is finished already, in a folder of its own.
        track: names of trackers that follow it.
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
        """Whether it executes a file of the user's: its process performs no other run."""
        return file_of(str(self.config.strategy)) is not None

    def absolute(self) -> "Job":
        """Return the job with a folder that is found from anywhere."""
        return replace(self, out=self.out.absolute())

    def settled(self) -> "Job":
        """Return the job with the folder that it gets: a new one, which is made, to run it again.

        So the folder is known to everybody before the run begins, and stays the same if the run
        begins a second time, as on another machine.
        """
        if not self.again:
            return self
        for number in count(1):
            name = self.name if number == 1 else f"{self.name}-{number}"
            try:
                (self.out / name).mkdir(parents=True)
            except FileExistsError:
                continue
            except OSError:  # which the run will say
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
"""Makes, from a run's name, what is told of its progress."""


class Listeners:
    """The listeners of several runs, each made when something is first heard of its run."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._by_run: dict[str, Progress] = {}

    def __contains__(self, run: str) -> bool:
        """Return whether something has been heard of a run."""
        return run in self._by_run

    def expect(self, run: str) -> None:
        """Make a run's listener before anything is heard of it."""
        self._by_run[run] = self._listener(run)

    def tell(self, run: str, event: Event) -> None:
        """Tell a run's listener of an event."""
        if run not in self._by_run:
            self.expect(run)
        tell(self._by_run[run], event)


class Engine(Protocol):
    """Carries runs out: nothing outside this room knows where."""

    @property
    def at_a_time(self) -> int:
        """How many runs go at a time, as far as that is known."""
        ...

    def run_all(self, jobs: Sequence[Job], listener: Listener, outcome: Outcome) -> None:
        """Perform each run; one that fails stops no other.

        A process that has executed a file of the user's performs no other run. A signal that asks
        for the end is passed on: what has been done is saved, and the same runs go on from there,
        on this engine or on another.

        Args:
            jobs: the runs, started in this order: the longest should come first.
            listener: of each.
            outcome: is told what became of them.
        """
        ...
