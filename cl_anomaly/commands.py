"""What the commands do, once their arguments are read."""

from pathlib import Path

import pandas as pd

from cl_anomaly.compare import Outcome, run_all
from cl_anomaly.components import FRAMEWORK_ARGUMENTS
from cl_anomaly.config import ResolvedConfig, RunConfig
from cl_anomaly.datasets import DATASETS
from cl_anomaly.environment import available_cores
from cl_anomaly.errors import InputError, RunError
from cl_anomaly.experiment import Run, resolve
from cl_anomaly.models import MODELS
from cl_anomaly.options import describe_options, summary
from cl_anomaly.plots import draw_auroc, save_figure
from cl_anomaly.scores import CHEAP_SCORES, SCORES
from cl_anomaly.screen import Screen, show_aurocs, show_list, show_notice
from cl_anomaly.store import (
    CONFIG_FILE,
    ENVIRONMENT_FILE,
    FIGURE_NAME,
    METRICS_FILE,
    SUMMARY_FILE,
    check_writable,
    read_json,
    read_runs,
    write_folder,
    write_json,
    write_run,
)
from cl_anomaly.strategies import strategies
from cl_anomaly.suite import suite_from
from cl_anomaly.summary import summarise


def run_one(config: RunConfig, out: Path, quiet: bool) -> None:
    """Run one configuration, write its folder, and show its table."""
    resolved = resolve(config)
    if resolved.dataset_note:
        show_notice(resolved.dataset_note)
    prepared = Run(resolved)
    check_writable(out)
    with Screen(quiet) as screen:
        result = prepared.execute(screen.listener(prepared.strategy_name))
    folder = write_run(result, out)
    _conclude(folder, folder / f"{FIGURE_NAME}.png", resolved.score, quiet)


def compare(configs: dict[str, RunConfig], out: Path, workers: int | None, quiet: bool) -> None:
    """Run several configurations, and write a folder with their figure and their numbers.

    Raises:
        InputError: one of the configurations is at fault; nothing has run.
        RunError: a run failed; the others were finished.
    """
    scores = {config.score for config in configs.values()}
    if len(scores) > 1:
        raise InputError(
            f"Expected runs with the same `score`, but got {', '.join(sorted(scores))}."
        )
    resolved = {name: resolve(config) for name, config in configs.items()}
    notes = {config.dataset_note for config in resolved.values()} - {None}
    for note in notes:
        show_notice(str(note))
    for config in resolved.values():
        Run(config)  # what does not fit together is found here, before anything has run
    check_writable(out)
    with Screen(quiet) as screen:
        outcome = run_all(resolved, out, workers or available_cores(), screen.listener)
    if outcome.folders:
        folder = _write_comparison(resolved, outcome, out)
        _conclude(folder, folder / f"{FIGURE_NAME}.png", next(iter(resolved.values())).score, quiet)
    if outcome.failures:
        raise RunError("\n".join(f"{name} failed: {why}" for name, why in outcome.failures.items()))


def _write_comparison(configs: dict[str, ResolvedConfig], outcome: Outcome, out: Path) -> Path:
    finished = {name: outcome.folders[name] for name in configs if name in outcome.folders}
    tables = [
        pd.read_csv(path / METRICS_FILE, dtype={"classes": str}).assign(run=name)
        for name, path in finished.items()
    ]
    metrics = pd.concat(tables, ignore_index=True)
    first = next(iter(configs.values()))

    def write(folder: Path) -> None:
        write_json(folder / CONFIG_FILE, suite_from(configs).content())
        write_json(folder / "runs.json", {name: path.name for name, path in finished.items()})
        environments = {n: read_json(path / ENVIRONMENT_FILE) for n, path in finished.items()}
        write_json(folder / ENVIRONMENT_FILE, {"runs": environments})
        metrics.to_csv(folder / METRICS_FILE, index=False)
        summarise(metrics).to_csv(folder / SUMMARY_FILE, index=False)
        save_figure(draw_auroc(metrics, first.score), folder / FIGURE_NAME)

    return write_folder(out, f"{first.dataset}-compare", write)


def _conclude(folder: Path, figure: Path, score: str, quiet: bool) -> None:
    if quiet:
        print(folder)
        return
    metrics, _ = read_runs([folder])
    show_aurocs(metrics, score)
    print(f"results: {folder}\nfigure:  {figure}")


def plot(folders: list[Path], score: str | None, out: Path) -> None:
    """Draw finished runs in one figure, and print its files.

    Raises:
        InputError: a folder is not one of a run, or does not have the score.
    """
    metrics, first_score = read_runs(folders)
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
