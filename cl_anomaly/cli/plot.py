"""`cl-anomaly plot`: draw runs, and write the figure's files."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cl_anomaly.core.errors import InputError
from cl_anomaly.listeners.screen import say
from cl_anomaly.report.auroc_figure import draw_auroc
from cl_anomaly.report.canvas import FORMATS, write_figure
from cl_anomaly.report.drawn_run import DrawnRun
from cl_anomaly.report.pictures import find_picture
from cl_anomaly.report.run_names import labelled
from cl_anomaly.report.words import NO_WORDS, Words, check_task_names, relabelled
from cl_anomaly.results.reading import read_what_can_be_drawn
from cl_anomaly.results.results import compare
from cl_anomaly.results.run_folder import RunFolder
from cl_anomaly.store.files import check_writable, replacing
from cl_anomaly.store.provenance import code_note

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class PlotRequest:
    """The figure that the user asked for.

    Attributes:
        score: score to draw. Default: the first run's.
        out: the figure's file, with or without its ending.
        labels: names of the lines, see `report.words.relabelled`. Default: the runs' names.
        words: title and task names to replace the default ones.
    """

    score: str | None
    out: Path
    overwrite: bool
    labels: Sequence[str] = ()
    words: Words = NO_WORDS


def plot(folders: Iterable[Path], request: PlotRequest) -> None:
    """Draw finished runs in one figure, and print its files.

    Runs without results or without the score are left out, unless none remains.

    Raises:
        InputError: no run remains, or the figure cannot be written to `out`.
    """
    files, score = _figure_files(request.out, request.overwrite), request.score
    results, left_out = read_what_can_be_drawn(folders)
    results, without = _with_score(results, score or results[0].score)
    metrics, remarks = labelled(results)
    if request.labels:
        lines = [str(run) for run in metrics["run"].unique()]
        metrics["run"] = metrics["run"].map(relabelled(request.labels, lines))
    check_task_names(request.words.task_names, int(metrics["task"].max()))
    scores = list(dict.fromkeys(run.score for run in results))
    if score is None and len(scores) > 1:
        remarks.append(
            f"These runs show different scores ({', '.join(scores)}). The figure shows "
            f"{scores[0]}; `--score` chooses another."
        )
    if note := code_note([run.path for run in results]):
        remarks.append(note)
    say([f"Left out: {why}" for why in [*left_out, *without]] + remarks)
    check_writable(request.out.parent)
    _write(draw_auroc(metrics, score or results[0].score, request.words), files)


def plot_ranks(folders: Iterable[Path], request: PlotRequest) -> None:
    """Draw the critical-difference diagram of finished runs, and print its files.

    Runs of the same name, as on several datasets, count as one competitor.

    Raises:
        InputError: no runs can be ranked, or the figure cannot be written to `out`.
    """
    from cl_anomaly.report.critical_difference import draw_critical_difference

    if request.words.task_names:
        shown = ", ".join(request.words.task_names)
        expected = "no {} with `--kind cd`, which shows no tasks"
        raise InputError(setting="task_names", expected=expected, got=shown)
    files = _figure_files(request.out, request.overwrite)
    results, left_out = read_what_can_be_drawn(folders)
    score = request.score or results[0].score
    results, without = _with_score(results, score)
    results = _named(results, request.labels)
    compared = compare(results, score)
    said = [f"Left out: {why}" for why in [*left_out, *without]]
    if note := code_note([run.path for run in results]):
        said.append(note)
    say([*said, *compared.remarks])
    datasets = dict.fromkeys(run.dataset for run in results)
    title = (
        f"{next(iter(datasets)) if len(datasets) == 1 else f'{len(datasets)} datasets'}, {score}"
    )
    strategies = {run.name: run.strategy_name for run in results}
    figure = draw_critical_difference(compared, strategies, request.words.title or title)
    check_writable(request.out.parent)
    _write(figure, files)


def plot_picture(kind: str, folders: Sequence[Path], request: PlotRequest) -> None:
    """Draw a picture of one finished run, and print its files.

    Args:
        request: the figure; it may name a score only if the picture shows scores.

    Raises:
        InputError: not exactly one run was given, it lacks the data of the picture, or the figure
            cannot be written to `out`.
    """
    files, picture = _figure_files(request.out, request.overwrite), find_picture(kind)
    if request.score is not None and not picture.is_of_scores:
        expected = f"no {{}} with `--kind {kind}`, which shows none"
        raise InputError(setting="score", expected=expected, got=request.score)
    results, left_out = read_what_can_be_drawn(folders)
    say([f"Left out: {why}" for why in left_out])
    if len(results) > 1:
        raise InputError(
            f"Expected one run for `--kind {kind}`, but got {len(results)}: "
            f"{', '.join(str(run.folder) for run in results)}. Draw them one by one, or all "
            f"in one figure with `--kind auroc`."
        )
    if note := code_note([results[0].path]):
        say([note])
    check_writable(request.out.parent)
    (run,) = _named(results, request.labels)
    check_task_names(request.words.task_names, int(run.metrics["task"].max()))
    _write(picture.draw(DrawnRun(run, request.words), request.score or run.score), files)


def _named(results: list[RunFolder], labels: Sequence[str]) -> list[RunFolder]:
    """Return the runs, renamed as the user asked."""
    if not labels:
        return results
    new = relabelled(labels, list(dict.fromkeys(run.name for run in results)))
    return [run.but(name=new[run.name]) for run in results]


def _write(figure: "Figure", files: dict[Path, str]) -> None:
    for file, ending in files.items():
        with replacing(file) as partial:
            write_figure(figure, partial, ending)
        print(file)


def _figure_files(out: Path, overwrite: bool) -> dict[Path, str]:
    """Return the files of a figure, each with its format."""
    ending = out.suffix.removeprefix(".")
    if not out.name or os.path.isdir(out):
        raise InputError(
            setting="out", expected="to be a figure's file", got=f"the folder {str(out)!r}"
        )
    if ending.lower() in FORMATS:
        files = {out: ending.lower()}
    elif ending.isalpha():
        raise InputError(
            setting="out",
            expected=f"to end in .{', .'.join(FORMATS)} or, for both .png and .svg, in nothing",
            got=repr(str(out)),
        )
    else:
        files = {out.with_name(f"{out.name}.{each}"): each for each in ("png", "svg")}
    there = [str(file) for file in files if os.path.lexists(file)]
    if there and not overwrite:
        raise InputError(
            setting="out",
            expected="to be a new figure",
            but=f"{' and '.join(there)} {'exists' if len(there) == 1 else 'exist'}",
            hint="Give another name with `--out`, or replace it with `--overwrite`.",
        )
    return files


def _with_score(results: list[RunFolder], score: str) -> tuple[list[RunFolder], list[str]]:
    """Split runs by whether they have the score; explain each one left out."""
    has = [score in set(run.metrics["score"]) for run in results]
    if not any(has):
        known = dict.fromkeys(name for run in results for name in run.metrics["score"].unique())
        raise InputError(
            setting="score",
            expected=f"to be one that a run has ({', '.join(known)})",
            got=repr(score),
        )
    without = [f"{run.folder} does not have the score {score}." for run in results]
    left_out = [why for why, there in zip(without, has, strict=True) if not there]
    return [run for run, there in zip(results, has, strict=True) if there], left_out
