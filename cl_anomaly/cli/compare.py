"""`cl-anomaly compare`: several runs, and the folder with their figure and table."""

import sys
from collections.abc import Sequence
from pathlib import Path

from cl_anomaly.cli.missing_runs import ALL_SAVED
from cl_anomaly.cli.report import name_page
from cl_anomaly.cli.run import show_results
from cl_anomaly.cli.screen_tables import show_standings
from cl_anomaly.core.errors import InputError, Interrupted, RunError, within
from cl_anomaly.engines.base import Engine, Job, Outcome
from cl_anomaly.listeners.screen import Screen, show_notice
from cl_anomaly.plan.build import check_together, prepare
from cl_anomaly.plan.specification import Specification
from cl_anomaly.results.reading import read_results
from cl_anomaly.runs.finished import find_finished
from cl_anomaly.settings.run_config import ResolvedConfig
from cl_anomaly.statistics.pair_tests import Named
from cl_anomaly.store.files import check_writable
from cl_anomaly.store.folder_names import checked_name
from cl_anomaly.store.provenance import results_from_before
from cl_anomaly.store.status import PAGE_FILE
from cl_anomaly.suites.comparison_folder import check_same_comparison, write_comparison


def compare(
    runs: dict[str, Specification],
    named: Named,
    engine: Engine,
    out: Path,
    quiet: bool,
    again: bool,
    no_report: bool,
    name: str | None,
    track: Sequence[str] = (),
) -> None:
    """Perform several runs, and write a folder with their figure and their numbers.

    Args:
        named: pairs of runs to test, whichever run has the highest AUROC.
        out: folder for the runs' folders and the comparison's.

    Raises:
        InputError: a run is misconfigured, or another comparison has that name; nothing has run.
        RunError: a run failed; the others finished.
        Interrupted: a signal asked all runs to end.
    """
    if name is not None:
        checked_name(name)
    resolved, missing, outcome = _look_for_results(runs, out, again, track)
    for run, folder in outcome.folders.items():
        print(f"{run}: {results_from_before(folder)}", file=sys.stderr if quiet else sys.stdout)
    for note in {config.dataset_note for config in resolved.values()} - {None}:
        show_notice(str(note))
    check_writable(out)
    if name is not None:
        check_same_comparison(out / name, resolved)
    with Screen(quiet, len(missing)) as screen:
        outcome.over = screen.over
        engine.run_all(missing, screen.listener, outcome)
    if outcome.interrupted is not None:
        raise Interrupted(ALL_SAVED, outcome.interrupted)
    if outcome.folders:
        folder = write_comparison(resolved, outcome.folders, out, name, named)
        show_results(folder, quiet)
        if not quiet and len((results := read_results(folder)).lines) > 1:
            show_standings(results)
        if not (quiet or no_report):
            # The comparison may be new even if all of its runs existed before.
            is_new = bool(missing) or not (folder / PAGE_FILE).exists()
            name_page(folder, is_new)
    if outcome.failures:
        raise RunError("\n".join(f"{name} failed: {why}" for name, why in outcome.failures.items()))


def _check_scores(resolved: dict[str, ResolvedConfig]) -> None:
    """Check that all runs show the same score in the figure."""
    shown = {config.shown_score for config in resolved.values()}
    if len(shown) > 1:
        raise InputError(
            setting="score",
            expected="runs with the same {}",
            got=", ".join(sorted(shown)),
            hint="`--score NAME` sets one for all of them.",
        )


def _look_for_results(
    runs: dict[str, Specification], out: Path, again: bool, track: Sequence[str]
) -> tuple[dict[str, ResolvedConfig], list[Job], Outcome]:
    """Plan every run, and find the finished and the missing ones.

    Settings that do not fit together are refused here, before anything has run.
    """
    resolved, missing, outcome = {}, [], Outcome()
    for name, specification in runs.items():
        with within(f"Run {name!r}"):
            plan = prepare(specification)
            resolved[name], folder = plan.config, plan.folder
            finished = None if again else find_finished(out / folder, plan)
            if finished is None:
                check_together(plan)
        if finished is None:
            missing.append(Job(name, plan.config, out, folder, again, tuple(track)))
        else:
            outcome.add(name, finished.folder, finished.failures)
    _check_scores(resolved)
    return resolved, missing, outcome
