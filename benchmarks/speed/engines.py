"""What an engine costs beside its runs: `python benchmarks/speed/engines.py RUNS`.

Short runs of the digits, one at a time. Printed are the seconds until an engine's first run is
over, which includes that processes start and import PyTorch; and the milliseconds that it takes
for each further run beside what the run takes where it is carried out.
"""

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from cl_anomaly.core.progress import Progress
from cl_anomaly.engines.base import Engine, Job, Outcome
from cl_anomaly.engines.local import LocalEngine
from cl_anomaly.engines.ray import RayEngine
from cl_anomaly.engines.slurm import SlurmEngine
from cl_anomaly.plan.build import resolve
from cl_anomaly.settings.run_config import RunConfig


def _jobs(count: int) -> list[Job]:
    config = RunConfig(strategy="lower", model="gaussians", dataset="digits", task_order=[1, 2])
    config = resolve(config)
    return [Job(str(n), replace(config, seeds=[n]), Path(), f"run-{n}") for n in range(count)]


class _Timed(Outcome):
    """Knows when each run was over."""

    def add(self, name: str, folder: Path, failures: list[str]) -> None:
        super().add(name, folder, failures)
        self.ended.append((time.perf_counter(), self.seconds[name]))

    ended: list[tuple[float, float]]


def main(count: int) -> None:
    jobs = _jobs(count + 1)
    engines: dict[str, Engine] = {
        "local": LocalEngine(1),
        "ray": RayEngine(1),
        "slurm, local queue, packs of 100": SlurmEngine(1, pack=100, cluster="local"),
    }
    for name, engine in engines.items():
        outcome, began = _Timed(), time.perf_counter()
        outcome.ended = []
        with tempfile.TemporaryDirectory() as out:
            own = [replace(job, out=Path(out)) for job in jobs]
            engine.run_all(own, lambda _: Progress(), outcome)
        if len(outcome.ended) < len(jobs):
            sys.exit(f"Runs failed: {outcome.failures}")
        first, last = outcome.ended[0][0], outcome.ended[-1][0]
        took = sum(seconds for _, seconds in outcome.ended[1:])
        print(
            f"{name}: the first run is over after {first - began:.1f} s; {count} further runs take "
            f"{1000 * (last - first - took) / count:.0f} ms each beside their own "
            f"{1000 * took / count:.0f} ms",
            flush=True,
        )


if __name__ == "__main__":
    main(int(sys.argv[1]))
