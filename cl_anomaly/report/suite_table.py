"""A suite's table as text: for a page in Markdown, and for the screen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from cl_anomaly.report.sizes import bytes_in_words

if TYPE_CHECKING:  # it takes PyTorch
    from cl_anomaly.evaluation.comparing import Comparison

TABLE_FILE = "table.csv"

QUALITY = ("AUROC (95 % interval)", "rank", "gap closed", "forgetting", "not different from")
COST = ("seconds", "bytes", "real samples", "score")
COLUMNS = (
    "method",
    "AUROC (95 % interval)",
    "rank",
    "gap closed",
    "forgetting",
    "not different from",
    "seconds",
    "bytes",
    "real samples",
    "score",
)
# Names in a cell on the screen.
_MOST_NAMED = 3


def read_table(folder: Path) -> pd.DataFrame | None:
    """Read a suite's table; None where no run has results."""
    path = folder / TABLE_FILE
    return pd.read_csv(path, keep_default_na=True) if path.exists() else None


def rows_of(table: pd.DataFrame) -> list[list[str]]:
    """Write a suite's table, cell by cell, with COLUMNS; what is missing says so.

    Args:
        table: see `runs.suite_folder.suite_table`.
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
    if not _has(row, "mean"):
        return [run, "no results", *[""] * (len(COLUMNS) - 2)]
    missing = int(row["missing"]) if _has(row, "missing") else 0
    note = f" ({missing} missing)" if missing else ""
    interval = f"{row['mean']:.3f}"
    if _has(row, "low"):
        interval += f" ({row['low']:.3f} to {row['high']:.3f})"
    return [
        run + note,
        interval,
        f"{row['rank']:.2f}" if _has(row, "rank") else "",
        f"{row['gap_closed']:.2f}" if _has(row, "gap_closed") else "",
        f"{row['forgetting']:.3f}" if _has(row, "forgetting") else "",
        in_short(row["not_different_from"], others) if _has(row, "not_different_from") else "",
        f"{row['seconds']:.1f}" if _has(row, "seconds") else "",
        bytes_in_words(float(row["bytes"])) if _has(row, "bytes") else "",
        ("yes" if row["stores_samples"] else "no") if _has(row, "stores_samples") else "",
        str(row.get("score", "")),
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
    """Say what the numbers of a suite's table are, a sentence each."""
    is_of_blocks = compared.units == "blocks"
    resampled = "seeds and blocks" if is_of_blocks else "seeds"
    said = [
        f"Headline AUROC after the last task: means, and bootstrap intervals that resample "
        f"{resampled}. Mean rank over {compared.count} {compared.units}, 1 is the best."
        + " A block is one anomaly class of one dataset."
        * is_of_blocks,
        "Gap closed is the share of the way from lower to upper; forgetting, by the result matrix, "
        "what was lost since each task was known best. Seconds of training and bytes (model, "
        "strategy and score after the last task) are those of one replica; past samples that "
        "upper and joint see again are not counted.",
    ]
    if compared.friedman is not None:
        said.append(
            f"Friedman's test that all are the same: p = {compared.friedman:.2g}. Two are "
            f"different where their mean ranks differ by {compared.critical_difference:.2f} "
            f"or more (Nemenyi, {compared.alpha:g})."
        )
    said += compared.remarks
    said += [
        f"{run}: {', '.join(f'{k} = {v}' for k, v in own['options'].items())} was chosen on "
        f"{own['on']} ({own['rule']}). {about_edge(own)}".rstrip()
        for run, own in chosen.items()
    ]
    if not chosen:
        said.append("This suite chose no option: all are defaults, or fixed in its file.")
    return said


def about_edge(chosen: Mapping[str, Any]) -> str:
    """Say which options of a choice lie on an edge of their grid; "" if none does.

    Args:
        chosen: a choice as `suite.json` holds it.
    """
    names = chosen.get("on_edge", [])
    shown = ", ".join(f"{name} = {chosen['options'][name]}" for name in names)
    return f"{shown} lies on an edge of the grid: a value beyond it may be better." * bool(names)


def _has(row: Mapping[Any, Any], name: str) -> bool:
    """Say whether a row has a value there; tables of earlier versions lack some columns."""
    value = row.get(name)
    return not (value is None or (isinstance(value, float) and math.isnan(value)))
