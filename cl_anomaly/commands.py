"""What the commands do, once their arguments are read."""

import sys
from pathlib import Path

from cl_anomaly.compare import Outcome, run_all
from cl_anomaly.comparison import check_same_comparison, write_comparison
from cl_anomaly.components import FRAMEWORK_ARGUMENTS
from cl_anomaly.config import ResolvedConfig, RunConfig
from cl_anomaly.datasets import DATASETS
from cl_anomaly.environment import available_cores
from cl_anomaly.errors import InputError, Interrupted, RunError
from cl_anomaly.models import MODELS
from cl_anomaly.options import describe_options, summary
from cl_anomaly.plots import draw_auroc, save_figure
from cl_anomaly.progress import Progress
from cl_anomaly.provenance import code_note, results_from_before
from cl_anomaly.results import read_runs
from cl_anomaly.runner import Finished, find_finished, perform, prepare, resume
from cl_anomaly.runs import CONFIG_FILE
from cl_anomaly.scores import CHEAP_SCORES, SCORES
from cl_anomaly.screen import Screen, show_aurocs, show_list, show_notice
from cl_anomaly.store import FIGURE_NAME, check_writable, plain_name
from cl_anomaly.strategies import strategies


def run_one(config: RunConfig, out: Path, quiet: bool, again: bool, name: str | None) -> None:
    """Do what is left of a run, and show its table.

    Raises:
        InputError: the configuration is at fault, or another one has that name.
        RunError: the run failed, or one of its replicas.
        Interrupted: a signal has asked for its end.
    """
    run = prepare(config)
    note = run.config.dataset_note

    def listener(strategy: str) -> Progress:
        progress = screen.listener(strategy)
        if note:
            progress.notice(note)
        return progress

    with Screen(quiet) as screen:
        done = perform(run, out, listener, again, name)
    _conclude_run(done, quiet, "`--again` runs it anew.", None if done.is_new else note)


def resume_one(folder: Path, quiet: bool, trust: bool) -> None:
    """Go on with the run in a folder, and show its table; raises what `run_one` does."""
    with Screen(quiet) as screen:
        done = resume(folder, screen.listener, trust)
    _conclude_run(done, quiet, f"`cl-anomaly run --config {folder / CONFIG_FILE}` begins another.")


def _conclude_run(done: Finished, quiet: bool, way_on: str, note: str | None = None) -> None:
    if not done.is_new:
        # Before all else, and not among the notices: whoever reads on must know.
        said = f"{results_from_before(done.folder)} {way_on}"
        print(said, file=sys.stderr if quiet else sys.stdout)
        for notice in filter(None, (code_note([done.folder]), note)):
            show_notice(notice)
    _conclude(done.folder, quiet)
    if done.failures:
        raise RunError("\n".join(done.failures))


def compare(
    configs: dict[str, RunConfig],
    out: Path,
    workers: int | None,
    quiet: bool,
    again: bool,
    name: str | None,
) -> None:
    """Perform several runs, and write a folder with their figure and their numbers.

    Raises:
        InputError: one of the configurations is at fault, or another comparison has that name;
            nothing has run.
        RunError: a run failed; the others were finished.
        Interrupted: a signal has asked for the end of all.
    """
    scores = {config.score for config in configs.values()}
    if len(scores) > 1:
        raise InputError(
            f"Expected runs with the same `score`, but got {', '.join(sorted(scores))}."
        )
    resolved, outcome = _look_for_results(configs, out, again)
    for run, folder in outcome.folders.items():
        print(f"{run}: {results_from_before(folder)}", file=sys.stderr if quiet else sys.stdout)
    for note in {config.dataset_note for config in resolved.values()} - {None}:
        show_notice(str(note))
    check_writable(out)
    if name:
        check_same_comparison(out / plain_name(name), resolved)
    missing = {run: config for run, config in resolved.items() if run not in outcome.folders}
    with Screen(quiet) as screen:
        run_all(missing, out, workers or available_cores(), screen.listener, again, outcome)
    if outcome.interrupted is not None:
        raise Interrupted(
            "interrupted, and saved. The same command goes on with what is missing.",
            outcome.interrupted,
        )
    if outcome.folders:
        _conclude(write_comparison(resolved, outcome.folders, out, name), quiet)
    if outcome.failures:
        raise RunError("\n".join(f"{name} failed: {why}" for name, why in outcome.failures.items()))


def _look_for_results(
    configs: dict[str, RunConfig], out: Path, again: bool
) -> tuple[dict[str, ResolvedConfig], Outcome]:
    """Resolve every configuration, and find the runs that are finished already.

    What does not fit together is found here, before anything has run.
    """
    resolved, outcome = {}, Outcome()
    for name, config in configs.items():
        run = prepare(config)
        resolved[name] = run.config
        if not again and (found := find_finished(run, out)):
            outcome.add(name, found.folder, found.failures)
    return resolved, outcome


def _conclude(folder: Path, quiet: bool) -> None:
    if quiet:
        print(folder)
        return
    metrics, score = read_runs([folder])
    if len(metrics):
        show_aurocs(metrics, score)
    print(f"results: {folder}")
    if (figure := folder / f"{FIGURE_NAME}.png").exists():
        print(f"figure:  {figure}")


def plot(folders: list[Path], score: str | None, out: Path) -> None:
    """Draw finished runs in one figure, and print its files.

    Raises:
        InputError: a folder is not one of a run, or does not have the score.
    """
    metrics, first_score = read_runs(folders)
    if note := code_note(folders):
        show_notice(note)
    score = score or first_score
    for name, own in metrics.groupby("run", sort=False):
        known = own["score"].unique()
        if score not in known:
            raise InputError(
                f"Expected `score` to be one that {name} has ({', '.join(known)}), but got "
                f"{score!r}."
            )
    if out.suffix in (".png", ".svg"):
        out = out.with_suffix("")
    if not out.name:
        raise InputError(f"Expected `out` to be a file without its ending, but got {str(out)!r}.")
    check_writable(out.parent)
    for file in save_figure(draw_auroc(metrics, score), out):
        print(file)


def show(what: str) -> None:
    """List the strategies, datasets, models or scores that there are."""
    if what == "strategies":
        rows = [(n, summary(c), "\n".join(describe_options(c))) for n, c in strategies().items()]
        columns = ("name", "what it is", "options, --strategy.NAME")
    elif what == "models":
        rows = [
            (name, summary(model), "\n".join(describe_options(model, FRAMEWORK_ARGUMENTS)))
            for name, model in MODELS.items()
        ]
        columns = ("name", "what it is", "options, --model.NAME")
    elif what == "datasets":
        rows = [
            (spec.name, spec.summary, f"epochs={spec.epochs}\nbatch_size={spec.batch_size}")
            for spec in DATASETS.values()
        ]
        columns = ("name", "what it is", "defaults")
    else:
        rows = [
            (name, summary(score), "always" if name in CHEAP_SCORES else "with --score")
            for name, score in SCORES.items()
        ]
        columns = ("name", "what it is", "recorded")
    show_list(what, rows, columns)
