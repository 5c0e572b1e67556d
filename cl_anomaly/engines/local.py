"""Several runs at a time, in processes that take one run after another.

A worker process serves many runs: to import PyTorch takes longer than a small run does.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from cl_anomaly.core.progress import Progress
from cl_anomaly.engines.base import Job, Listener, Outcome
from cl_anomaly.engines.worker import Reply, Teller, carried_out, interrupts_ignored, retell
from cl_anomaly.runs.interrupts import stop_requested_by_signals

# Nothing here imports PyTorch before a worker has said how many threads it may have.


class LocalEngine:
    """Worker processes on this machine."""

    def __init__(self, workers: int | None = None) -> None:
        """Take no more than so many runs at a time; by default one for each core."""
        self._workers = workers

    @property
    def at_a_time(self) -> int:
        """How many runs go at a time."""
        from cl_anomaly.core.machine import available_cores

        return self._workers or available_cores()

    def run_all(self, jobs: Sequence[Job], listener: Listener, outcome: Outcome) -> None:
        """Perform each run in a worker process of one thread; see `Engine.run_all`.

        A worker takes the next run when it is through with one. Where its process ends, that run
        alone has failed, and another process takes the next.
        """
        waiting, crew, at_a_time = list(jobs), _Workers(outcome), self.at_a_time
        with stop_requested_by_signals() as stop:
            try:
                while waiting or crew.active:
                    while waiting and len(crew.active) < at_a_time and stop.signal is None:
                        job = waiting.pop(0)
                        crew.start(job, listener(job.run))
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
    """The worker processes of several runs, and what they say."""

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self._context = multiprocessing.get_context("spawn")
        self._workers: dict[Connection, _Worker] = {}

    @property
    def active(self) -> list[Connection]:
        """Connections to those that have a run."""
        return [own for own, worker in self._workers.items() if worker.run is not None]

    def start(self, job: Job, progress: Progress) -> None:
        """Return a run to a worker that has none, or to a new one."""
        for connection in [own for own, worker in self._workers.items() if worker.run is None]:
            try:
                connection.send(job)
            except OSError:  # somebody has ended it
                self._workers.pop(connection).process.join()
                continue
            self._workers[connection].run = job.run
            self._workers[connection].progress = progress
            return
        connection, process = self._new_process()
        with suppress(OSError):  # one that ended at once is heard of like one that ends later
            connection.send(job)
        self._workers[connection] = _Worker(process, job.run, progress)

    def _new_process(self) -> tuple[Connection, BaseProcess]:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_work, args=(theirs,), daemon=True)
        with interrupts_ignored():
            process.start()
        theirs.close()
        return ours, process

    def hear(self) -> None:
        """Wait a second at most, and take in what the workers say."""
        # With an end: a signal may arrive after the last look whether there was one.
        for connection in wait(self.active, timeout=1.0):
            worker = self._workers[connection]  # type: ignore[index]
            try:
                message = connection.recv()  # type: ignore[union-attr]
            except (EOFError, OSError):
                del self._workers[connection]  # type: ignore[arg-type]
                worker.process.join()
                self._note_end(worker)
            else:
                self._note(worker, message)

    def _note(self, worker: _Worker, message: Reply | tuple[str, tuple[Any, ...]]) -> None:
        if isinstance(message, Reply):
            message.tell(str(worker.run), self._outcome)
            worker.run = None
        else:
            retell(worker.progress, *message)

    def _note_end(self, worker: _Worker) -> None:
        if self._outcome.interrupted is None:
            self._outcome.fail(str(worker.run), _describe_end(worker.process.exitcode or 0))

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


def _describe_end(status: int) -> str:
    if status >= 0:
        return f"its process ended with exit status {status}"
    name = signal.Signals(-status).name
    cause = ", perhaps because memory ran out" if name == "SIGKILL" else ""
    return f"its process was ended by {name}{cause}"


def _work(connection: Connection) -> None:
    # Between runs, and until a run has a folder to save what it has done in.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))

    def send(kind: str, content: tuple[Any, ...]) -> bool:
        try:
            connection.send((kind, content))
        except OSError:  # the process that shows it is gone: there is nobody left to work for
            return True
        return False

    while True:
        try:
            job = connection.recv()
        except (EOFError, OSError):  # there is nobody left to ask
            return
        reply = carried_out(job, Teller(send))
        if reply.signal is not None:
            sys.exit(128 + signal.SIGTERM)
        connection.send(reply)
