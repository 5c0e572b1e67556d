"""Tables on the screen."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cl_anomaly.listeners.screen import mean_and_spread, say

if TYPE_CHECKING:
    import pandas as pd

    from cl_anomaly.results.results import Results


def show_aurocs(metrics: pd.DataFrame, score: str) -> None:
    """Show the headline AUROC after every task by a score, a column for each run.

    Args:
        metrics: in tidy form, with a column `run`.
    """
    # Imported here, because the list of runs does not need pandas.
    from cl_anomaly.report.run_names import headline_of, panels_of

    headline, console = headline_of(metrics, score), Console()
    for which, rows in panels_of(headline):
        over = _over(headline, rows)
        console.print(
            Text(f"AUROC after each task, {which}{', ' * bool(which)}score {score}{over}:")
        )
        for part in _that_fit(rows, console.width):
            console.print(_auroc_table(part))


def show_standings(results: Results) -> None:
    """Show several runs' AUROCs after the last task, significant differences and costs."""
    from cl_anomaly.report.how_tested import tested_over
    from cl_anomaly.report.suite_table import COST, QUALITY, screen_rows

    compared, rows = results.comparison, results.rows
    if compared is None:
        return
    scores = ", ".join(dict.fromkeys(row["score"] for row in rows))
    title = f"After the last task, score {scores}, {tested_over(compared)}"
    for heading, columns in ((title, QUALITY), ("Cost of one replica", COST)):
        show_narrow_table(heading, screen_rows(rows, columns), ("run", *columns))
    say(compared.remarks)


def show_narrow_table(title: str, rows: Sequence[Sequence[str]], columns: Sequence[str]) -> None:
    """Show a table of text without frames, to fit 80 columns; the first column has names."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        is_text = column in (columns[0], "not different from", "score")
        # Long names are wrapped, numbers never.
        heading = column if is_text else column.replace(" ", "\n", 1)
        side = "left" if is_text else "right"
        table.add_column(heading, justify=side, no_wrap=not is_text, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console()
    console.print(Text(f"{title}:"))
    console.print(table)


def _that_fit(headline: pd.DataFrame, width: int) -> Iterator[pd.DataFrame]:
    """Split runs so that the table of each part fits on the screen without wrapped numbers."""
    runs = list(dict.fromkeys(headline["run"]))
    most = max(1, (width - _OF_TASKS) // _OF_A_RUN)
    for start in range(0, len(runs), most):
        yield headline[headline["run"].isin(runs[start : start + most])]


# Widths with frames: the column of task numbers, and a run's mean ± spread.
_OF_TASKS, _OF_A_RUN = 8, 16


def _over(headline: pd.DataFrame, panel: pd.DataFrame) -> str:
    """Describe what a panel's means are taken over."""
    from cl_anomaly.report.run_names import is_of_several

    classes = panel["anomaly_class"].iloc[0]
    if is_of_several(classes):
        return f", {classes} ± 95 % t-interval"
    if headline["seed"].nunique() > 1:
        return ", mean ± s.d. over the seeds"
    return f", seed {headline['seed'].iloc[0]}"


def _auroc_table(headline: pd.DataFrame) -> Table:
    from cl_anomaly.report.run_names import is_of_several
    from cl_anomaly.statistics.summary import t_interval

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
