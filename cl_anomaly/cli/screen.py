"""What is shown on the screen: progress while it runs, tables when it is done."""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from cl_anomaly.progress import Progress

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
        for part in _that_fit(rows, console.width):
            console.print(_auroc_table(part))


def show_standings(compared: Comparison, table: pd.DataFrame) -> None:
    """Show what several runs come to after the last task, and which of them are not different.

    Args:
        compared: all of them.
        table: with gap closed and forgetting, see `runs.standings.with_forgetting`.
    """
    from cl_anomaly.report.suite_table import QUALITY, screen_rows

    title = f"After the last task, score {compared.score}, {_tested(compared)}"
    show_narrow_table(title, screen_rows(table, QUALITY), ("run", *QUALITY))


def show_narrow_table(title: str, rows: Sequence[Sequence[str]], columns: Sequence[str]) -> None:
    """Show a table of text without frames, so that 80 columns hold it; the first are names."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        is_text = column in (columns[0], "not different from", "score")
        # Numbers are never broken; names are, where they are long.
        heading = column if is_text else column.replace(" ", "\n", 1)
        side = "left" if is_text else "right"
        table.add_column(heading, justify=side, no_wrap=not is_text, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console()
    console.print(Text(f"{title}:"))
    console.print(table)


def _that_fit(headline: pd.DataFrame, width: int) -> Iterator[pd.DataFrame]:
    """Part runs so that a table of each part fits on the screen, whole numbers in every cell."""
    runs = list(dict.fromkeys(headline["run"]))
    most = max(1, (width - _OF_TASKS) // _OF_A_RUN)
    for start in range(0, len(runs), most):
        yield headline[headline["run"].isin(runs[start : start + most])]


# Columns of the screen, with their frames: of the tasks' numbers, and of a run's mean ± spread.
_OF_TASKS, _OF_A_RUN = 8, 16


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


def show_list(title: str, rows: Iterable[Sequence[str]], columns: Sequence[str]) -> None:
    """Show a table of text."""
    table = Table(title=title)
    for column in columns:
        table.add_column(column, no_wrap=column in ("name", "method"), overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
