"""What the commands do, once their arguments are read."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from cl_anomaly.cli.missing_runs import ALL_SAVED
from cl_anomaly.cli.report import name_page
from cl_anomaly.cli.screen_tables import show_aurocs, show_list, show_standings
from cl_anomaly.core.errors import InputError, Interrupted, RunError, within
from cl_anomaly.core.progress import Progress
from cl_anomaly.data.datasets import DATASETS, OWN, find_dataset
from cl_anomaly.engines.base import Engine, Job, Listener, Outcome
from cl_anomaly.engines.local import LocalEngine
from cl_anomaly.listeners.screen import Screen, say, show_notice
from cl_anomaly.models import MODELS
from cl_anomaly.plan.build import check_together, prepare
from cl_anomaly.plan.plan import Plan
from cl_anomaly.plan.specification import Specification
from cl_anomaly.report.run_names import labelled
from cl_anomaly.results.reading import read_results
from cl_anomaly.runs.finished import Finished, find_finished
from cl_anomaly.runs.perform import perform
from cl_anomaly.runs.resume import resume
from cl_anomaly.scores import CHEAP_SCORES, SCORES, Score
from cl_anomaly.settings.catalogue import OF_THE_RUN
from cl_anomaly.settings.options import options_of, summary
from cl_anomaly.settings.run_config import ResolvedConfig
from cl_anomaly.statistics.pair_tests import Named
from cl_anomaly.store.files import check_writable
from cl_anomaly.store.folder_names import checked_name
from cl_anomaly.store.provenance import code_note, results_from_before
from cl_anomaly.store.status import CONFIG_FILE, FIGURE_NAME, PAGE_FILE
from cl_anomaly.strategies import strategies
from cl_anomaly.suites.comparison_folder import check_same_comparison, write_comparison
from cl_anomaly.suites.shipped import shipped_suites
from cl_anomaly.suites.suite_file import read_suite_file

_List = tuple[tuple[str, ...], Sequence[tuple[str, ...]]]
"""The columns of a list after a name and what it is, and its rows."""


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
    """Do what is left of a run, and show its table.

    Raises:
        InputError: the configuration is at fault, or another one has that name.
        RunError: the run failed, or one of its replicas.
        Interrupted: a signal has asked for its end.
    """
    _check_name(name)
    plan = prepare(specification)
    note = plan.config.dataset_note

    def listener(strategy: str) -> Progress:
        progress = screen.listener(strategy)
        if note:
            progress.notice(note)
        return progress

    with Screen(quiet) as screen:
        if isinstance(engine, LocalEngine):  # here: this process needs no other
            done = perform(plan, out, listener, again, name, track)
        else:
            done = _carried_out(plan, engine, out, listener, again, name, track)
    way_on = "`--again` runs it anew."
    _conclude_run(done, quiet, no_report, way_on, None if done.is_new else note)


def _carried_out(
    plan: Plan,
    engine: Engine,
    out: Path,
    listener: Listener,
    again: bool,
    name: str | None,
    track: Sequence[str],
) -> Finished:
    """Let an engine do what is left of a run; raises what `run_one` does."""
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
    """Go on with the run in a folder, and show its table; raises what `run_one` does."""
    with Screen(quiet) as screen:
        done = resume(folder, screen.listener, trust, track)
    way_on = f"`cl-anomaly run --config {folder / CONFIG_FILE}` begins another."
    _conclude_run(done, quiet, True, way_on)


def _conclude_run(
    done: Finished, quiet: bool, no_report: bool, way_on: str, note: str | None = None
) -> None:
    if not done.is_new:
        # Before all else, and not among the notices: whoever reads on must know.
        said = f"{results_from_before(done.folder)} {way_on}"
        print(said, file=sys.stderr if quiet else sys.stdout)
        for notice in filter(None, (code_note([done.folder]), note)):
            show_notice(notice)
    _conclude(done.folder, quiet)
    if not (quiet or no_report):
        name_page(done.folder, done.is_new)
    if done.failures:
        raise RunError("\n".join(done.failures))


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
        runs: by name.
        named: pairs of runs that are tested whoever has the highest AUROC.
        engine: carries the runs out.
        out: folder for the runs' folders and the comparison's.
        quiet: show no progress.
        again: run anew what is finished.
        no_report: write no page.
        name: of the comparison's folder.
        track: names of trackers, which follow each run.

    Raises:
        InputError: one of the runs is at fault, or another comparison has that name;
            nothing has run.
        RunError: a run failed; the others were finished.
        Interrupted: a signal has asked for the end of all.
    """
    _check_name(name)
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
        _conclude(folder, quiet)
        if not quiet and len((results := read_results(folder)).lines) > 1:
            show_standings(results)
        if not (quiet or no_report):
            # Of runs that were there before, the comparison may still be new.
            is_new = bool(missing) or not (folder / PAGE_FILE).exists()
            name_page(folder, is_new)
    if outcome.failures:
        raise RunError("\n".join(f"{name} failed: {why}" for name, why in outcome.failures.items()))


def _check_name(name: str | None) -> None:
    """Refuse a name before anything is loaded or run."""
    if name is not None:
        checked_name(name)


def _check_scores(resolved: dict[str, ResolvedConfig]) -> None:
    """Make sure that the first score, which the figure shows, is one of all runs."""
    shown = {config.shown_score for config in resolved.values()}
    if len(shown) > 1:
        raise InputError(
            setting="score",
            expected="runs with the same {}",
            got=", ".join(sorted(shown)),
            hint="`--score NAME` takes one for all of them.",
        )


def _look_for_results(
    runs: dict[str, Specification], out: Path, again: bool, track: Sequence[str]
) -> tuple[dict[str, ResolvedConfig], list[Job], Outcome]:
    """Plan every run, and find out which runs are finished and which are missing.

    What does not fit together is found here, before anything has run.
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


def _conclude(folder: Path, quiet: bool) -> None:
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


def show(what: str) -> None:
    """List the strategies, datasets, models, scores or suites that there are."""
    columns, rows = _LISTS[what]()
    show_list(what, rows, ("name", "what it is", *columns))


def _list_strategies() -> _List:
    rows = [
        (name, summary(cls), "\n".join(map(str, options_of(cls))))
        for name, cls in strategies().items()
    ]
    return ("options, --strategy.NAME",), rows


def _list_models() -> _List:
    rows = [
        (name, summary(cls), cls.default_score, "\n".join(map(str, options_of(cls, OF_THE_RUN))))
        for name, cls in MODELS.items()
    ]
    return ("default score", "options, --model.NAME"), rows


def _list_datasets() -> _List:
    found = [(own.name, own.summary, own) for own in DATASETS.values()]
    found += [(name, about, find_dataset(name)) for name, about in OWN.items()]
    rows = [
        (name, about, f"epochs={spec.epochs}\nbatch_size={spec.batch_size}")
        for name, about, spec in found
    ]
    return ("defaults",), rows


def _list_suites() -> _List:
    return (), [(name, read_suite_file(path).title) for name, path in shipped_suites().items()]


def _list_scores() -> _List:
    columns = ("recorded", "cost in forward passes")
    return columns, [_score_row(name, score) for name, score in SCORES.items()]


def _score_row(name: str, score: type[Score]) -> tuple[str, str, str, str]:
    kept = f"; keeps {score.statistics}, 4 bytes each" if score.statistics else ""
    recorded = "always" if name in CHEAP_SCORES else "with --score"
    return name, summary(score), recorded, f"{score.passes:g}{kept}"


_LISTS: dict[str, Callable[[], _List]] = {
    "strategies": _list_strategies,
    "datasets": _list_datasets,
    "models": _list_models,
    "scores": _list_scores,
    "suites": _list_suites,
}
