"""Several runs at a time, in processes that take one run after another.

A worker process serves many runs: to import PyTorch takes longer than a small run does.
"""

import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from cl_anomaly.config import RunConfig
from cl_anomaly.errors import CLAnomalyError, Interrupted
from cl_anomaly.progress import Progress
from cl_anomaly.runs.interrupts import stop_requested_by_signals

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

    def add(self, name: str, folder: Path, failures: list[str]) -> None:
        """Add a run that has results, and a sentence for each of its replicas that failed."""
        self.folders[name] = folder
        if failures:
            self.failures[name] = "\n".join(failures)


def run_all(
    runs: Mapping[str, RunConfig],
    out: Path,
    workers: int,
    listener: Callable[[str], Progress],
    again: bool,
    outcome: Outcome,
) -> None:
    """Perform each run in a worker process of one thread; one that fails stops no other.

    A worker takes the next run when it is through with one. Where its process ends, that run alone
    has failed, and another process takes the next.

    A signal that asks for the end is passed on: the workers save what they have done.

    Args:
        runs: by name, started in this order: the longest should come first.
        out: folder for the runs' folders.
        workers: how many run at a time.
        listener: makes, from a run's name, what is told of its progress.
        again: run also those that are finished already.
        outcome: is told what became of them.
    """
    waiting, crew = list(runs), _Workers(out, again, outcome)
    with stop_requested_by_signals() as stop:
        try:
            while waiting or crew.active:
                while waiting and len(crew.active) < workers and stop.signal is None:
                    name = waiting.pop(0)
                    crew.start(name, runs[name], listener(name))
                if stop.signal is not None and outcome.interrupted is None:
                    outcome.interrupted, waiting = stop.signal, []
                    crew.terminate()
                crew.hear()
        finally:
            crew.kill()


@dataclass
class _Worker:
    process: BaseProcess
    run: str | None = None
    progress: Progress = field(default_factory=Progress)


class _Workers:
    """The worker processes of a comparison, and what they say."""

    def __init__(self, out: Path, again: bool, outcome: Outcome) -> None:
        self._out, self._again, self._outcome = out, again, outcome
        self._context = multiprocessing.get_context("spawn")
        self._workers: dict[Connection, _Worker] = {}

    @property
    def active(self) -> list[Connection]:
        """Connections to those that have a run."""
        return [own for own, worker in self._workers.items() if worker.run is not None]

    def start(self, name: str, config: RunConfig, progress: Progress) -> None:
        """Give a run to a worker that has none, or to a new one."""
        for connection in [own for own, worker in self._workers.items() if worker.run is None]:
            try:
                connection.send(config)
            except OSError:  # somebody has ended it
                self._workers.pop(connection).process.join()
                continue
            self._workers[connection].run = name
            self._workers[connection].progress = progress
            return
        connection, process = self._new_process()
        with suppress(OSError):  # one that ended at once is heard of like one that ends later
            connection.send(config)
        self._workers[connection] = _Worker(process, name, progress)

    def _new_process(self) -> tuple[Connection, BaseProcess]:
        ours, theirs = self._context.Pipe()
        arguments = (self._out, self._again, theirs)
        process = self._context.Process(target=_work, args=arguments, daemon=True)
        with _interrupts_ignored():
            process.start()
        theirs.close()
        return ours, process

    def hear(self) -> None:
        """Wait a second at most, and take in what the workers say."""
        # With an end: a signal may arrive after the last look whether there was one.
        for connection in wait(self.active, timeout=1.0):
            worker = self._workers[connection]  # type: ignore[index]
            try:
                kind, *content = connection.recv()  # type: ignore[union-attr]
            except (EOFError, OSError):
                del self._workers[connection]  # type: ignore[arg-type]
                worker.process.join()
                self._note_end(worker)
            else:
                self._note(worker, kind, content)

    def _note(self, worker: _Worker, kind: str, content: list[Any]) -> None:
        if kind not in ("finished", "failed"):
            getattr(worker.progress, kind)(*content)
            return
        run, worker.run = str(worker.run), None
        if kind == "finished":
            self._outcome.add(run, *content)
        else:
            self._outcome.failures[run] = content[0]

    def _note_end(self, worker: _Worker) -> None:
        if self._outcome.interrupted is None:
            self._outcome.failures[str(worker.run)] = _describe_end(worker.process.exitcode or 0)

    def terminate(self) -> None:
        """Ask them to save what they have done, and to end."""
        for worker in self._workers.values():
            worker.process.terminate()

    def kill(self) -> None:
        """End those that are left: nothing is lost but what came after the last checkpoint."""
        for worker in self._workers.values():
            worker.process.kill()
        for worker in self._workers.values():
            worker.process.join()


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


def _describe_end(status: int) -> str:
    if status >= 0:
        return f"its process ended with exit status {status}"
    name = signal.Signals(-status).name
    cause = ", perhaps because memory ran out" if name == "SIGKILL" else ""
    return f"its process was ended by {name}{cause}"


def _work(out: Path, again: bool, connection: Connection) -> None:
    # Between runs, and until a run has a folder to save what it has done in.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
    os.environ["OMP_NUM_THREADS"] = "1"
    from cl_anomaly.machine import forget_peak_memory
    from cl_anomaly.runs.build import prepare
    from cl_anomaly.runs.lifecycle import perform

    while True:
        try:
            config = connection.recv()
        except (EOFError, OSError):  # there is nobody left to ask
            return
        gc.collect()  # what the run before has left, such as its model
        forget_peak_memory()
        try:
            done = perform(prepare(config), out, lambda _: _Sender(connection), again)
            connection.send(("finished", done.folder, done.failures))
        except Interrupted as interrupted:
            sys.exit(interrupted.exit_code)
        except CLAnomalyError as error:
            connection.send(("failed", str(error)))


class _Sender(Progress):
    """Passes on, to the process that shows it, what a run tells."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _send(self, *message: Any) -> None:
        try:
            self._connection.send(message)
        except OSError:
            # That process is gone: save what has been done, and end.
            signal.raise_signal(signal.SIGTERM)

    def task(self, number: int, tasks: int, epochs: int) -> None:
        self._send("task", number, tasks, epochs)

    def update(self, done: int, total: int, loss: float) -> None:
        self._send("update", done, total, loss)

    def evaluated(self, number: int, aurocs: Sequence[float]) -> None:
        self._send("evaluated", number, list(aurocs))

    def notice(self, text: str) -> None:
        self._send("notice", text)
