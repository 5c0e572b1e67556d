"""Perform one run in a worker process, and return what came of it."""

import gc
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import count
from pathlib import Path

from cl_anomaly.core.errors import CLAnomalyError, Interrupted
from cl_anomaly.core.progress import Progress
from cl_anomaly.engines.base import Job, Outcome


@dataclass(frozen=True)
class Reply:
    """What came of a run.

    Attributes:
        folder: with its results, if it has some.
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

    def to_json(self) -> str:
        """Return the reply as JSON."""
        return json.dumps(asdict(self) | {"folder": self.folder and str(self.folder)})

    @classmethod
    def from_json(cls, content: str | bytes) -> "Reply":
        """Read what `to_json` wrote."""
        reply = json.loads(content)
        return cls(**reply | {"folder": reply["folder"] and Path(reply["folder"])})


_NUMBERS = count()
"""Of the runs that this process performs."""


def perform_job(job: Job, progress: Progress | None = None) -> Reply:
    """Do what is left of a run, in a process of one thread that may have performed others.

    Args:
        progress: is told of the run, as its event log is.
    """
    os.environ["OMP_NUM_THREADS"] = "1"  # read as PyTorch is imported
    from cl_anomaly.core.machine import forget_peak_memory
    from cl_anomaly.plan.build import prepare
    from cl_anomaly.runs.perform import perform

    began = time.perf_counter()
    gc.collect()  # what the run before has left, such as its model
    if next(_NUMBERS) == 1:  # the libraries are there: to look through them each time takes long
        gc.freeze()
    forget_peak_memory()
    shown = progress or Progress()
    try:
        plan = prepare(job.config)
        done = perform(plan, job.out, lambda _: shown, job.again, job.name, job.track)
        reply = Reply(done.folder, done.failures)
    except Interrupted as interrupted:
        reply = Reply(None, [str(interrupted)], interrupted.signal)
    except CLAnomalyError as error:
        reply = Reply(None, [str(error)])
    return replace(reply, seconds=time.perf_counter() - began)


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
