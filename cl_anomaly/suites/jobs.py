"""Planned runs as they are given to an engine."""

from collections.abc import Sequence
from pathlib import Path

from cl_anomaly.engines.base import Job
from cl_anomaly.plan.build import Plan
from cl_anomaly.runs.writing import folder_name

ALL_SAVED = "interrupted, and saved. The same command goes on with what is missing."
"""What is said of several runs that a signal has ended."""


def job_of(
    run: str,
    plan: Plan,
    out: Path,
    again: bool,
    name: str | None = None,
    track: Sequence[str] = (),
) -> Job:
    """Make the job of a run.

    Args:
        run: its name among others.
        out: folder for its folder.
        again: run it also where it is finished already.
        name: of its folder. Default: made from the configuration, the data and the code.
        track: names of trackers that are told of it.
    """
    return Job(run, plan.config, out, name or folder_name(plan), again, tuple(track))
