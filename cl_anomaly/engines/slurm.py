"""Runs as jobs of a SLURM queue, on a disk that all its machines see."""

import math
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from cl_anomaly.core.errors import RunError
from cl_anomaly.engines.base import Engine, Job, Listener, Outcome
from cl_anomaly.engines.queued import Queue, QueuedRuns
from cl_anomaly.engines.worker import interrupts_ignored, perform_job
from cl_anomaly.runs.interrupts import stop_requested_by_signals
from cl_anomaly.settings.field_types import Count, Rate

FOLDER = ".slurm"
# submitit gives up a job that was requeued this often.
_REQUEUES = 1000
# SLURM sends it before the time is over, see `runs.interrupts`.
_SIGNAL = "USR1"


class SlurmEngine(Engine):
    """Jobs of a SLURM queue, by submitit.

    Args:
        workers: jobs at a time. Default: as many as the queue allows.
        pack: runs of one job, one after another
        minutes: time limit of a job; shortly before, it saves its run and is queued again
        warning_seconds: seconds between the warning and the time limit
        partition: partition of the queue. Default: the queue's own
        account: account to charge. Default: yours
        memory_gb: memory of a job
        gpus: GPUs of a job
        setup: commands before a job's own, separated by semicolons, such as "module load cuda"
        cluster: slurm, or local to try a queue with processes of this machine
    """

    def __init__(
        self,
        workers: int | None = None,
        pack: Count = 1,
        minutes: Rate = 240.0,
        warning_seconds: Count = 90,
        partition: str | None = None,
        account: str | None = None,
        memory_gb: Count = 8,
        gpus: int = 0,
        setup: str | None = None,
        cluster: Literal["slurm", "local"] = "slurm",
    ) -> None:
        self._workers, self._pack, self._cluster = workers, pack, cluster
        commands = _commands(setup)
        if cluster == "local":
            self._asked: dict[str, Any] = {
                "timeout_min": minutes,
                "signal_delay_s": warning_seconds,
                "gpus_per_node": gpus,
            } | ({"setup": commands} if commands else {})
            return
        self._asked = {
            "job_name": "cl-anomaly",
            "time": math.ceil(minutes),
            "signal_delay_s": warning_seconds,
            "mem": f"{memory_gb}GB",
            "cpus_per_task": 1,
            "array_parallelism": workers or 256,
            "setup": [f"export SUBMITIT_PREEMPT_SIGNAL={_SIGNAL}", *commands],
        }
        asked = {"partition": partition, "account": account, "gpus_per_node": gpus or None}
        self._asked |= {name: value for name, value in asked.items() if value is not None}

    def run_all(self, jobs: Sequence[Job], listener: Listener, outcome: Outcome) -> None:
        """Perform the runs as one job array, each of its jobs one run or a pack of them.

        The queue keeps the jobs if this process ends. The next call waits for those that are still
        in the queue, and does not queue them twice.

        Raises:
            RunError: the queue did not take the jobs.
        """
        if not jobs:
            return
        queue = Queue(jobs[0].out.absolute() / FOLDER, self._cluster)
        runs, missing = QueuedRuns(queue, listener, outcome), []
        for job in (job.absolute().settled() for job in jobs):
            if (ticket := queue.ticket_of(job)) is None:
                missing.append(job)
            else:
                runs.add(job, ticket)
        packs = self._packs(missing)
        with stop_requested_by_signals() as stop:
            while packs or runs.tickets:
                room = self._room(len(runs.tickets), len(packs))
                if packs and room and stop.signal is None:
                    self._queue_up(packs[:room], queue, runs)
                    packs = packs[room:]
                runs.look(stop)
                if outcome.interrupted is not None:
                    packs = []
            runs.end()

    def _packs(self, jobs: Sequence[Job]) -> list[list[Job]]:
        """Pack runs; one that executes a user's file has its own process."""
        alone = [[job] for job in jobs if job.has_own_code]
        others = [job for job in jobs if not job.has_own_code]
        return alone + [others[i : i + self._pack] for i in range(0, len(others), self._pack)]

    def _room(self, there: int, waiting: int) -> int:
        """Return how many jobs may be queued now; SLURM limits them itself."""
        return waiting if self._cluster == "slurm" else max(0, self.at_a_time - there)

    def _queue_up(self, packs: Sequence[list[Job]], queue: Queue, runs: QueuedRuns) -> None:
        for job in (job for pack in packs for job in pack):
            queue.begin(job)
        try:
            with interrupts_ignored():  # which the terminal would send to the jobs as well
                taken = self._executor(queue.folder).map_array(Pack(queue.folder), packs)
        except (RuntimeError, OSError) as error:
            raise RunError(f"The queue did not take the jobs: {error}") from error
        for pack, submitted in zip(packs, taken, strict=True):
            ticket = queue.note(pack, submitted)
            for job in pack:
                runs.add(job, ticket)
        queue.write()

    def _executor(self, folder: Path) -> Any:
        os.environ.setdefault("SUBMITIT_PREEMPT_SIGNAL", _SIGNAL)  # read as it is imported
        import submitit

        if self._cluster == "local":
            executor: Any = submitit.LocalExecutor(folder, max_num_timeout=_REQUEUES)
        else:
            executor = submitit.SlurmExecutor(folder, max_num_timeout=_REQUEUES)
        executor.update_parameters(**self._asked)
        return executor


def _commands(setup: str | None) -> list[str]:
    return [command.strip() for command in (setup or "").split(";") if command.strip()]


class Pack:
    """A job's work: perform some runs, one after another; `folder` is the queue's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, jobs: Sequence[Job]) -> None:
        """Perform the runs; before the job's time is over, save and ask to be queued again."""
        queue, ended = Queue(self._folder, ""), None
        with stop_requested_by_signals() as stop:
            for job in jobs:
                reply = perform_job(job)
                ended = reply.signal or stop.signal
                if reply.signal is None:
                    queue.write_reply(job, reply)
                if ended is not None:
                    break
        if ended is not None and ended == getattr(signal, f"SIG{_SIGNAL}", None):
            # submitit takes note of it again now: it calls `checkpoint`, and queues the job anew.
            signal.raise_signal(ended)

    def checkpoint(self, jobs: Sequence[Job]) -> Any:
        """Return the job to queue again; finished runs are not repeated."""
        import submitit

        return submitit.helpers.DelayedSubmission(self, jobs)
