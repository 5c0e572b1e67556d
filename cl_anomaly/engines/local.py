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
    run: str
    process: BaseProcess
    progress: Progress


class _Workers:
    """The worker processes of a comparison, and what they say."""

    def __init__(self, out: Path, again: bool, outcome: Outcome) -> None:
        self._out, self._again, self._outcome = out, again, outcome
        self._context = multiprocessing.get_context("spawn")
        self.active: dict[Connection, _Worker] = {}

    def start(self, name: str, config: RunConfig, progress: Progress) -> None:
        receiver, sender = self._context.Pipe(duplex=False)
        arguments = (config, self._out, self._again, sender)
        process = self._context.Process(target=_work, args=arguments, name=name, daemon=True)
        with _interrupts_ignored():
            process.start()
        sender.close()
        self.active[receiver] = _Worker(name, process, progress)

    def hear(self) -> None:
        """Wait a second at most, and take in what the workers say."""
        # With an end: a signal may arrive after the last look whether there was one.
        for connection in wait(list(self.active), timeout=1.0):
            worker = self.active[connection]  # type: ignore[index]
            try:
                kind, *content = connection.recv()  # type: ignore[union-attr]
            except (EOFError, OSError):
                del self.active[connection]  # type: ignore[arg-type]
                worker.process.join()
                self._note_end(worker)
            else:
                self._note(worker, kind, content)

    def _note(self, worker: _Worker, kind: str, content: list[Any]) -> None:
        if kind == "finished":
            self._outcome.add(worker.run, *content)
        elif kind == "failed":
            self._outcome.failures[worker.run] = content[0]
        else:
            getattr(worker.progress, kind)(*content)

    def _note_end(self, worker: _Worker) -> None:
        outcome = self._outcome
        known = worker.run in outcome.folders or worker.run in outcome.failures
        if not known and outcome.interrupted is None:
            outcome.failures[worker.run] = _describe_end(worker.process.exitcode or 0)

    def terminate(self) -> None:
        """Ask them to save what they have done, and to end."""
        for worker in self.active.values():
            worker.process.terminate()

    def kill(self) -> None:
        """End those that are left: nothing is lost but what came after the last checkpoint."""
        for worker in self.active.values():
            worker.process.kill()
        for worker in self.active.values():
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


def _work(config: RunConfig, out: Path, again: bool, connection: Connection) -> None:
    # Until the run has a folder to save what it has done in.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
    os.environ["OMP_NUM_THREADS"] = "1"
    from cl_anomaly.runs.build import prepare
    from cl_anomaly.runs.lifecycle import perform

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
