"""`cl-anomaly plot`: which runs are drawn, as what, and into which files."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cl_anomaly.core.errors import InputError
from cl_anomaly.listeners.screen import say
from cl_anomaly.report.canvas import FORMATS, write_figure
from cl_anomaly.report.drawn_run import DrawnRun
from cl_anomaly.report.figures import draw_auroc
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
    """How a figure is to be.

    Attributes:
        score: which of the scores. Default: that of the first run.
        out: the figure's file, or its name without an ending.
        overwrite: replace a figure that is there.
        labels: names of the lines, see `report.words.relabelled`; none for their own.
        words: that it says in place of its own.
    """

    score: str | None
    out: Path
    overwrite: bool
    labels: Sequence[str] = ()
    words: Words = NO_WORDS


def plot(folders: Iterable[Path], request: PlotRequest) -> None:
    """Draw finished runs in one figure, and print its files.

    What has no results, or not the score, is left out where something else is left to draw.

    Raises:
        InputError: nothing is left, or the figure cannot be written to `out`.
    """
    files, score = _figure_files(request.out, request.overwrite), request.score
    results, left_out = read_what_can_be_drawn(folders)
    results, without = _with_score(results, score or results[0].score)
    metrics, remarks = labelled(results)
    if request.labels:
        lines = [str(run) for run in metrics["run"].unique()]
        metrics["run"] = metrics["run"].map(relabelled(request.labels, lines))
    check_task_names(request.words.task_names, int(metrics["task"].max()))
    scores = list(dict.fromkeys(own.score for own in results))
    if score is None and len(scores) > 1:
        remarks.append(
            f"These runs show different scores ({', '.join(scores)}): drawn is {scores[0]}. "
            f"`--score` chooses another."
        )
    if note := code_note([own.path for own in results]):
        remarks.append(note)
    say([f"Left out: {why}" for why in [*left_out, *without]] + remarks)
    check_writable(request.out.parent)
    _write(draw_auroc(metrics, score or results[0].score, request.words), files)


def plot_ranks(folders: Iterable[Path], request: PlotRequest) -> None:
    """Draw the critical-difference diagram of finished runs, and print its files.

    Runs of one name, as on several datasets, are one competitor.

    Raises:
        InputError: nothing can be ranked, or the figure cannot be written to `out`.
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
    if note := code_note([own.path for own in results]):
        said.append(note)
    say([*said, *compared.remarks])
    datasets = dict.fromkeys(own.dataset for own in results)
    title = (
        f"{next(iter(datasets)) if len(datasets) == 1 else f'{len(datasets)} datasets'}, {score}"
    )
    strategies = {own.name: own.strategy_name for own in results}
    figure = draw_critical_difference(compared, strategies, request.words.title or title)
    check_writable(request.out.parent)
    _write(figure, files)


def plot_picture(kind: str, folders: Sequence[Path], request: PlotRequest) -> None:
    """Draw a picture of one finished run, and print its files.

    Args:
        kind: one of PICTURES.
        folders: of the run, and of nothing else.
        request: how it is to be; a score only where the picture is of scores.

    Raises:
        InputError: there is not exactly one run, it has not recorded what the picture needs, or the
            figure cannot be written to `out`.
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
            f"{', '.join(str(own.folder) for own in results)}. Draw them one by one, or all "
            f"in one figure with `--kind auroc`."
        )
    if note := code_note([results[0].path]):
        say([note])
    check_writable(request.out.parent)
    (own,) = _named(results, request.labels)
    check_task_names(request.words.task_names, int(own.metrics["task"].max()))
    run = DrawnRun(own, request.words)
    _write(picture.draw(run, request.score or own.score), files)


def _named(results: list[RunFolder], labels: Sequence[str]) -> list[RunFolder]:
    """Return runs the names that a person wants."""
    if not labels:
        return results
    new = relabelled(labels, list(dict.fromkeys(own.name for own in results)))
    return [own.but(name=new[own.name]) for own in results]


def _write(figure: "Figure", files: dict[Path, str]) -> None:
    for file, ending in files.items():
        with replacing(file) as partial:
            write_figure(figure, partial, ending)
        print(file)


def _figure_files(out: Path, overwrite: bool) -> dict[Path, str]:
    """Describe which files a figure is written to, and as what."""
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
            but=f"there is {' and '.join(there)} already",
            hint="Give another name with `--out`, or replace it with `--overwrite`.",
        )
    return files


def _with_score(results: list[RunFolder], score: str) -> tuple[list[RunFolder], list[str]]:
    """Part runs that have a score from those that do not, of which a sentence says so."""
    has = [score in set(own.metrics["score"]) for own in results]
    if not any(has):
        known = dict.fromkeys(name for own in results for name in own.metrics["score"].unique())
        raise InputError(
            setting="score",
            expected=f"to be one that a run has ({', '.join(known)})",
            got=repr(score),
        )
    without = [f"{own.folder} does not have the score {score}." for own in results]
    left_out = [why for why, there in zip(without, has, strict=True) if not there]
    return [own for own, there in zip(results, has, strict=True) if there], left_out
