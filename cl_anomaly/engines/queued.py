"""Jobs in a queue, their state, and the events and results of their runs."""

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
        cluster: slurm or local.
        job: submitit's, if this process queued it.
        number: of the job, if another process did.
    """

    def __init__(
        self, folder: Path, cluster: str, job: Any = None, number: str | None = None
    ) -> None:
        import submitit

        self.number = str(number or job.job_id)
        self._is_local, self._is_own = cluster == "local", job is not None
        self._job = job or submitit.SlurmJob(folder, self.number)

    def is_over(self) -> bool:
        """Return whether the job had ended when the queue was last asked."""
        if self._is_local and not self._is_own:
            return not _is_controller(int(self.number))
        return self._job.done()

    def end(self) -> None:
        """Wait for the end of a job of this machine after its last run."""
        while self._is_local and self._is_own and not self.is_over():
            time.sleep(0.05)

    def cancel(self) -> None:
        """Ask the job to save and end; one that has not begun never begins."""
        if self._is_local:
            with suppress(ProcessLookupError):
                os.kill(int(self.number), signal.SIGTERM)
        else:
            self._job.cancel(check=False)

    def log(self) -> str:
        """Return the last lines of the job's errors."""
        with suppress(OSError):
            lines = self._job.paths.stderr.read_text(errors="replace").strip().splitlines()
            return "\n".join(lines[-_LINES_OF_LOG:])
        return ""


def _is_controller(process: int) -> bool:
    """Return whether a process is one of submitit's own queue; its number may be reused."""
    try:
        os.kill(process, 0)
        return b"submitit" in (Path("/proc") / str(process) / "cmdline").read_bytes()
    except FileNotFoundError:  # a system without /proc
        return True
    except OSError:
        return False


class Queue:
    """A queue's folder: submitit's files, the jobs, and the replies of their runs."""

    def __init__(self, folder: Path, cluster: str) -> None:
        self.folder, self._cluster = folder, cluster
        (folder / _REPLIES_FOLDER).mkdir(parents=True, exist_ok=True)
        # By a run's name: its job, and the job's first offset in the event log.
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
        """Return the queued or running job of a run, or None."""
        ticket = self._tickets.get(job.name)
        return None if ticket is None or ticket.is_over() else ticket

    def log_of(self, job: Job) -> EventReader:
        """Return the reader of a run's events since it was queued."""
        return EventReader(job.event_log, self._offsets[job.name])

    def begin(self, job: Job) -> None:
        """Remove the earlier reply of a run that is about to be queued."""
        self._reply_file(job).unlink(missing_ok=True)
        self._offsets[job.name] = size_of(job.event_log)

    def note(self, jobs: Sequence[Job], submitted: Any) -> Ticket:
        """Record that a job of submitit's performs these runs."""
        ticket = Ticket(self.folder, self._cluster, job=submitted)
        self._tickets |= {job.name: ticket for job in jobs}
        return ticket

    def write(self) -> None:
        """Write the list of jobs for a later process."""
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
        """Write a run's reply."""
        with replacing(self._reply_file(job)) as partial:
            partial.write_text(reply.to_json(), encoding="utf-8")

    def reply_of(self, job: Job) -> Reply | None:
        """Return a run's reply, or None before its end."""
        try:
            return Reply.from_json(self._reply_file(job).read_bytes())
        except FileNotFoundError:
            return None

    def _reply_file(self, job: Job) -> Path:
        return self.folder / _REPLIES_FOLDER / f"{job.name}.json"


class QueuedRuns:
    """The runs in a queue, whose results are added to the outcome."""

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
        """Wait for the end of all jobs."""
        for ticket in self._all:
            ticket.end()

    def look(self, stop: StopRequest) -> None:
        """Pass on events and replies, and wait a moment."""
        # Checked first, so that all events before a job's end are read.
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
