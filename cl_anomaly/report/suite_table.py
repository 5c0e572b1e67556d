"""A suite's table as text: for a page in Markdown, and for the screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from cl_anomaly.report.cells import WHAT_THEY_ARE, written
from cl_anomaly.report.how_tested import how_tested

if TYPE_CHECKING:  # it takes PyTorch
    from cl_anomaly.statistics.comparison import Comparison

TABLE_FILE = "table.csv"

QUALITY = ("AUROC (95 % interval)", "rank", "gap closed", "forgetting", "not different from")
COST = ("seconds", "steps", "bytes", "real samples", "score")
COLUMNS = ("method", *QUALITY, *COST)
# Names in a cell on the screen.
_MOST_NAMED = 3


def read_table(folder: Path) -> pd.DataFrame | None:
    """Read a suite's table; None where no run has results."""
    path = folder / TABLE_FILE
    return pd.read_csv(path, keep_default_na=True) if path.exists() else None


def rows_of(table: pd.DataFrame) -> list[list[str]]:
    """Write a suite's table, cell by cell, with COLUMNS; what is missing says so.

    Args:
        table: see `runs.standings.standings`.
    """
    runs = [str(run) for run in table.loc[table["mean"].notna(), "run"]]
    return [_cells(row, runs) for row in table.to_dict("records")]


def screen_rows(table: pd.DataFrame, columns: Sequence[str]) -> list[list[str]]:
    """Write some of COLUMNS, after the names, for a screen of 80 columns."""
    places = [COLUMNS.index(name) for name in columns]
    return [[row[0], *(_few(row[place]) for place in places)] for row in rows_of(table)]


def _few(cell: str) -> str:
    """Name the first of many runs; the others stand in the files."""
    names = cell.split(", ")
    return cell if len(names) <= _MOST_NAMED else f"{names[0]} and {len(names) - 1} more"


def _cells(row: Mapping[Any, Any], runs: Sequence[str]) -> list[str]:
    run = str(row["run"])
    others = [other for other in runs if other != run]
    interval = written(row, "mean")
    if not interval:
        return [run, "no results", *[""] * (len(COLUMNS) - 2)]
    note = f" ({int(row['missing'])} missing)" if row["missing"] else ""
    if low := written(row, "low"):
        interval += f" ({low} to {written(row, 'high')})"
    return [
        run + note,
        interval,
        *(written(row, name) for name in ("rank", "gap_closed", "forgetting")),
        in_short(written(row, "not_different_from"), others),
        *(written(row, name) for name in ("seconds", "steps", "bytes", "stores_samples")),
        str(row["score"]),
    ]


def in_short(names: str, others: Sequence[str]) -> str:
    """Name runs, or those of the others that are not among them where these are fewer.

    Args:
        names: separated by commas; a run's name has none.
        others: all runs that might be named.
    """
    named = names.split(", ") if names else []
    left = [other for other in others if other not in named]
    if len(named) < 4 or len(left) >= len(named):
        return names
    return f"all but {', '.join(left)}" if left else "all others"


def markdown_table(
    title: str, table: pd.DataFrame, compared: Comparison, chosen: Mapping[str, Mapping[str, Any]]
) -> str:
    """Write a suite's page: the table, what its numbers are, and what was chosen on what."""
    lines = [f"# {title or 'Suite'}", ""]
    lines += [f"| {' | '.join(COLUMNS)} |", f"| {' | '.join(['---'] * len(COLUMNS))} |"]
    lines += [
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
        for row in rows_of(table)
    ]
    lines += ["", *(f"- {own}" for own in notes_of(compared, chosen))]
    return "\n".join(lines) + "\n"


def notes_of(compared: Comparison, chosen: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Describe what the numbers of a suite's table are, a sentence or two each."""
    resampled = "seeds and blocks" if compared.units == "blocks" else "seeds"
    said = [
        f"Headline AUROC after the last task: means, and bootstrap intervals that resample "
        f"{resampled}. Mean rank over {compared.count} {compared.units}, 1 is the best.",
        WHAT_THEY_ARE,
        *how_tested(compared),
        *compared.remarks,
    ]
    said += [
        f"{run}: {', '.join(f'{k} = {v}' for k, v in own['options'].items())} was chosen on "
        f"{own['on']} ({own['rule']}). {about_edge(own)}".rstrip()
        for run, own in chosen.items()
    ]
    if not chosen:
        said.append("This suite chose no option: all are defaults, or fixed in its file.")
    return said


def about_edge(chosen: Mapping[str, Any]) -> str:
    """Describe which options of a choice lie on an edge of their grid; "" if none does.

    Args:
        chosen: a choice as `suite.json` holds it.
    """
    names = chosen.get("on_edge", [])
    shown = ", ".join(f"{name} = {chosen['options'][name]}" for name in names)
    return f"{shown} lies on an edge of the grid: a value beyond it may be better." * bool(names)
