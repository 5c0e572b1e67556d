"""What is shown on the screen: progress while it runs, tables when it is done."""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from textwrap import shorten
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from cl_anomaly.progress import Progress
from cl_anomaly.runs.provenance import code_word
from cl_anomaly.storage.status import Status

if TYPE_CHECKING:
    import pandas as pd

    from cl_anomaly.evaluation.comparing import Comparison


class Screen:
    """Shows the progress of one or more runs: bars on a terminal, a line for each task in a log.

    Args:
        quiet: show no progress.
    """

    def __init__(self, quiet: bool = False) -> None:
        self._console = Console(stderr=True)
        self._quiet = quiet
        self._bars: Bars | None = None
        if self._console.is_terminal and not quiet:
            self._bars = Bars(
                TextColumn("[bold]{task.description}"),
                TextColumn("{task.fields[where]}"),
                BarColumn(),
                TextColumn("{task.fields[loss]}"),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                console=self._console,
            )

    def __enter__(self) -> Self:
        """Start to show."""
        if self._bars:
            self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the screen as it is."""
        if self._bars:
            self._bars.stop()

    def listener(self, run: str) -> Progress:
        """Make what shows one run's progress."""
        if self._bars:
            return _Bar(self._console, self._bars, run)
        return _Notices(self._console) if self._quiet else _Lines(self._console, run)


class _Notices(Progress):
    """Shows what the user must know, even where no progress is to be shown."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def notice(self, text: str) -> None:
        self._console.print(Panel(Text(text), title="Note", border_style="yellow"))


class _Bar(_Notices):
    def __init__(self, console: Console, bars: Bars, run: str) -> None:
        super().__init__(console)
        self._bars = bars
        self._id = bars.add_task(escape(run), total=None, where="", loss="")
        self._number, self._epochs = 1, 1

    def task(self, number: int, tasks: int, epochs: int) -> None:
        self._number, self._tasks, self._epochs = number, tasks, epochs
        self._bars.update(self._id, total=tasks, completed=number - 1)

    def update(self, done: int, total: int, loss: float) -> None:
        epoch = max(1, math.ceil(self._epochs * done / total))
        self._bars.update(
            self._id,
            completed=self._number - 1 + done / total,
            where=f"task {self._number}/{self._tasks} epoch {epoch}/{self._epochs}",
            loss=_loss_shown(loss),
        )


def _loss_shown(loss: float, end: str = "") -> str:
    """Say what the loss is; nothing of a model that learns without one."""
    return "" if math.isnan(loss) else f"loss {loss:.2f}{end}"


class _Lines(_Notices):
    def __init__(self, console: Console, run: str) -> None:
        super().__init__(console)
        self._run = run
        self._loss = math.nan

    def task(self, number: int, tasks: int, epochs: int) -> None:
        self._tasks, self._started = tasks, time.monotonic()

    def update(self, done: int, total: int, loss: float) -> None:
        self._loss = loss

    def evaluated(self, number: int, aurocs: Sequence[float]) -> None:
        seconds = time.monotonic() - self._started
        print(
            f"{self._run}: task {number}/{self._tasks}, {_loss_shown(self._loss, ', ')}"
            f"AUROC {mean_and_spread(aurocs) or 'of no seed'}, {seconds:.1f} s",
            file=sys.stderr,
            flush=True,
        )


def mean_and_spread(
    values: Iterable[float], spread: Callable[[Sequence[float]], float] = statistics.stdev
) -> str:
    """Write numbers as mean ± spread, by default a sample's standard deviation; one as it is."""
    numbers = list(values)
    if not numbers:
        return ""
    mean = f"{statistics.fmean(numbers):.3f}"
    return f"{mean} ± {spread(numbers):.3f}" if len(numbers) > 1 else mean


def say(sentences: Iterable[str]) -> None:
    """Say what a person must know beside the results, a line each."""
    for sentence in sentences:
        print(sentence, file=sys.stderr)


def show_notice(text: str) -> None:
    """Show a sentence that must not be missed."""
    _Notices(Console(stderr=True)).notice(text)


def show_aurocs(metrics: pd.DataFrame, score: str) -> None:
    """Show the headline AUROC after every task, a column for each run.

    Args:
        metrics: in tidy form, with a column `run`.
        score: which of the scores.
    """
    # Only here: the list of runs does not wait for pandas.
    from cl_anomaly.report.labels import headline_of, panels_of

    headline, console = headline_of(metrics, score), Console()
    for which, rows in panels_of(headline):
        over = _over(headline, rows)
        console.print(
            Text(f"AUROC after each task, {which}{', ' * bool(which)}score {score}{over}:")
        )
        console.print(_auroc_table(rows))


def show_standings(compared: Comparison) -> None:
    """Show what several runs come to after the last task, and which of them are not different."""
    console, table = Console(), Table()
    console.print(Text(f"After the last task, score {compared.score}, {_tested(compared)}:"))
    for name in ("run", "mean", "95 % interval", "middle half", "mean rank", "not different from"):
        table.add_column(name, justify="left" if name in ("run", "not different from") else "right")
    for row in compared.table.to_dict("records"):
        if math.isnan(row["mean"]):
            table.add_row(Text(str(row["run"])), *["missing"] * 4, "")
            continue
        # Of one replica there is no interval.
        has_interval = not math.isnan(row["low"])
        interval = f"{row['low']:.3f} to {row['high']:.3f}" if has_interval else ""
        numbers = f"{row['mean']:.3f}", interval, f"{row['iqm']:.3f}", f"{row['rank']:.2f}"
        table.add_row(Text(str(row["run"])), *numbers, Text(row["not_different_from"]))
    console.print(table)


def _tested(compared: Comparison) -> str:
    """Say over what the tests are, and which they are."""
    what = "anomaly classes and datasets" if compared.units == "blocks" else "seeds"
    tests = "Wilcoxon" if compared.friedman is None else "Friedman and Nemenyi"
    return f"{tests} over {compared.count} {what}"


def _over(headline: pd.DataFrame, panel: pd.DataFrame) -> str:
    """Say over what the numbers of a panel are means."""
    from cl_anomaly.report.labels import is_of_several

    classes = panel["anomaly_class"].iloc[0]
    if is_of_several(classes):
        return f", {classes} ± 95 % t-interval"
    if headline["seed"].nunique() > 1:
        return ", mean ± s.d. over the seeds"
    return f", seed {headline['seed'].iloc[0]}"


def _auroc_table(headline: pd.DataFrame) -> Table:
    from cl_anomaly.evaluation.statistics import t_interval
    from cl_anomaly.report.labels import is_of_several

    table, runs = Table(), list(headline["run"].unique())
    spread = t_interval if is_of_several(headline["anomaly_class"].iloc[0]) else statistics.stdev
    table.add_column("task", justify="right")
    for run in runs:
        table.add_column(Text(run), justify="right")
    for number, task in headline.groupby("task"):
        cells = [mean_and_spread(task.loc[task["run"] == run, "value"], spread) for run in runs]
        table.add_row(str(number), *cells)
    return table


def show_runs(out: Path, runs: Sequence[Status]) -> None:
    """Show how the runs in a folder are doing, and whether they are of the code as it is now."""
    if not runs:
        print(f"There are no runs in {out}.")
        return
    rows = [
        (
            str(run.folder),
            run.name,
            "\n".join(shorten(why, 60, placeholder=" …") for why in run.why),
            str(len(run.config["seeds"])) if "seeds" in run.config else "",
            code_word(run.folder),
        )
        for run in runs
    ]
    table = Table()
    # What is to be copied into the next command is never broken into lines.
    longest = max(len(row[0]) for row in rows)
    table.add_column("run", no_wrap=True, min_width=longest)
    for column in ("status", "where it is, or why", "seeds", "code"):
        table.add_column(column)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(width=max(Console().width, longest + 80)).print(table)


def show_list(title: str, rows: Iterable[Sequence[str]], columns: Sequence[str]) -> None:
    """Show a table of text."""
    table = Table(title=title)
    for column in columns:
        table.add_column(column, no_wrap=column in ("name", "method"), overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
