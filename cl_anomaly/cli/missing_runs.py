"""The runs of a suite: looked up, their cost shown, and those that are missing carried out."""

import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cl_anomaly.cli.screen_tables import show_list
from cl_anomaly.core.errors import InputError, Interrupted
from cl_anomaly.engines.base import Engine, Outcome
from cl_anomaly.listeners.screen import Screen
from cl_anomaly.plan.build import Plan, check_together, prepare
from cl_anomaly.runs.perform import find_finished
from cl_anomaly.suites.estimates import estimated, in_words, measured_rates, wall_seconds
from cl_anomaly.suites.jobs import ALL_SAVED, job_of
from cl_anomaly.suites.suite import Member


@dataclass(frozen=True)
class How:
    """How the runs of a suite are carried out; see `benching.bench`."""

    out: Path
    engine: Engine
    quiet: bool
    again: bool
    only_estimate: bool
    only: Sequence[str]
    track: Sequence[str]


def prepared(members: Mapping[str, Member]) -> dict[str, Plan]:
    """Look up all runs, so that what is wrong with one is known before any begins."""
    plans = {}
    for key, own in members.items():
        try:
            plans[key] = prepare(own.config)
            check_together(plans[key])
        except InputError as error:
            raise InputError(f"Run {key!r}: {error}") from error
    return plans


def run_missing(
    members: Mapping[str, Member],
    plans: Mapping[str, Plan],
    how: How,
    waiting: Collection[str] = (),
    says_finished: bool = True,
) -> Outcome:
    """Run what is missing, after its cost has been shown.

    Args:
        members: the runs.
        plans: theirs.
        how: they are run.
        waiting: runs of the suite whose options have not been chosen: only their cost is shown.
        says_finished: whether it is said where none is missing.
    """
    missing: dict[str, Plan] = {}
    outcome, wanted = Outcome(), 0
    for key, plan in plans.items():
        run = members[key].run
        is_wanted = not how.only or run in how.only
        if run in waiting and not how.only_estimate:
            continue
        wanted += is_wanted
        found = None if how.again and is_wanted else find_finished(plan, how.out)
        if found is not None:
            outcome.add(key, found.folder, found.failures)
        elif is_wanted:
            missing[key] = plan
    if wanted and (missing or says_finished):
        _show_cost(missing, wanted, how)
    if missing and not how.only_estimate:
        with Screen(how.quiet, len(missing)) as screen:
            outcome.over = screen.over
            jobs = [
                job_of(key, plan, how.out, how.again, track=how.track)
                for key, plan in missing.items()
            ]
            how.engine.run_all(jobs, screen.listener, outcome)
    if outcome.interrupted is not None:
        raise Interrupted(ALL_SAVED, outcome.interrupted)
    return outcome


def _show_cost(missing: Mapping[str, Plan], count: int, how: How) -> None:
    if not missing:
        print(f"All {count} runs are finished.", file=sys.stderr)
        return
    if how.quiet and not how.only_estimate:  # nobody waits for what it costs
        print(f"{len(missing)} of {count} runs are missing.", file=sys.stderr)
        return
    rates = measured_rates(path for path in how.out.iterdir() if path.is_dir())
    estimates = {key: estimated(plan, rates) for key, plan in missing.items()}
    seconds = wall_seconds(list(estimates.values()), how.engine.at_a_time)
    probes = sum(own.source == "a probe" for own in estimates.values())
    roughly = f"; {probes} of them guessed from their first steps" if probes else ""
    print(
        f"{len(missing)} of {count} runs are missing: about {in_words(seconds)} with "
        f"{how.engine.at_a_time} at a time{roughly}.",
        file=sys.stderr,
    )
    if how.only_estimate:
        rows = [(key, in_words(own.seconds), own.source) for key, own in estimates.items()]
        show_list("what is missing", rows, ("run", "about", "measured from"))
