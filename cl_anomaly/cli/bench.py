"""`cl-anomaly bench`: tune a suite's options, show its cost, run what is missing, and tabulate.

A complete suite is shown without importing PyTorch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cl_anomaly.cli.missing_runs import How, run_missing
from cl_anomaly.cli.report import name_page
from cl_anomaly.core.errors import InputError, RunError
from cl_anomaly.engines.base import Engine, Outcome
from cl_anomaly.plan.outline import Outline
from cl_anomaly.results.recorded import read_rows
from cl_anomaly.results.run_folder import RunFolder
from cl_anomaly.results.table import method_rows
from cl_anomaly.store.files import check_writable
from cl_anomaly.store.folder_names import checked_name
from cl_anomaly.store.status import METRICS_FILE, PAGE_FILE
from cl_anomaly.suites.outlines import (
    Origin,
    check_settings,
    outlines_of,
    recorded_origin,
    seals_of,
    what_is_asked,
)
from cl_anomaly.suites.suite import Suite, SuiteRun, suite_name

if TYPE_CHECKING:
    from cl_anomaly.suites.tuning import Choice


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
    """Run the missing parts of a suite, and write its folder.

    Args:
        settings: replace the settings that the suite's runs share.
        only_estimate: list the missing runs and their cost, and run nothing.
        only: methods to run; existing results of others are used as well. Empty: all.
        out: folder for the runs' folders and the suite's.
        name: name of the suite's folder. Default: the name of its file.

    Raises:
        InputError: the suite is wrong, or its folder belongs to another one; nothing has run.
        RunError: a run failed; the others finished.
        Interrupted: a signal asked all runs to end.
    """
    folder = out / checked_name(name or suite_name(suite))
    check_writable(out)
    _check_only(suite, only)
    before = recorded_origin(folder)
    known = frozenset(seal for seal in before.runs.values() if seal)
    how = How(out, engine, quiet, again, only_estimate, only, track, known)
    members = suite.members(settings, {})
    for by_name in suite.candidates(settings).values():
        check_settings(suite, by_name.values())
    outlines = outlines_of(suite, members)
    asked = what_is_asked(suite, outlines)
    if asked != before.asked:
        _check_suite(folder, members, outlines)
    choices, waiting, tried = _choices(suite, settings, outlines, how)
    if choices:
        members = suite.members(settings, {run: choice.options for run, choice in choices.items()})
        outlines |= outlines_of(suite, {k: m for k, m in members.items() if m.run in choices})
    outcome = run_missing(members, outlines, how, waiting)
    if only_estimate:
        return
    origin = Origin(asked, seals_of([*outcome.folders.values(), *tried]), outcome.failures)
    if origin != before:
        _write(suite, members, outlines, outcome, choices, folder, origin)
    show_suite(folder, quiet)
    if not (quiet or no_report) and (folder / METRICS_FILE).exists():
        name_page(folder, is_new=origin != before or not (folder / PAGE_FILE).exists())
    if outcome.failures:
        raise RunError("\n".join(f"{key} failed: {why}" for key, why in outcome.failures.items()))


def _check_only(suite: Suite, only: Sequence[str]) -> None:
    if unknown := [run for run in only if run not in suite.runs]:
        raise InputError(
            setting="only",
            expected=f"to name runs of the suite, {', '.join(suite.runs)}",
            got=unknown[0],
        )


def _check_suite(
    folder: Path, members: Mapping[str, SuiteRun], outlines: Mapping[str, Outline]
) -> None:
    from cl_anomaly.suites.folder import check_each_once, check_same_suite

    check_each_once(members, outlines)
    check_same_suite(folder, {key: outline.config for key, outline in outlines.items()})


def _choices(
    suite: Suite, settings: dict[str, Any], outlines: Mapping[str, Outline], how: How
) -> tuple[dict[str, Choice], set[str], list[Path]]:
    """Tune options; also return the runs still waiting for them, and the candidates' folders."""
    if suite.tuning is None:
        return {}, set(), []
    from cl_anomaly.cli.tune import choose

    chosen = choose(suite, settings, outlines, how)
    return chosen.choices, chosen.waiting, chosen.folders


def _write(
    suite: Suite,
    members: Mapping[str, SuiteRun],
    outlines: Mapping[str, Outline],
    outcome: Outcome,
    choices: Mapping[str, Choice],
    folder: Path,
    origin: Origin,
) -> None:
    from cl_anomaly.suites.folder import write_suite

    runs = [_performed(member, outlines[key], outcome) for key, member in members.items()]
    notes = [outline.data_note for outline in outlines.values() if outline.data_note]
    by_method = {m.method: choices[m.run] for m in members.values() if m.run in choices}
    write_suite(suite, runs, by_method, folder.parent, folder.name, origin, notes)


def _performed(member: SuiteRun, outline: Outline, outcome: Outcome) -> RunFolder:
    return RunFolder(
        outcome.folders.get(member.name),
        member.name,
        method=member.method,
        failure=outcome.failures.get(member.name),
        config=outline.config,
        settings=outline.config.to_dict(),
        dataset=outline.dataset,
    )


def show_suite(folder: Path, quiet: bool) -> None:
    """Show a suite's table and where its results are; only the folder if quiet."""
    if quiet:
        print(folder)
        return
    from cl_anomaly.cli.screen_tables import show_narrow_table
    from cl_anomaly.report.suite_table import COST, QUALITY, screen_rows

    if (rows := read_rows(folder)) is not None:
        for title, columns in ((folder.name, QUALITY), ("cost of one replica", COST)):
            show_narrow_table(title, screen_rows(method_rows(rows), columns), ("method", *columns))
    print(f"results: {folder}")


def check(suite: Suite, out: Path, name: str | None) -> None:
    """Print which runs of a suite's results were made by other code, versions or machines.

    Raises:
        InputError: the suite has no results.
        RunError: other code made some of them.
    """
    from cl_anomaly.store.machine_differences import other_machine_by_difference
    from cl_anomaly.store.provenance import other_code_by_run
    from cl_anomaly.suites.folder import find_suite

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
            f"Different code made {len(others)} of {len(changed)} runs in {folder}. "
            f"`cl-anomaly bench` runs them again."
        )
