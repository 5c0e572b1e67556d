"""Runs as tasks of a Ray cluster: on this machine, or on many that need no common disk."""

import logging
import os
import socket
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cl_anomaly.core.errors import InputError, RunError
from cl_anomaly.core.progress import Progress
from cl_anomaly.engines.base import Job, Listener, Outcome
from cl_anomaly.engines.parcels import OwnCode, Parcel, unpacked_code
from cl_anomaly.engines.ray_post import Post, sender
from cl_anomaly.engines.sent_data import SentData, key_of, packed, take_in
from cl_anomaly.engines.worker import Reply, Teller, carried_out, retell
from cl_anomaly.runs.interrupts import StopRequest, stop_requested_by_signals
from cl_anomaly.settings.field_types import Count
from cl_anomaly.store.files import PARTIAL, is_locked

# How long a process of a node that is gone may take to be gone as well.
_SECONDS_TO_BE_FREE = 60.0


class RayEngine:
    """Tasks of a Ray cluster.

    Args:
        workers: how many cores a Ray has that this starts. Default: all of the machine.
        address: of a cluster: auto, or HOST:PORT. Default: one that this starts on this machine
        retries: how often a run begins or goes on again whose process or machine was lost
        runs_per_gpu: how many runs share a GPU; each has its replicas side by side there
        common_disk: whether the machines see this folder of results. Left to be found out for auto
    """

    def __init__(
        self,
        workers: int | None = None,
        address: str | None = None,
        retries: Count = 3,
        runs_per_gpu: Count = 4,
        common_disk: str = "auto",
    ) -> None:
        if common_disk not in ("auto", "no"):
            raise InputError(
                setting="common_disk", expected="to be auto or no", got=repr(common_disk)
            )
        self._workers, self._address = workers, address
        self._retries, self._runs_per_gpu, self._common_disk = retries, runs_per_gpu, common_disk

    @property
    def at_a_time(self) -> int:
        """How many runs go at a time: of a cluster that is there already, this machine's cores."""
        from cl_anomaly.core.machine import available_cores

        return self._workers or available_cores()

    def run_all(self, jobs: Sequence[Job], listener: Listener, outcome: Outcome) -> None:
        """Perform each run as a task that takes a core, or its part of a GPU; see `Engine.run_all`.

        Where a process or a machine is lost, its runs go on from their last checkpoint if the
        machine that takes them sees the folder of results, and begin anew otherwise. A run that
        fails for a reason of its own is not tried again.

        Raises:
            RunError: there is no such cluster, or it was lost.
        """
        if not jobs:
            return
        import ray.exceptions

        jobs = [job.settled() for job in jobs]

        with self._cluster(), stop_requested_by_signals() as stop, ExitStack() as stack:
            outs = {job.out for job in jobs} if self._common_disk == "auto" else set()
            tokens = {out: stack.enter_context(_token(out)) for out in outs}
            try:
                self._submit(jobs, tokens).follow(listener, outcome, stop)
            except ray.exceptions.RaySystemError as error:
                raise RunError(f"The Ray cluster was lost: {error}. {_GOES_ON}") from error

    @contextmanager
    def _cluster(self) -> Iterator[None]:
        import ray

        if ray.is_initialized():  # by who calls this from Python
            yield
            return
        # The code goes where the runs go: a result is of the code that is here.
        code = {} if self._address is None else {"py_modules": [str(Path(__file__).parents[1])]}
        options: dict[str, Any] = {}
        if self._address is None:
            # One more process than cores, for `Post`: otherwise Ray ends one that is about to take
            # the next run, and another imports PyTorch anew.
            limit = {"num_workers_soft_limit": self.at_a_time + 2}
            options = {"num_cpus": self.at_a_time, "_system_config": limit}
        try:
            _check_reachable(self._address)
            ray.init(
                address=self._address or "local",
                runtime_env=code,
                include_dashboard=False if self._address is None else None,
                log_to_driver=False,
                logging_level=logging.ERROR,
                **options,
            )
        except ConnectionError as error:
            raise RunError(
                f"There is no Ray cluster at {self._address}: {error}. `ray start --head` starts "
                f"one; without `--address`, one is started on this machine."
            ) from error
        try:
            yield
        finally:
            ray.shutdown()

    def _submit(self, jobs: Sequence[Job], tokens: Mapping[Path, Path]) -> "_Tasks":
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        # On this machine: where another is lost, what is told is still heard.
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        post = ray.remote(num_cpus=0)(Post).options(scheduling_strategy=here).remote()
        carry, data, tasks = ray.remote(_carry), {}, _Tasks(post)
        for job in jobs:
            if (key := key_of(job.config)) not in data:
                data[key] = ray.put(packed(job.config))
            begun = Parcel.of(job.folder) if job.folder and job.folder.exists() else None
            sent = _Sent(job, OwnCode.of(job.config), tokens.get(job.out), begun)
            gpus = 1 / self._runs_per_gpu if job.config.device == "cuda" else 0
            options = {"num_cpus": 1, "num_gpus": gpus, "max_retries": self._retries}
            task = carry.options(**options, retry_exceptions=False)
            tasks.add(job, task.remote(sent, data[key], post))
        return tasks


@contextmanager
def _token(out: Path) -> Iterator[Path]:
    """Put a file into a folder by which another process knows that it sees the same folder."""
    token = out / f".{uuid.uuid4().hex}{PARTIAL}"
    token.touch()
    try:
        yield token
    finally:
        token.unlink(missing_ok=True)


def _check_reachable(address: str | None) -> None:
    """Find out at once what Ray itself tries for minutes: whether there is somebody at an address.

    Raises:
        ConnectionError: there is not.
    """
    host, colon, port = (address or "").rpartition(":")
    if colon and port.isdecimal() and "/" not in host:
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
        except OSError as error:
            raise ConnectionError(f"nobody answers ({error.strerror or error})") from error


_GOES_ON = "The same command goes on with what is missing."


@dataclass(frozen=True)
class _Sent:
    """What a task is given beside its data.

    Attributes:
        job: the run.
        code: its strategy's file, where it has one.
        token: a file beside the results: who sees it has a disk in common with who asks.
        begun: what there is of the run.
    """

    job: Job
    code: OwnCode | None
    token: Path | None
    begun: Parcel | None


class _Tasks:
    """Runs that are on their way, and what is heard of them."""

    def __init__(self, post: Any) -> None:
        self._post = post
        self._jobs: dict[Any, Job] = {}
        self._listeners: dict[str, Progress] = {}

    def add(self, job: Job, task: Any) -> None:
        self._jobs[task] = job

    def follow(self, listener: Listener, outcome: Outcome, stop: StopRequest) -> None:
        """Show what the runs tell, and take in what comes of them, until all are over."""
        import ray

        while self._jobs:
            over, _ = ray.wait(list(self._jobs), num_returns=len(self._jobs), timeout=0.2)
            for run, kind, content in ray.get(self._post.take.remote()):
                if run not in self._listeners:
                    self._listeners[run] = listener(run)
                retell(self._listeners[run], kind, content)
            for task in over:
                self._take_in(task, self._jobs.pop(task), outcome)
            if stop.signal is not None and outcome.interrupted is None:
                outcome.interrupted = stop.signal
                self._end()

    def _end(self) -> None:
        """Ask those that have begun to save what they have done, and take back the others."""
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
        reply.tell(job.run, outcome)


def _in_a_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"its process was lost, each time that it was tried: {lines[0] if lines else error!r}"


def _carry(sent: _Sent, data: SentData, post: Any) -> tuple[Reply, Parcel | None]:
    """Carry a run out in a process of the cluster; its folder comes back where it lies here."""
    os.environ["OMP_NUM_THREADS"] = "1"  # read as PyTorch is imported
    take_in(data)
    job, teller = sent.job, Teller(sender(sent.job.run, post))
    if sent.token is not None and sent.token.exists():
        if job.folder is not None:
            _wait_until_free(job.folder)
        return carried_out(job, teller), None
    with tempfile.TemporaryDirectory() as place, unpacked_code(job.config, sent.code) as config:
        if sent.begun is not None:
            sent.begun.unpack(Path(place))
        reply = carried_out(replace(job, config=config, out=Path(place)), teller)
        folders = [path for path in Path(place).iterdir() if path.is_dir()]
        return reply, Parcel.of(folders[0]) if folders else None


def _wait_until_free(folder: Path) -> None:
    """Wait for a process that has lost its machine, or who asked, and is about to end."""
    end = time.monotonic() + _SECONDS_TO_BE_FREE
    while folder.exists() and is_locked(folder) and time.monotonic() < end:
        time.sleep(0.1)
