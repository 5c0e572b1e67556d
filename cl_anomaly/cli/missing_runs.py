"""Show the cost of a suite's missing runs, and perform them."""

import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cl_anomaly.core.errors import Interrupted, within
from cl_anomaly.engines.base import Engine, Job, Outcome
from cl_anomaly.plan.outline import Outline
from cl_anomaly.runs.finished import find_finished
from cl_anomaly.suites.suite import SuiteRun

ALL_SAVED = "interrupted, and saved. The same command resumes what is missing."
"""Message for several runs that a signal ended."""


@dataclass(frozen=True)
class How:
    """Options for performing a suite's runs; see `bench`.

    Attributes:
        known: seals of runs that an earlier call has checked, see `find_finished`.
    """

    out: Path
    engine: Engine
    quiet: bool
    again: bool
    only_estimate: bool
    only: Sequence[str]
    track: Sequence[str]
    known: Collection[str] = ()

    def job(self, key: str, outline: Outline) -> Job:
        """Make a run's job."""
        track = tuple(self.track)
        return Job(key, outline.config, self.out, outline.folder, self.again, track)


def run_missing(
    members: Mapping[str, SuiteRun],
    outlines: Mapping[str, Outline],
    how: How,
    waiting: Collection[str] = (),
    says_finished: bool = True,
) -> Outcome:
    """Show the cost of the missing runs, then perform them.

    Args:
        waiting: runs whose options are not tuned yet: only their cost is shown.
        says_finished: whether to print a line if no run is missing.
    """
    missing: dict[str, Outline] = {}
    outcome, count = Outcome(), 0
    for key, outline in outlines.items():
        run = members[key].run
        is_wanted = not how.only or run in how.only
        if run in waiting and not how.only_estimate:
            continue
        count += is_wanted
        anew = how.again and is_wanted
        folder = how.out / outline.folder
        finished = None if anew else find_finished(folder, outline, how.known)
        if finished is not None:
            outcome.add(key, finished.folder, finished.failures)
        elif is_wanted:
            missing[key] = outline
    if missing:
        _check_each(missing)
        _show_cost(missing, count, how)
    elif count and says_finished:
        print(f"All {count} runs are finished.", file=sys.stderr)
    if missing and not how.only_estimate:
        _run(missing, how, outcome)
    return outcome


def _check_each(missing: Mapping[str, Outline]) -> None:
    """Assemble each run, so that parts that do not fit are found before any run begins."""
    from cl_anomaly.plan.build import check_together

    for key, outline in missing.items():
        with within(f"Run {key!r}"):
            check_together(outline.plan)


def _run(missing: Mapping[str, Outline], how: How, outcome: Outcome) -> None:
    from cl_anomaly.listeners.screen import Screen

    with Screen(how.quiet, len(missing)) as screen:
        outcome.over = screen.over
        jobs = [how.job(key, outline) for key, outline in missing.items()]
        how.engine.run_all(jobs, screen.listener, outcome)
    if outcome.interrupted is not None:
        raise Interrupted(ALL_SAVED, outcome.interrupted)


def _show_cost(missing: Mapping[str, Outline], count: int, how: How) -> None:
    if how.quiet and not how.only_estimate:  # measuring the cost takes time
        print(f"{len(missing)} of {count} runs are missing.", file=sys.stderr)
        return
    from cl_anomaly.cli.screen_tables import show_list
    from cl_anomaly.suites.estimates import estimated, in_words, measured_rates, wall_seconds

    rates = measured_rates(path for path in how.out.iterdir() if path.is_dir())
    estimates = {key: estimated(outline.plan, rates) for key, outline in missing.items()}
    seconds = wall_seconds(list(estimates.values()), how.engine.at_a_time)
    probes = sum(estimate.source == "a probe" for estimate in estimates.values())
    roughly = f"; {probes} of them guessed from their first steps" if probes else ""
    print(
        f"{len(missing)} of {count} runs are missing: about {in_words(seconds)} with "
        f"{how.engine.at_a_time} at a time{roughly}.",
        file=sys.stderr,
    )
    if how.only_estimate:
        rows = [(key, in_words(cost.seconds), cost.source) for key, cost in estimates.items()]
        show_list("missing runs", rows, ("run", "about", "measured from"))
