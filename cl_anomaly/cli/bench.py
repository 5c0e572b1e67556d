"""`bench`: a suite's runs, its options chosen first, its cost shown before it starts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cl_anomaly.cli.choosing_options import choose
from cl_anomaly.cli.missing_runs import How, prepared, run_missing
from cl_anomaly.cli.report import name_page
from cl_anomaly.cli.suite_screen import show_suite
from cl_anomaly.core.errors import InputError, RunError
from cl_anomaly.data.datasets import find_dataset
from cl_anomaly.engines.base import Engine, Outcome
from cl_anomaly.plan.build import Plan
from cl_anomaly.plan.check import reading_of
from cl_anomaly.results.run_folder import RunFolder
from cl_anomaly.store.files import check_writable
from cl_anomaly.store.folder_names import checked_name
from cl_anomaly.store.machine_differences import other_machine_by_difference
from cl_anomaly.store.provenance import other_code_by_run
from cl_anomaly.store.status import METRICS_FILE
from cl_anomaly.suites.folder import (
    check_each_once,
    check_same_suite,
    find_suite,
    write_suite,
)
from cl_anomaly.suites.suite import Member, Suite, suite_name
from cl_anomaly.suites.up_to_date import made_from


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
    how = How(out, engine, quiet, again, only_estimate, only, track)
    name = checked_name(name or suite_name(suite))
    check_writable(out)
    _check_only(suite, only)
    members = suite.members(settings, {})
    plans = prepared(members)
    check_each_once(members, plans)
    check_same_suite(out / name, {key: plan.config for key, plan in plans.items()})
    chosen_by = choose(suite, settings, plans, how)
    choices = chosen_by.choices
    if choices:
        members = suite.members(settings, {run: choice.options for run, choice in choices.items()})
        changed = {key: own for key, own in members.items() if own.run in choices}
        plans |= prepared(changed)
    outcome = run_missing(members, plans, how, chosen_by.waiting)
    if only_estimate:
        return
    performed = [_performed(own, plans[key], outcome) for key, own in members.items()]
    notes = [plan.dataset.note for plan in plans.values() if plan.dataset.note]
    origin = None
    if len(outcome.folders) == len(members) and not outcome.failures:
        data = _data_files([*plans.values(), *chosen_by.plans])
        origin = made_from(suite, settings, [*outcome.folders.values(), *chosen_by.folders], data)
    by_method = {own.method: choices[own.run] for own in members.values() if own.run in choices}
    folder = write_suite(suite, performed, by_method, out, name, origin, notes)
    show_suite(folder, quiet)
    if not (quiet or no_report) and (folder / METRICS_FILE).exists():
        name_page(folder, is_new=True)
    if outcome.failures:
        raise RunError("\n".join(f"{key} failed: {why}" for key, why in outcome.failures.items()))


def _check_only(suite: Suite, only: Sequence[str]) -> None:
    if unknown := [run for run in only if run not in suite.runs]:
        raise InputError(
            setting="only",
            expected=f"to name runs of the suite, {', '.join(suite.runs)}",
            got=unknown[0],
        )


def _data_files(plans: Sequence[Plan]) -> set[Path]:
    """Return the files that the data of runs is read from."""
    asked = {
        (str(own.config.dataset), own.config.data_root): reading_of(own.config) for own in plans
    }
    return {
        path
        for (name, root), reading in asked.items()
        for path in find_dataset(name, reading).files(root)
    }


def _performed(member: Member, plan: Plan, outcome: Outcome) -> RunFolder:
    return RunFolder(
        outcome.folders.get(member.name),
        member.name,
        method=member.method,
        failure=outcome.failures.get(member.name),
        config=plan.config,
        settings=plan.config.to_dict(),
        dataset=plan.dataset.name,
    )


def check(suite: Suite, out: Path, name: str | None) -> None:
    """Print which runs of a suite's results were made by other code, versions or machines.

    Raises:
        InputError: there are no results.
        RunError: some were made by other code.
    """
    folder = find_suite(out, name or suite_name(suite))
    changed = other_code_by_run(folder)
    there, named = set(changed), set(suite.members({}, {}))
    for key in sorted(named - there):
        print(f"{key}: not in {folder}")
    for key, why in changed.items():
        print(f"{key}: {why or 'the same code'}")
    for difference, runs in other_machine_by_difference(folder).items():
        print(f"{difference}, for {'all runs' if len(runs) == len(there) else ', '.join(runs)}")
    if others := [key for key, why in changed.items() if why]:
        raise RunError(
            f"{len(others)} of {len(changed)} runs in {folder} are of other code than there is "
            f"now. `cl-anomaly bench` runs them anew."
        )
