"""Jobs in a queue: which there are, whether they are over, and what is heard of them."""

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.json_files import read_json, write_json
from cl_anomaly.core.progress import Progress
from cl_anomaly.engines.base import Job, Listener, Outcome
from cl_anomaly.engines.message_files import MessageFile
from cl_anomaly.engines.worker import Reply, retell
from cl_anomaly.runs.interrupts import StopRequest
from cl_anomaly.store.files import replacing

_JOBS_FILE = "jobs.json"
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
    """A queue's folder: submitit's files, which jobs there are, and what their runs tell.

    Args:
        cluster: slurm or local.
    """

    def __init__(self, folder: Path, cluster: str) -> None:
        self.folder, self._cluster = folder, cluster
        folder.mkdir(parents=True, exist_ok=True)
        self._tickets = {run: ticket for ticket, runs in self._recorded() for run in runs}

    def _recorded(self) -> list[tuple[Ticket, list[str]]]:
        try:
            jobs = read_json(self.folder / _JOBS_FILE)["jobs"]
        except (InputError, KeyError):
            return []
        return [
            (Ticket(self.folder, self._cluster, number=own["number"]), own["runs"])
            for own in jobs
            if own["cluster"] == self._cluster
        ]

    def ticket_of(self, job: Job) -> Ticket | None:
        """Find the job that carries a run out, or is going to."""
        ticket = self._tickets.get(_key(job))
        return None if ticket is None or ticket.is_over() else ticket

    def note(self, jobs: Sequence[Job], job: Any) -> Ticket:
        """Write down that a job of submitit's carries these runs out."""
        ticket = Ticket(self.folder, self._cluster, job=job)
        self._tickets |= dict.fromkeys(map(_key, jobs), ticket)
        return ticket

    def write(self) -> None:
        """Keep which jobs there are, for who asks later."""
        by_ticket: dict[Ticket, list[str]] = {}
        for run, ticket in self._tickets.items():
            by_ticket.setdefault(ticket, []).append(run)
        jobs = [
            {"number": ticket.number, "cluster": self._cluster, "runs": runs}
            for ticket, runs in by_ticket.items()
        ]
        with replacing(self.folder / _JOBS_FILE) as partial:
            write_json(partial, {"jobs": jobs})

    def messages_of(self, job: Job) -> MessageFile:
        """Return the file of what a run tells."""
        return MessageFile(self.folder / "messages" / f"{_key(job)}.jsonl")


def _key(job: Job) -> str:
    return job.name or job.run


class Followed:
    """Runs that a queue has, and what is heard of them.

    Args:
        queue: that has them.
        listener: of each.
        outcome: is told what became of them.
    """

    def __init__(self, queue: Queue, listener: Listener, outcome: Outcome) -> None:
        self._queue, self._listener, self._outcome = queue, listener, outcome
        self._jobs: dict[str, tuple[Job, Ticket, MessageFile]] = {}
        self._all: set[Ticket] = set()
        self._listeners: dict[str, Progress] = {}

    def add(self, job: Job, ticket: Ticket) -> None:
        """Follow a run as well."""
        self._jobs[job.run] = (job, ticket, self._queue.messages_of(job))
        self._all.add(ticket)

    @property
    def tickets(self) -> list[Ticket]:
        """Jobs of the runs that are not over."""
        return list(dict.fromkeys(ticket for _, ticket, _ in self._jobs.values()))

    def end(self) -> None:
        """Let the jobs end, whose runs are over."""
        for ticket in self._all:
            ticket.end()

    def look(self, stop: StopRequest) -> None:
        """Hear what there is to hear, and wait a moment."""
        # Asked before the messages are read: what it told before it ended is there then.
        over = {ticket: ticket.is_over() for ticket in self.tickets}
        for run, (job, ticket, messages) in list(self._jobs.items()):
            told, reply = messages.new()
            for kind, content in told:
                if run not in self._listeners:
                    self._listeners[run] = self._listener(run)
                retell(self._listeners[run], kind, content)
            if reply is None and over[ticket]:
                reply = self._without_a_word(job, ticket)
            if reply is not None:
                reply.tell(run, self._outcome)
                del self._jobs[run]
        if stop.signal is not None and self._outcome.interrupted is None:
            self._outcome.interrupted = stop.signal
            for ticket in self.tickets:
                ticket.cancel()
        if self._jobs:
            time.sleep(_SECONDS_BETWEEN_LOOKS)

    def _without_a_word(self, job: Job, ticket: Ticket) -> Reply:
        if self._outcome.interrupted is not None:
            return Reply(None, [], self._outcome.interrupted)
        why = f"its job {ticket.number} ended without results"
        return Reply(None, [": ".join(filter(None, [why, ticket.log()]))])
