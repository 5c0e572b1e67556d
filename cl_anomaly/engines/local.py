"""Several runs at a time, in worker processes of this machine.

A worker performs many runs, because importing PyTorch takes longer than a small run.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from cl_anomaly.core.events import EventReader, size_of
from cl_anomaly.engines.base import Engine, Job, Listener, Listeners, Outcome
from cl_anomaly.engines.worker import Reply, interrupts_ignored, perform_job
from cl_anomaly.runs.interrupts import stop_requested_by_signals

# Nothing here imports PyTorch before a worker has set its number of threads.
_SECONDS_BETWEEN_LOOKS = 0.2


class LocalEngine(Engine):
    """Worker processes on this machine."""

    def __init__(self, workers: int | None = None) -> None:
        """Take `workers` runs at a time; by default one for each core."""
        self._workers = workers

    def run_all(self, jobs: Sequence[Job], listener: Listener, outcome: Outcome) -> None:
        """Perform each run in a worker process of one thread; see `Engine.run_all`.

        If a worker's process ends, only its run has failed, and another process takes the next.
        """
        waiting, at_a_time = list(jobs), self.at_a_time
        crew = _Workers(outcome, Listeners(listener))
        with stop_requested_by_signals() as stop:
            try:
                while waiting or crew.active:
                    while waiting and len(crew.active) < at_a_time and stop.signal is None:
                        crew.start(waiting.pop(0).settled())
                    if stop.signal is not None and outcome.interrupted is None:
                        outcome.interrupted, waiting = stop.signal, []
                        crew.terminate()
                    crew.hear()
            finally:
                crew.kill()


@dataclass
class _Worker:
    """A process, and its run, if any."""

    process: BaseProcess
    job: Job | None = None
    log: EventReader | None = None
    runs: int = 0
    size_before: int = 0

    def take(self, job: Job) -> None:
        self.size_before, self.runs = size_of(job.event_log), self.runs + 1
        self.job, self.log = job, EventReader(job.event_log, self.size_before)

    def ended_before(self, job: Job) -> bool:
        """Return whether the process, idle until then, ended before it began this run."""
        return self.runs > 1 and size_of(job.event_log) == self.size_before


class _Workers:
    """The worker processes of several runs."""

    def __init__(self, outcome: Outcome, listeners: Listeners) -> None:
        self._outcome, self._listeners = outcome, listeners
        self._context = multiprocessing.get_context("spawn")
        self._workers: dict[Connection, _Worker] = {}
        self._leaving: list[BaseProcess] = []

    @property
    def active(self) -> list[Connection]:
        """Connections to the workers that have a run."""
        return [ours for ours, worker in self._workers.items() if worker.job is not None]

    def start(self, job: Job) -> None:
        """Announce a run, and give it to a worker."""
        self._listeners.expect(job.run)
        self._give(job)

    def _give(self, job: Job) -> None:
        """Give a run to an idle worker, or to a new one."""
        for connection in [ours for ours, worker in self._workers.items() if worker.job is None]:
            self._workers[connection].take(job)
            try:
                connection.send_bytes(job.to_json().encode())
            except OSError:  # the process was ended from outside
                self._workers.pop(connection).process.join()
                continue
            return
        connection, process = self._new_process()
        self._workers[connection] = _Worker(process)
        self._workers[connection].take(job)
        with suppress(OSError):  # `hear` notices if it ended at once
            connection.send_bytes(job.to_json().encode())

    def _new_process(self) -> tuple[Connection, BaseProcess]:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_work, args=(theirs,), daemon=True)
        with interrupts_ignored():
            process.start()
        theirs.close()
        return ours, process

    def hear(self) -> None:
        """Wait a moment, and read the runs' logs and the workers' replies."""
        # With a timeout, because a signal may have arrived in the meantime.
        there = wait(self.active, timeout=_SECONDS_BETWEEN_LOOKS)
        for worker in self._workers.values():
            if worker.job is not None and worker.log is not None:
                for event in worker.log.new():
                    self._listeners.tell(worker.job.run, event)
        for connection in self.active:
            if connection in there:
                self._take_reply(connection, self._workers[connection])

    def _take_reply(self, connection: Connection, worker: _Worker) -> None:
        job, worker.job = worker.job, None
        assert job is not None  # noqa: S101
        try:
            Reply.from_json(connection.recv_bytes()).tell(job.run, self._outcome)
        except (EOFError, OSError):
            del self._workers[connection]
            worker.process.join()
            if self._outcome.interrupted is None and worker.ended_before(job):
                self._give(job)
            elif self._outcome.interrupted is None:
                self._outcome.fail(job.run, _describe_end(worker.process.exitcode or 0))
            return
        if job.has_own_code:  # it takes no other run, and ends by itself
            del self._workers[connection]
            connection.close()
            self._leaving.append(worker.process)

    def terminate(self) -> None:
        """Ask all workers to save their runs and to end."""
        for worker in self._workers.values():
            worker.process.terminate()

    def kill(self) -> None:
        """Kill the remaining processes; their runs can be resumed from the last checkpoint."""
        processes = [*self._leaving, *(worker.process for worker in self._workers.values())]
        for process in processes:
            process.kill()
        for process in processes:
            process.join()


def _describe_end(status: int) -> str:
    if status >= 0:
        return f"its process ended with exit status {status}"
    name = signal.Signals(-status).name
    cause = ", perhaps because memory ran out" if name == "SIGKILL" else ""
    return f"its process was ended by {name}{cause}"


def _work(connection: Connection) -> None:
    # For the time between runs, and until a run has a folder.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
    threading.Thread(target=_end_without_parent, daemon=True).start()
    while True:
        try:
            job = Job.from_json(connection.recv_bytes())
        except (EOFError, OSError):  # the parent is gone
            return
        reply = perform_job(job)
        if reply.signal is not None:
            sys.exit(128 + signal.SIGTERM)
        connection.send_bytes(reply.to_json().encode())
        if job.has_own_code:
            return


def _end_without_parent() -> None:
    """Save the run and end when the parent process has ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
