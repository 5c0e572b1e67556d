"""`cl-anomaly run` and `cl-anomaly resume`: one run, and its table on the screen."""

import sys
from collections.abc import Sequence
from pathlib import Path

from cl_anomaly.cli.missing_runs import ALL_SAVED
from cl_anomaly.cli.report import name_page
from cl_anomaly.cli.screen_tables import show_aurocs
from cl_anomaly.core.errors import Interrupted, RunError
from cl_anomaly.core.progress import Progress
from cl_anomaly.engines.base import Engine, Job, Listener, Outcome
from cl_anomaly.engines.local import LocalEngine
from cl_anomaly.listeners.screen import Screen, say, show_notice
from cl_anomaly.plan.build import Plan, check_together, prepare
from cl_anomaly.plan.specification import Specification
from cl_anomaly.report.run_names import labelled
from cl_anomaly.results.reading import read_results
from cl_anomaly.runs.finished import Finished, find_finished
from cl_anomaly.runs.perform import perform
from cl_anomaly.runs.resume import resume
from cl_anomaly.store.files import check_writable
from cl_anomaly.store.folder_names import checked_name
from cl_anomaly.store.provenance import code_note, results_from_before
from cl_anomaly.store.status import CONFIG_FILE, FIGURE_NAME


def run_one(
    specification: Specification,
    engine: Engine,
    out: Path,
    quiet: bool,
    again: bool,
    no_report: bool,
    name: str | None,
    track: Sequence[str] = (),
) -> None:
    """Perform or finish a run, and show its table.

    Raises:
        InputError: the configuration is wrong, or another run has that name.
        RunError: the run or one of its replicas failed.
        Interrupted: a signal asked the run to end.
    """
    if name is not None:
        checked_name(name)
    plan = prepare(specification)
    note = plan.config.dataset_note

    def listener(strategy: str) -> Progress:
        progress = screen.listener(strategy)
        if note:
            progress.notice(note)
        return progress

    with Screen(quiet) as screen:
        if isinstance(engine, LocalEngine):  # a single run needs no worker process
            done = perform(plan, out, listener, again, name, track)
        else:
            done = _carried_out(plan, engine, out, listener, again, name, track)
    hint = "`--again` repeats it."
    _conclude_run(done, quiet, no_report, hint, None if done.is_new else note)


def _carried_out(
    plan: Plan,
    engine: Engine,
    out: Path,
    listener: Listener,
    again: bool,
    name: str | None,
    track: Sequence[str],
) -> Finished:
    """Let an engine perform or finish a run; raises what `run_one` does."""
    check_together(plan)
    check_writable(out)
    name, outcome, run = name or plan.folder, Outcome(), plan.strategy_name
    if not again and (finished := find_finished(out / name, plan)):
        return finished
    job = Job(run, plan.config, out, name, again, tuple(track))
    engine.run_all([job], listener, outcome)
    if outcome.interrupted is not None:
        raise Interrupted(ALL_SAVED, outcome.interrupted)
    if run not in outcome.folders:
        raise RunError(outcome.failures[run])
    failures = outcome.failures.get(run)
    return Finished(outcome.folders[run], failures.splitlines() if failures else [], is_new=True)


def resume_one(folder: Path, quiet: bool, trust: bool, track: Sequence[str] = ()) -> None:
    """Resume the run in a folder, and show its table; raises what `run_one` does."""
    with Screen(quiet) as screen:
        done = resume(folder, screen.listener, trust, track)
    hint = f"`cl-anomaly run --config {folder / CONFIG_FILE}` starts another."
    _conclude_run(done, quiet, True, hint)


def _conclude_run(
    done: Finished, quiet: bool, no_report: bool, hint: str, note: str | None = None
) -> None:
    if not done.is_new:
        # First of all, and not among the notices: the reader must know before reading on.
        line = f"{results_from_before(done.folder)} {hint}"
        print(line, file=sys.stderr if quiet else sys.stdout)
        for notice in filter(None, (code_note([done.folder]), note)):
            show_notice(notice)
    show_results(done.folder, quiet)
    if not (quiet or no_report):
        name_page(done.folder, done.is_new)
    if done.failures:
        raise RunError("\n".join(done.failures))


def show_results(folder: Path, quiet: bool) -> None:
    """Print the AUROCs of a folder's runs and where its files are; only the folder if quiet."""
    if quiet:
        print(folder)
        return
    if runs := read_results(folder).lines:
        metrics, remarks = labelled(runs)
        say(remarks)
        show_aurocs(metrics, runs[0].score)
    print(f"results: {folder}")
    if (figure := folder / f"{FIGURE_NAME}.png").exists():
        print(f"figure:  {figure}")
