"""Jobs in a queue: which there are, whether they are over, and what is heard of them."""

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.events import EventReader, size_of
from cl_anomaly.core.json_files import read_json, write_json
from cl_anomaly.engines.base import Job, Listener, Listeners, Outcome
from cl_anomaly.engines.worker import Reply
from cl_anomaly.runs.interrupts import StopRequest
from cl_anomaly.store.files import replacing

_JOBS_FILE, _REPLIES_FOLDER = "jobs.json", "replies"
_SECONDS_BETWEEN_LOOKS = 0.5
_LINES_OF_LOG = 5


class Ticket:
    """A job that a queue has taken.

    Args:
        folder: of submitit's files.
        cluster: slurm or local.
        job: submitit's, where this process has queued it.
        number: of the job, where another has.
    """

    def __init__(
        self, folder: Path, cluster: str, job: Any = None, number: str | None = None
    ) -> None:
        import submitit

        self.number = str(number or job.job_id)
        self._is_local, self._is_own = cluster == "local", job is not None
        self._job = job or submitit.SlurmJob(folder, self.number)

    def is_over(self) -> bool:
        """Return whether the job has ended, as far as the queue has been asked lately."""
        if self._is_local and not self._is_own:
            return not _is_controller(int(self.number))
        return self._job.done()

    def end(self) -> None:
        """Wait for what a job of this machine does after its last run, so that nothing is left."""
        while self._is_local and self._is_own and not self.is_over():
            time.sleep(0.05)

    def cancel(self) -> None:
        """Ask the job to save what it has done, and to end; one that has not begun never does."""
        if self._is_local:
            with suppress(ProcessLookupError):
                os.kill(int(self.number), signal.SIGTERM)
        else:
            self._job.cancel(check=False)

    def log(self) -> str:
        """Return the end of what the job said before it ended."""
        with suppress(OSError):
            lines = self._job.paths.stderr.read_text(errors="replace").strip().splitlines()
            return "\n".join(lines[-_LINES_OF_LOG:])
        return ""


def _is_controller(process: int) -> bool:
    """Get whether a process of submitit's own queue is there; its number may be another's now."""
    try:
        os.kill(process, 0)
        return b"submitit" in (Path("/proc") / str(process) / "cmdline").read_bytes()
    except FileNotFoundError:  # a system without /proc
        return True
    except OSError:
        return False


class Queue:
    """A queue's folder: submitit's files, which jobs there are, and what came of their runs.

    Args:
        cluster: slurm or local.
    """

    def __init__(self, folder: Path, cluster: str) -> None:
        self.folder, self._cluster = folder, cluster
        (folder / _REPLIES_FOLDER).mkdir(parents=True, exist_ok=True)
        # By a run's name: its job, and where in its event log that begins.
        self._tickets: dict[str, Ticket] = {}
        self._offsets: dict[str, int] = {}
        for job in self._recorded():
            ticket = Ticket(folder, cluster, number=job["number"])
            self._tickets |= dict.fromkeys(job["runs"], ticket)
            self._offsets |= job["runs"]

    def _recorded(self) -> list[dict[str, Any]]:
        try:
            jobs = read_json(self.folder / _JOBS_FILE)["jobs"]
        except (InputError, KeyError):
            return []
        return [job for job in jobs if job["cluster"] == self._cluster]

    def ticket_of(self, job: Job) -> Ticket | None:
        """Find the job that performs a run, or is going to."""
        ticket = self._tickets.get(job.name)
        return None if ticket is None or ticket.is_over() else ticket

    def log_of(self, job: Job) -> EventReader:
        """Return the reader of what a run tells, from when it was queued."""
        return EventReader(job.event_log, self._offsets[job.name])

    def begin(self, job: Job) -> None:
        """Forget what came of a run before, which is about to be queued."""
        self._reply_file(job).unlink(missing_ok=True)
        self._offsets[job.name] = size_of(job.event_log)

    def note(self, jobs: Sequence[Job], submitted: Any) -> Ticket:
        """Take note that a job of submitit's performs these runs."""
        ticket = Ticket(self.folder, self._cluster, job=submitted)
        self._tickets |= {job.name: ticket for job in jobs}
        return ticket

    def write(self) -> None:
        """Write down which jobs there are, for a process that comes later."""
        by_ticket: dict[Ticket, dict[str, int]] = {}
        for run, ticket in self._tickets.items():
            by_ticket.setdefault(ticket, {})[run] = self._offsets[run]
        jobs = [
            {"number": ticket.number, "cluster": self._cluster, "runs": runs}
            for ticket, runs in by_ticket.items()
        ]
        with replacing(self.folder / _JOBS_FILE) as partial:
            write_json(partial, {"jobs": jobs})

    def write_reply(self, job: Job, reply: Reply) -> None:
        """Write down what came of a run."""
        with replacing(self._reply_file(job)) as partial:
            partial.write_text(reply.to_json(), encoding="utf-8")

    def reply_of(self, job: Job) -> Reply | None:
        """Return what came of a run, once it is over."""
        try:
            return Reply.from_json(self._reply_file(job).read_bytes())
        except FileNotFoundError:
            return None

    def _reply_file(self, job: Job) -> Path:
        return self.folder / _REPLIES_FOLDER / f"{job.name}.json"


class QueuedRuns:
    """Runs that a queue has, and what is heard of them.

    Args:
        queue: that has them.
        outcome: is told what became of them.
    """

    def __init__(self, queue: Queue, listener: Listener, outcome: Outcome) -> None:
        self._queue, self._listeners, self._outcome = queue, Listeners(listener), outcome
        self._runs: list[tuple[Job, Ticket, EventReader]] = []
        self._all: set[Ticket] = set()

    def add(self, job: Job, ticket: Ticket) -> None:
        """Follow a run as well."""
        self._runs.append((job, ticket, self._queue.log_of(job)))
        self._all.add(ticket)

    @property
    def tickets(self) -> list[Ticket]:
        """Jobs of the runs that are not over."""
        return list(dict.fromkeys(ticket for _, ticket, _ in self._runs))

    def end(self) -> None:
        """Let the jobs end, whose runs are over."""
        for ticket in self._all:
            ticket.end()

    def look(self, stop: StopRequest) -> None:
        """Hear what there is to hear, and wait a moment."""
        # Asked first: what a run told before it ended is there then.
        over = {ticket: ticket.is_over() for ticket in self.tickets}
        for entry in list(self._runs):
            job, ticket, log = entry
            reply = self._queue.reply_of(job)
            for event in log.new():
                self._listeners.tell(job.run, event)
            if reply is None and over[ticket]:
                reply = self._reply_without_words(ticket)
            if reply is not None:
                reply.tell(job.run, self._outcome)
                self._runs.remove(entry)
        if stop.signal is not None and self._outcome.interrupted is None:
            self._outcome.interrupted = stop.signal
            for ticket in self.tickets:
                ticket.cancel()
        if self._runs:
            time.sleep(_SECONDS_BETWEEN_LOOKS)

    def _reply_without_words(self, ticket: Ticket) -> Reply:
        if self._outcome.interrupted is not None:
            return Reply(None, [], self._outcome.interrupted)
        why = f"its job {ticket.number} ended without results"
        return Reply(None, [": ".join(filter(None, [why, ticket.log()]))])
