"""What engines have in common: the runs that they are given, and what came of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Protocol

from cl_anomaly.core.progress import Progress
from cl_anomaly.settings.run_config import RunConfig

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
    """A run as it is sent to a process that carries it out.

    Attributes:
        run: its name among others.
        config: its configuration.
        out: folder for its folder.
        name: of its folder. None: made from the configuration, the data and the code.
        again: run it also where it is finished already, in a folder of its own.
        track: names of trackers that are told of it.
    """

    run: str
    config: RunConfig
    out: Path
    name: str | None = None
    again: bool = False
    track: tuple[str, ...] = ()

    @property
    def folder(self) -> Path | None:
        """Its folder, where that has a name."""
        return self.out / self.name if self.name else None

    def settled(self) -> "Job":
        """Return a run its folder as it is found from anywhere, also one that is asked for again.

        So it finds what it has done where it is begun a second time, as on another machine.
        """
        if not self.again or self.name is None:
            return replace(self, out=self.out.absolute())
        names = (self.name if n == 1 else f"{self.name}-{n}" for n in count(1))
        free = next(name for name in names if not (self.out / name).exists())
        return replace(self, out=self.out.absolute(), name=free, again=False)


Listener = Callable[[str], Progress]
"""Makes, from a run's name, what is told of its progress."""


class Engine(Protocol):
    """Carries runs out: nothing outside this room knows where."""

    @property
    def at_a_time(self) -> int:
        """How many runs go at a time, as far as that is known."""
        ...

    def run_all(self, jobs: Sequence[Job], listener: Listener, outcome: Outcome) -> None:
        """Perform each run; one that fails stops no other.

        A signal that asks for the end is passed on: what has been done is saved, and the same
        runs go on from there, on this engine or on another.

        Args:
            jobs: the runs, started in this order: the longest should come first.
            listener: of each.
            outcome: is told what became of them.
        """
        ...
