"""Runs as tasks of a Ray cluster, whose machines need no common disk."""

import logging
import os
import signal
import socket
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from cl_anomaly.core.errors import InputError, RunError
from cl_anomaly.core.events import EventLog, parsed
from cl_anomaly.engines.base import Engine, Job, Listener, Listeners, Outcome
from cl_anomaly.engines.parcels import OwnCode, Parcel, unpacked_code
from cl_anomaly.engines.sent_data import SentData, key_of, packed, take_in
from cl_anomaly.engines.worker import Reply, perform_job
from cl_anomaly.runs.interrupts import StopRequest, stop_requested_by_signals
from cl_anomaly.settings.field_types import Count
from cl_anomaly.store.files import PARTIAL, is_locked

# The time that a process of a lost node may take to end.
_SECONDS_TO_BE_FREE = 60.0


class RayEngine(Engine):
    """Tasks of a Ray cluster.

    Args:
        workers: cores of a Ray that this starts. Default: all of the machine.
        address: address of a cluster, auto or HOST:PORT. Default: start one on this machine
        retries: attempts to repeat or resume a run after its process or machine was lost
        runs_per_gpu: number of runs that share a GPU
        common_disk: whether the machines see this folder of results; auto finds out
    """

    def __init__(
        self,
        workers: int | None = None,
        address: str | None = None,
        retries: Count = 3,
        runs_per_gpu: Count = 4,
        common_disk: Literal["auto", "no"] = "auto",
    ) -> None:
        self._workers, self._address = workers, address
        self._retries, self._runs_per_gpu, self._common_disk = retries, runs_per_gpu, common_disk

    def run_all(self, jobs: Sequence[Job], listener: Listener, outcome: Outcome) -> None:
        """Perform each run as a task that takes a core, or its part of a GPU; see `Engine.run_all`.

        If a process or machine is lost, its runs resume from their last checkpoint if the next
        machine sees the folder of results, and begin anew otherwise. A run that fails by itself is
        not tried again.

        Raises:
            RunError: there is no such cluster, or it was lost.
        """
        if not jobs:
            return
        import ray.exceptions

        jobs = [job.absolute().settled() for job in jobs]
        with self._cluster(), stop_requested_by_signals() as stop, ExitStack() as stack:
            outs = {job.out for job in jobs} if self._common_disk == "auto" else set()
            tokens = {out: stack.enter_context(_token(out)) for out in outs}
            try:
                self._submit(jobs, tokens, listener).follow(outcome, stop)
            except ray.exceptions.RaySystemError as error:
                raise RunError(
                    f"The Ray cluster was lost: {error}. The same command resumes what is missing."
                ) from error

    @contextmanager
    def _cluster(self) -> Iterator[None]:
        import ray

        if ray.is_initialized():  # by a caller from Python
            yield
            return
        try:
            _check_reachable(self._address)
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **self._cluster_options())
        except ConnectionError as error:
            raise RunError(
                f"There is no Ray cluster at {self._address}: {error}. `ray start --head` starts "
                f"one; without `--address`, one is started on this machine."
            ) from error
        try:
            yield
        finally:
            ray.shutdown()

    def _cluster_options(self) -> dict[str, Any]:
        if self._address is not None:
            # The code goes where the runs go: a result is of the code that is here.
            code = {"py_modules": [str(Path(__file__).parents[1])]}
            return {"address": self._address, "runtime_env": code, "include_dashboard": None}
        return {
            "address": "local",
            "runtime_env": {},
            "include_dashboard": False,
            "num_cpus": self.at_a_time,
            # One more process than cores, for `_Post`: otherwise Ray ends one that is about to take
            # the next run, and another imports PyTorch anew.
            "_system_config": {"num_workers_soft_limit": self.at_a_time + 2},
        }

    def _submit(
        self, jobs: Sequence[Job], tokens: Mapping[Path, Path], listener: Listener
    ) -> "_Tasks":
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        # On this machine: where another is lost, what is told is still heard.
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        post = ray.remote(num_cpus=0)(_Post).options(scheduling_strategy=here).remote()
        tasks, data = _Tasks(post, Listeners(listener)), {}
        # A process that has executed a file of the user's performs no other run.
        performing = {False: ray.remote(_perform), True: ray.remote(max_calls=1)(_perform)}
        for job in jobs:
            if (key := key_of(job.config)) not in data:
                data[key] = ray.put(packed(job.config))
            begun = Parcel.of(job.folder) if job.folder.exists() else None
            sent = _Sent(job, OwnCode.of(job.config), tokens.get(job.out), begun)
            gpus = 1 / self._runs_per_gpu if job.config.device == "cuda" else 0
            options = {"num_cpus": 1, "num_gpus": gpus, "max_retries": self._retries}
            task = performing[job.has_own_code].options(**options, retry_exceptions=False)
            tasks.add(job, task.remote(sent, data[key], post))
        return tasks


@contextmanager
def _token(out: Path) -> Iterator[Path]:
    """Write a file by which another process recognizes this folder."""
    token = out / f".{uuid.uuid4().hex}{PARTIAL}"
    token.touch()
    try:
        yield token
    finally:
        token.unlink(missing_ok=True)


def _check_reachable(address: str | None) -> None:
    """Raise ConnectionError at once if nobody answers; Ray itself tries for minutes."""
    host, colon, port = (address or "").rpartition(":")
    if colon and port.isdecimal() and "/" not in host:
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
        except OSError as error:
            raise ConnectionError(f"nobody answers ({error.strerror or error})") from error


@dataclass(frozen=True)
class _Sent:
    """The input of a task, beside its data."""

    job: Job
    code: OwnCode | None
    token: Path | None  # a file beside the results: a process that sees it shares the disk
    begun: Parcel | None


class _Post:
    """The runs' events, until they are fetched, and the request to end."""

    def __init__(self) -> None:
        self._told: list[tuple[str, str]] = []
        self._stop = False

    def tell(self, run: str, lines: str) -> bool:
        self._told.append((run, lines))
        return self._stop

    def take(self) -> list[tuple[str, str]]:
        told, self._told = self._told, []
        return told

    def stop(self) -> None:
        self._stop = True


class _Tasks:
    """Runs in the cluster."""

    def __init__(self, post: Any, listeners: Listeners) -> None:
        self._post, self._listeners = post, listeners
        self._jobs: dict[Any, Job] = {}

    def add(self, job: Job, task: Any) -> None:
        self._jobs[task] = job

    def follow(self, outcome: Outcome, stop: StopRequest) -> None:
        """Pass on the runs' events and results until all are over."""
        import ray

        while self._jobs:
            over, _ = ray.wait(list(self._jobs), num_returns=len(self._jobs), timeout=0.2)
            for run, lines in ray.get(self._post.take.remote()):
                for event in map(parsed, lines.splitlines()):
                    if event is not None:
                        self._listeners.tell(run, event)
            for task in over:
                self._take_in(task, self._jobs.pop(task), outcome)
            if stop.signal is not None and outcome.interrupted is None:
                outcome.interrupted = stop.signal
                self._end()

    def _end(self) -> None:
        """Ask the begun runs to save and end, and cancel the others."""
        import ray

        for task, job in self._jobs.items():
            if job.run not in self._listeners:
                ray.cancel(task)
        self._post.stop.remote()

    def _take_in(self, task: Any, job: Job, outcome: Outcome) -> None:
        import ray.exceptions

        try:
            reply, parcel = ray.get(task)
            if parcel is not None:
                folder = parcel.unpack(job.out, job.config)
                reply = reply if reply.folder is None else replace(reply, folder=folder)
        except ray.exceptions.TaskCancelledError:
            return
        except ray.exceptions.RayTaskError as error:
            reply = Reply(None, [str(error.cause)])
        except ray.exceptions.RayError as error:
            reply = Reply(None, [_in_a_line(error)])
        except (InputError, RunError) as error:
            reply = Reply(None, [str(error)])
        if reply.folder is None:
            with suppress(OSError):  # made by `Job.settled`, and empty
                job.folder.rmdir()
        reply.tell(job.run, outcome)


def _in_a_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"its process was lost in every attempt: {lines[0] if lines else error!r}"


def _perform(sent: _Sent, data: SentData, post: Any) -> tuple[Reply, Parcel | None]:
    """Perform a run in a process of the cluster; return its folder unless the disk is shared."""
    os.environ["OMP_NUM_THREADS"] = "1"  # read as PyTorch is imported
    take_in(data)
    job, events = sent.job, EventLog(_sender(sent.job.run, post))
    if sent.token is not None and sent.token.exists():
        _wait_until_free(job.folder)
        return perform_job(job, events), None
    with tempfile.TemporaryDirectory() as place, unpacked_code(job.config, sent.code) as config:
        if sent.begun is not None:
            sent.begun.unpack(Path(place))
        reply = perform_job(replace(job, config=config, out=Path(place)), events)
        folders = [path for path in Path(place).iterdir() if path.is_dir()]
        return reply, Parcel.of(folders[0]) if folders else None


def _sender(run: str, post: Any) -> Callable[[str], None]:
    """Return a function that sends a run's events, and ends the run on request."""
    import ray.exceptions

    answers: list[Any] = []

    def send(lines: str) -> None:
        try:
            answers.append(post.tell.remote(run, lines))
            there, answers[:] = ray.wait(answers, num_returns=len(answers), timeout=0)
            is_to_end = any(ray.get(there))
        except ray.exceptions.RayError:  # the driver is gone
            is_to_end = True
        if is_to_end:
            signal.raise_signal(signal.SIGTERM)  # the run saves what it has done, and ends

    return send


def _wait_until_free(folder: Path) -> None:
    """Wait for the end of a process that has lost its node or its driver."""
    end = time.monotonic() + _SECONDS_TO_BE_FREE
    while folder.exists() and is_locked(folder) and time.monotonic() < end:
        time.sleep(0.1)
