"""Progress bars, log lines and notes on the screen while runs last."""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.text import Text

from cl_anomaly.core.progress import Progress


class Screen:
    """Show the progress of runs: bars on a terminal, a line for each task in a log.

    If a terminal has no room for all runs, a bar is shown while its run lasts and leaves a line,
    and another bar counts the runs.
    """

    def __init__(self, quiet: bool = False, runs: int = 1) -> None:
        self._console = Console(stderr=True)
        self._quiet, self._runs, self._count = quiet, runs, TaskID(0)
        self._shown: dict[str, _Bar] = {}
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
            if self._is_crowded:
                self._count = self._bars.add_task("runs", total=runs, where=f"of {runs:,}", loss="")

    @property
    def _is_crowded(self) -> bool:
        return self._runs > _MOST_BARS

    def __enter__(self) -> Self:
        """Show the bars."""
        if self._bars:
            self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop updating the bars."""
        if self._bars:
            self._bars.stop()

    def listener(self, run: str) -> Progress:
        """Return the listener that shows one run's progress."""
        name = run if self._is_crowded else ""
        if self._quiet:
            return _Notices(self._console, name)
        if not self._bars:
            return _Lines(self._console, name, run)
        self._shown[run] = _Bar(self._console, name, self._bars, run)
        return self._shown[run]

    def over(self, run: str, failure: str) -> None:
        """Count a run that is over, and replace its bar by a line, if there are many."""
        if not (self._bars and self._is_crowded):
            return
        done = round(self._bars.tasks[self._count].completed) + 1
        self._bars.update(self._count, completed=done, where=f"{done:,} of {self._runs:,}")
        bar = self._shown.pop(run, None)
        summary = "; ".join(filter(None, [bar.end() if bar else "", failure])).partition("\n")[0]
        self._console.print(Text(f"{run}: {summary}", style="red" if failure else ""))


_MOST_BARS = 12


class _Notices(Progress):
    """Show notes: in a panel, or in a line with the run's name if there are many runs."""

    def __init__(self, console: Console, run: str = "") -> None:
        self._console, self._among_many = console, run

    def notice(self, text: str) -> None:
        if self._among_many:
            self._console.print(Text(f"{self._among_many}: {text}", style="yellow"))
        else:
            self._console.print(Panel(Text(text), title="Note", border_style="yellow"))


class _Bar(_Notices):
    def __init__(self, console: Console, among_many: str, bars: Bars, run: str) -> None:
        super().__init__(console, among_many)
        self._bars, self._aurocs, self._started = bars, "", time.monotonic()
        self._id = bars.add_task(escape(run), total=None, where="", loss="")
        self._number, self._epochs = 1, None

    def end(self) -> str:
        """Hide the bar, and return the run's AUROC and time."""
        self._bars.update(self._id, visible=False)
        took = f"{time.monotonic() - self._started:.1f} s"
        return f"AUROC {self._aurocs}, {took}" if self._aurocs else took

    def task(self, number: int, tasks: int, epochs: int | None) -> None:
        self._number, self._tasks, self._epochs = number, tasks, epochs
        self._bars.update(self._id, total=tasks, completed=number - 1)

    def evaluated(self, number: int, aurocs: Sequence[float]) -> None:
        self._aurocs = mean_and_spread(aurocs)

    def update(self, done: int, total: int, loss: float) -> None:
        part = f"step {done:,}/{total:,}"
        if self._epochs:
            part = f"epoch {max(1, math.ceil(self._epochs * done / total))}/{self._epochs}"
        self._bars.update(
            self._id,
            completed=self._number - 1 + done / total,
            where=f"task {self._number}/{self._tasks} {part}",
            loss=_loss_shown(loss),
        )


def _loss_shown(loss: float, end: str = "") -> str:
    """Return the loss as text, empty for a model without one."""
    return "" if math.isnan(loss) else f"loss {loss:.2f}{end}"


class _Lines(_Notices):
    def __init__(self, console: Console, among_many: str, run: str) -> None:
        super().__init__(console, among_many)
        self._run = run
        self._loss = math.nan

    def task(self, number: int, tasks: int, epochs: int | None) -> None:
        self._tasks, self._started = tasks, self.happened or time.time()

    def update(self, done: int, total: int, loss: float) -> None:
        self._loss = loss

    def evaluated(self, number: int, aurocs: Sequence[float]) -> None:
        seconds = (self.happened or time.time()) - self._started
        print(
            f"{self._run}: task {number}/{self._tasks}, {_loss_shown(self._loss, ', ')}"
            f"AUROC {mean_and_spread(aurocs) or 'of no seed'}, {seconds:.1f} s",
            file=sys.stderr,
            flush=True,
        )


def mean_and_spread(
    values: Iterable[float], spread: Callable[[Sequence[float]], float] = statistics.stdev
) -> str:
    """Return "mean ± spread", by default the standard deviation; one number has no spread."""
    numbers = list(values)
    if not numbers:
        return ""
    mean = f"{statistics.fmean(numbers):.3f}"
    return f"{mean} ± {spread(numbers):.3f}" if len(numbers) > 1 else mean


def say(sentences: Iterable[str]) -> None:
    """Print sentences to standard error, a line each."""
    for sentence in sentences:
        print(sentence, file=sys.stderr)


def show_notice(text: str) -> None:
    """Show a sentence that must not be missed."""
    _Notices(Console(stderr=True)).notice(text)
