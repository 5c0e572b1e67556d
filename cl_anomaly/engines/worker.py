"""Perform one run in a worker process, and return its reply."""

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
    """The result of a run in a worker.

    Attributes:
        folder: the run's folder, if it has results.
        failures: a sentence for each failed replica, or for missing results.
        signal: the signal that asked the run to end.
    """

    folder: Path | None
    failures: list[str] = field(default_factory=list)
    signal: int | None = None
    seconds: float = 0.0

    def tell(self, run: str, outcome: Outcome) -> None:
        """Add the run to an outcome, unless it was interrupted."""
        outcome.seconds[run] = self.seconds
        if self.folder is not None:
            outcome.add(run, self.folder, self.failures)
        elif self.signal is None:
            outcome.fail(run, "\n".join(self.failures))

    def to_json(self) -> str:
        """Return the reply as JSON."""
        return json.dumps(asdict(self) | {"folder": self.folder and str(self.folder)})

    @classmethod
    def from_json(cls, content: str | bytes) -> "Reply":
        """Read what `to_json` wrote."""
        reply = json.loads(content)
        return cls(**reply | {"folder": reply["folder"] and Path(reply["folder"])})


_NUMBERS = count()  # of the runs that this process performs


def perform_job(job: Job, progress: Progress | None = None) -> Reply:
    """Perform or resume a run, in a process of one thread that may have performed others."""
    os.environ["OMP_NUM_THREADS"] = "1"  # read as PyTorch is imported
    from cl_anomaly.core.machine import forget_peak_memory
    from cl_anomaly.plan.build import prepare
    from cl_anomaly.runs.perform import perform

    began = time.perf_counter()
    gc.collect()  # the model of the run before
    if next(_NUMBERS) == 1:  # searching the libraries once is enough
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
    """Let processes that are started here ignore Ctrl-C, which the terminal sends to all.

    A started process inherits ignored signals; the one that started it ends it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Python sets signal handlers only in the main thread
        return
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
