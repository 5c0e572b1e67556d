"""`bench`: a suite's runs, its options chosen first, its cost shown before it starts."""

import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cl_anomaly.cli.jobs import ALL_SAVED, job_of
from cl_anomaly.cli.reporting import name_page
from cl_anomaly.cli.screen import Screen
from cl_anomaly.cli.screen_tables import show_list
from cl_anomaly.cli.suite_screen import show_suite
from cl_anomaly.data.datasets import find_dataset
from cl_anomaly.engines.base import Engine, Outcome
from cl_anomaly.errors import InputError, Interrupted, RunError
from cl_anomaly.runs.build import Plan, check_together, prepare
from cl_anomaly.runs.estimates import estimated, in_words, measured_rates, wall_seconds
from cl_anomaly.runs.lifecycle import find_finished
from cl_anomaly.runs.look_up import reading_of
from cl_anomaly.runs.provenance import other_code_by_run
from cl_anomaly.runs.suite_folder import (
    SuiteMember,
    check_each_once,
    check_same_suite,
    find_suite,
    write_suite,
)
from cl_anomaly.runs.suites import Member, Suite, suite_name
from cl_anomaly.runs.tuning import Choice, check_apart, chosen
from cl_anomaly.runs.up_to_date import made_from
from cl_anomaly.storage.files import check_writable
from cl_anomaly.storage.names import checked_name
from cl_anomaly.storage.status import METRICS_FILE


@dataclass(frozen=True)
class _How:
    out: Path
    engine: Engine
    quiet: bool
    again: bool
    only_estimate: bool
    only: Sequence[str]
    track: Sequence[str]


def bench(
    suite: Suite,
    settings: dict[str, Any],
    only_estimate: bool,
    only: Sequence[str],
    engine: Engine,
    out: Path,
    quiet: bool,
    again: bool,
    no_report: bool,
    name: str | None,
    track: Sequence[str] = (),
) -> None:
    """Run what is missing of a suite, and write its folder.

    Args:
        suite: what there is to run.
        settings: take the place of those that its runs share.
        only_estimate: say what is missing and what it costs, and run nothing.
        only: methods that are run; results of others are taken where they are there. Empty: all.
        engine: carries the runs out.
        out: folder for the runs' folders and the suite's.
        quiet: show no progress.
        again: run anew what is finished.
        no_report: write no page.
        name: of the suite's folder. Default: that of its file.
        track: names of trackers, which follow each run.

    Raises:
        InputError: the suite is at fault, or another one has its folder; nothing has run.
        RunError: a run failed; the others were finished.
        Interrupted: a signal has asked for the end of all.
    """
    how = _How(out, engine, quiet, again, only_estimate, only, track)
    name = checked_name(name or suite_name(suite))
    check_writable(out)
    _check_only(suite, only)
    members = suite.members(settings, {})
    plans = _prepared(members)
    check_each_once(members, plans)
    check_same_suite(out / name, {key: plan.config for key, plan in plans.items()})
    chosen_by = _choose(suite, settings, plans, how)
    choices = chosen_by.choices
    if choices:
        members = suite.members(settings, {run: choice.options for run, choice in choices.items()})
        changed = {key: own for key, own in members.items() if own.run in choices}
        plans |= _prepared(changed)
    outcome = _run(members, plans, how, chosen_by.waiting)
    if only_estimate:
        return
    performed = {key: _performed(own, plans[key], outcome) for key, own in members.items()}
    origin = None
    if len(outcome.folders) == len(members) and not outcome.failures:
        data = _data_files([*plans.values(), *chosen_by.plans])
        origin = made_from(suite, settings, [*outcome.folders.values(), *chosen_by.folders], data)
    by_method = {own.method: choices[own.run] for own in members.values() if own.run in choices}
    folder = write_suite(suite, performed, by_method, out, name, origin)
    show_suite(folder, quiet)
    if not (quiet or no_report) and (folder / METRICS_FILE).exists():
        name_page(folder, is_new=True)
    if outcome.failures:
        raise RunError("\n".join(f"{key} failed: {why}" for key, why in outcome.failures.items()))


def _check_only(suite: Suite, only: Sequence[str]) -> None:
    if unknown := [run for run in only if run not in suite.runs]:
        raise InputError(
            f"Expected `only` to name runs of the suite, {', '.join(suite.runs)}, but got "
            f"{unknown[0]}."
        )


@dataclass(frozen=True)
class _Chosen:
    """What options were chosen by.

    Attributes:
        choices: what was chosen, by method.
        waiting: methods that wait for it, because their candidates are not to be run now. They have
            no results: those of another value are not theirs.
        folders: of the candidates.
        plans: theirs.
    """

    choices: dict[str, Choice]
    waiting: set[str]
    folders: list[Path]
    plans: list[Plan]


def _data_files(plans: Sequence[Plan]) -> set[Path]:
    """Give the files that the data of runs is read from."""
    asked = {
        (str(own.config.dataset), own.config.data_root): reading_of(own.config) for own in plans
    }
    return {
        path
        for (name, root), reading in asked.items()
        for path in find_dataset(name, reading).files(root)
    }


def _choose(
    suite: Suite, settings: dict[str, Any], reported: Mapping[str, Plan], how: _How
) -> _Chosen:
    """Choose the options that the suite lets be chosen, from runs of their own."""
    candidates = suite.candidates(settings)
    tried = {own.name: own for by_name in candidates.values() for own in by_name.values()}
    if not tried:
        return _Chosen({}, set(), [], [])
    plans = _prepared(tried)
    check_apart(plans, reported)
    if not how.only or any(run in how.only for run in candidates):
        print("Options are chosen first.", file=sys.stderr)
    outcome = _run(tried, plans, how)
    choices = {}
    for run, by_name in candidates.items():
        over = [own.name in {**outcome.folders, **outcome.failures} for own in by_name.values()]
        if all(over):
            choices[run] = _chosen(suite, run, by_name, outcome, plans)
            said = choices[run]
            print(f"{run}: {said.options}, chosen on {said.on}", file=sys.stderr)
    waiting = set(candidates) - set(choices)
    return _Chosen(choices, waiting, list(outcome.folders.values()), list(plans.values()))


def _performed(member: Member, plan: Plan, outcome: Outcome) -> SuiteMember:
    key = member.name
    folder, failure = outcome.folders.get(key), outcome.failures.get(key)
    return SuiteMember(member.method, plan.config, plan.dataset.name, folder, failure)


def _prepared(members: Mapping[str, Member]) -> dict[str, Plan]:
    """Look up all runs, so that what is wrong with one is known before any begins."""
    plans = {}
    for key, own in members.items():
        try:
            plans[key] = prepare(own.config)
            check_together(plans[key])
        except InputError as error:
            raise InputError(f"Run {key!r}: {error}") from error
    return plans


def _run(
    members: Mapping[str, Member],
    plans: Mapping[str, Plan],
    how: _How,
    waiting: Collection[str] = (),
) -> Outcome:
    """Run what is missing, after its cost has been shown.

    Args:
        members: the runs.
        plans: theirs.
        how: they are run.
        waiting: runs of the suite whose options have not been chosen: only their cost is shown.
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
    if wanted:
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


def _show_cost(missing: Mapping[str, Plan], count: int, how: _How) -> None:
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


def _chosen(
    suite: Suite,
    run: str,
    candidates: Mapping[str, Member],
    outcome: Outcome,
    plans: Mapping[str, Plan],
) -> Choice:
    folders = {
        option: outcome.folders[own.name]
        for option, own in candidates.items()
        if own.name in outcome.folders
    }
    first = next(iter(candidates.values()))
    return chosen(suite, run, folders, plans[first.name])


def check(suite: Suite, out: Path, name: str | None) -> None:
    """Say which runs of a suite's results would come out differently with today's code.

    Raises:
        InputError: there are no results.
        RunError: some would.
    """
    folder = find_suite(out, name or suite_name(suite))
    changed = other_code_by_run(folder)
    there, named = set(changed), set(suite.members({}, {}))
    for key in sorted(named - there):
        print(f"{key}: not in {folder}")
    for key, why in changed.items():
        print(f"{key}: {why or 'the same code'}")
    if others := [key for key, why in changed.items() if why]:
        raise RunError(
            f"{len(others)} of {len(changed)} runs in {folder} are of other code than there is "
            f"now. `cl-anomaly bench` runs them anew."
        )
