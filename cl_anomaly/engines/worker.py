"""A run in the process that carries it out, what it tells, and what comes back."""

import gc
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from cl_anomaly.core.errors import CLAnomalyError, Interrupted
from cl_anomaly.core.progress import Progress
from cl_anomaly.engines.base import Job, Outcome


@dataclass(frozen=True)
class Reply:
    """What came of a run.

    Attributes:
        folder: with its results, where it has some.
        said: a sentence for each replica that failed; or why there are no results.
        signal: that has asked for its end.
        seconds: that it took.
    """

    folder: Path | None
    said: list[str] = field(default_factory=list)
    signal: int | None = None
    seconds: float = 0.0

    def tell(self, run: str, outcome: Outcome) -> None:
        """Add to an outcome what came of a run; one that was asked to end has none yet."""
        outcome.seconds[run] = self.seconds
        if self.folder is not None:
            outcome.add(run, self.folder, self.said)
        elif self.signal is None:
            outcome.fail(run, "\n".join(self.said))


_NUMBERS = count()
"""Of the runs that this process carries out."""


def carried_out(job: Job, progress: Progress) -> Reply:
    """Do what is left of a run, in a process of one thread that may have carried out others."""
    os.environ["OMP_NUM_THREADS"] = "1"  # read as PyTorch is imported
    from cl_anomaly.core.machine import forget_peak_memory
    from cl_anomaly.plan.build import prepare
    from cl_anomaly.runs.perform import perform

    began = time.perf_counter()
    gc.collect()  # what the run before has left, such as its model
    if next(_NUMBERS) == 1:  # the libraries are there: to look through them each time takes long
        gc.freeze()
    forget_peak_memory()
    try:
        plan = prepare(job.config)
        done = perform(plan, job.out, lambda _: progress, job.again, job.name, job.track)
        reply = Reply(done.folder, done.failures)
    except Interrupted as interrupted:
        reply = Reply(None, [str(interrupted)], interrupted.signal)
    except CLAnomalyError as error:
        reply = Reply(None, [str(error)])
    return replace(reply, seconds=time.perf_counter() - began)


class Teller(Progress):
    """Passes on what a run tells, to where it is shown.

    Args:
        send: is given each message: what it is, and its content. It returns whether the run is to
            be asked to end.
    """

    def __init__(self, send: Callable[[str, tuple[Any, ...]], bool]) -> None:
        self._send = send

    def _tell(self, kind: str, *content: Any) -> None:
        if self._send(kind, content):
            signal.raise_signal(signal.SIGTERM)  # the run saves what it has done, and ends

    def task(self, number: int, tasks: int, epochs: int | None) -> None:
        """Pass it on, see `Progress.task`."""
        self._tell("task", number, tasks, epochs)

    def update(self, done: int, total: int, loss: float) -> None:
        """Pass it on, see `Progress.update`."""
        self._tell("update", done, total, loss)

    def evaluated(self, number: int, aurocs: Sequence[float]) -> None:
        """Pass it on, see `Progress.evaluated`."""
        self._tell("evaluated", number, list(aurocs))

    def notice(self, text: str) -> None:
        """Pass it on, see `Progress.notice`."""
        self._tell("notice", text)


def retell(progress: Progress, kind: str, content: Sequence[Any]) -> None:
    """Return a listener a message of a `Teller`."""
    getattr(progress, kind)(*content)


@contextmanager
def interrupts_ignored() -> Iterator[None]:
    """Let processes start deaf to Ctrl-C, which the terminal sends to every process.

    Who starts them ends them. What is ignored stays so in a process that is started.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # where Python sets no signal handlers
        return
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
