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
from cl_anomaly.errors import CLAnomalyError, Interrupted
from cl_anomaly.interrupts import stop_requested_by_signals
from cl_anomaly.progress import Progress

# Nothing here imports PyTorch before a worker has said how many threads it may have.


@dataclass
class Outcome:
    """What became of a comparison's runs.

    Attributes:
        folders: of the runs that have results, by name.
        failures: why the others have none, and which of their replicas have none, by name.
        interrupted: a signal that has asked for the end of all.
    """

    folders: dict[str, Path] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    interrupted: int | None = None


def run_all(
    runs: Mapping[str, RunConfig],
    out: Path,
    workers: int,
    listener: Callable[[str], Progress],
    again: bool = False,
) -> Outcome:
    """Perform each run in a worker process of one thread; one that fails stops no other.

    A signal that asks for the end is passed on: the workers save what they have done.

    Args:
        runs: by name, started in this order: the longest should come first.
        out: folder for the runs' folders.
        workers: how many run at a time.
        listener: makes, from a run's name, what is told of its progress.
        again: run also those that are finished already.
    """
    context = multiprocessing.get_context("spawn")
    waiting, outcome = list(runs), Outcome()
    active: dict[Connection, tuple[str, BaseProcess, Progress]] = {}
    with stop_requested_by_signals() as stop:
        try:
            while waiting or active:
                while waiting and len(active) < workers and stop.signal is None:
                    name = waiting.pop(0)
                    receiver, sender = context.Pipe(duplex=False)
                    process = context.Process(
                        target=_work, args=(runs[name], out, again, sender), name=name, daemon=True
                    )
                    with _interrupts_ignored():
                        process.start()
                    sender.close()
                    active[receiver] = (name, process, listener(name))
                if stop.signal is not None and outcome.interrupted is None:
                    outcome.interrupted, waiting = stop.signal, []
                    for _, process, _ in active.values():
                        process.terminate()
                # With an end: a signal that arrives between the look and the wait is not missed.
                for connection in wait(list(active), timeout=1.0):
                    if not _hear(connection, *active[connection], outcome):  # type: ignore[index]
                        active.pop(connection)  # type: ignore[arg-type]
        finally:
            for _, process, _ in active.values():
                process.kill()  # nothing is lost but what was done since the last checkpoint
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
        known = name in outcome.folders or name in outcome.failures
        if not known and outcome.interrupted is None:
            outcome.failures[name] = _describe_end(process.exitcode or 0)
        return False
    if kind == "finished":
        outcome.folders[name], failures = content
        if failures:
            outcome.failures[name] = "\n".join(failures)
    elif kind == "failed":
        outcome.failures[name] = content[0]
    else:
        getattr(progress, kind)(*content)
    return True


def _describe_end(status: int) -> str:
    if status >= 0:
        return f"its process ended with exit status {status}"
    name = signal.Signals(-status).name
    cause = ", perhaps because memory ran out" if name == "SIGKILL" else ""
    return f"its process was ended by {name}{cause}"


def _work(config: RunConfig, out: Path, again: bool, connection: Connection) -> None:
    # Until the run has a folder to save what it has done in.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    os.environ["OMP_NUM_THREADS"] = "1"
    from cl_anomaly.runner import perform, prepare

    try:
        done = perform(prepare(config), out, lambda _: _Sender(connection), again)
        connection.send(("finished", done.folder, done.failures))
    except Interrupted as interrupted:
        sys.exit(interrupted.exit_code)
    except CLAnomalyError as error:
        connection.send(("failed", str(error)))
    except BrokenPipeError:
        sys.exit("The process that compares the runs is gone.")


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

    def notice(self, text: str) -> None:
        self._connection.send(("notice", text))
