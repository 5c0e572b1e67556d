"""Several runs at a time, each in a process of its own, and what they give together."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from cl_anomaly.config import RunConfig
from cl_anomaly.errors import CLAnomalyError
from cl_anomaly.progress import Progress

# Nothing here imports PyTorch before a worker has said how many threads it may have.


@dataclass
class Outcome:
    """What became of a comparison's runs.

    Attributes:
        folders: of the runs that were finished, by name.
        failures: why the others were not, by name.
    """

    folders: dict[str, Path] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


def run_all(
    runs: Mapping[str, RunConfig],
    out: Path,
    workers: int,
    listener: Callable[[str], Progress],
) -> Outcome:
    """Run each configuration in a worker process of one thread; one that fails stops no other.

    Args:
        runs: by name, started in this order: the longest should come first.
        out: folder for the runs' folders.
        workers: how many run at a time.
        listener: makes, from a run's name, what is told of its progress.
    """
    context = multiprocessing.get_context("spawn")
    waiting, outcome = list(runs), Outcome()
    active: dict[Connection, tuple[str, BaseProcess, Progress]] = {}
    try:
        while waiting or active:
            while waiting and len(active) < workers:
                name = waiting.pop(0)
                receiver, sender = context.Pipe(duplex=False)
                process = context.Process(
                    target=_work, args=(runs[name], out, sender), name=name, daemon=True
                )
                with _interrupts_ignored():
                    process.start()
                sender.close()
                active[receiver] = (name, process, listener(name))
            for connection in wait(list(active)):
                if not _hear(connection, *active[connection], outcome):  # type: ignore[index]
                    active.pop(connection)  # type: ignore[arg-type]
    finally:
        for _, process, _ in active.values():
            process.terminate()
        for _, process, _ in active.values():
            process.join()
    return outcome


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Let a worker start deaf to Ctrl-C, which the terminal sends to every process.

    The parent ends its workers itself. What is ignored stays so in a process that is started.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # where Python sets no signal handlers
        return
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def _hear(
    connection: Connection, name: str, process: BaseProcess, progress: Progress, outcome: Outcome
) -> bool:
    """Take one message from a worker; returns whether more may come."""
    try:
        kind, *content = connection.recv()
    except (EOFError, OSError):
        process.join()
        if name not in outcome.folders and name not in outcome.failures:
            outcome.failures[name] = f"its process ended with exit status {process.exitcode}"
        return False
    if kind == "finished":
        outcome.folders[name] = content[0]
    elif kind == "failed":
        outcome.failures[name] = content[0]
    else:
        getattr(progress, kind)(*content)
    return True


def _work(config: RunConfig, out: Path, connection: Connection) -> None:
    # An exception, so that a folder that is being written is taken away again.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    os.environ["OMP_NUM_THREADS"] = "1"
    from cl_anomaly.experiment import run
    from cl_anomaly.store import write_run

    try:
        folder = write_run(run(config, _Sender(connection)), out)
        connection.send(("finished", folder))
    except CLAnomalyError as error:
        connection.send(("failed", str(error)))
    except BrokenPipeError:
        sys.exit("The process that compares the runs is gone.")
    except Exception as error:
        connection.send(("failed", f"{type(error).__name__}: {error}"))
        raise


class _Sender(Progress):
    """Passes on, to the process that shows it, what a run tells."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def task(self, number: int, tasks: int, epochs: int) -> None:
        self._connection.send(("task", number, tasks, epochs))

    def update(self, done: int, total: int, loss: float) -> None:
        self._connection.send(("update", done, total, loss))

    def evaluated(self, number: int, aurocs: Sequence[float]) -> None:
        self._connection.send(("evaluated", number, list(aurocs)))
