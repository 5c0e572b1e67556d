"""A suite's table as text: for a page in Markdown, and for the screen."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from cl_anomaly.evaluation.comparing import Comparison

ON_SCREEN = ("method", "AUROC (95 % interval)", "rank", "gap", "seconds", "bytes", "samples")
COLUMNS = (
    "method",
    "AUROC (95 % interval)",
    "rank",
    "gap closed",
    "not different from",
    "seconds",
    "bytes",
    "real samples",
    "score",
)


def rows_of(table: pd.DataFrame) -> list[list[str]]:
    """Write a suite's table, cell by cell, with COLUMNS; what is missing says so.

    Args:
        table: see `runs.suite_folder.suite_table`.
    """
    runs = [str(run) for run in table.loc[table["mean"].notna(), "run"]]
    return [_cells(row, runs) for row in table.to_dict("records")]


def screen_rows(table: pd.DataFrame) -> list[list[str]]:
    """Write what of it fits on a screen of 80 columns, with ON_SCREEN."""
    return [[*row[:4], *row[5:8]] for row in rows_of(table)]


def _cells(row: Mapping[Any, Any], runs: Sequence[str]) -> list[str]:
    run = str(row["run"])
    others = [other for other in runs if other != run]
    if _is_missing(row["mean"]):
        return [run, "no results", *[""] * (len(COLUMNS) - 2)]
    missing = int(row["missing"]) if not _is_missing(row["missing"]) else 0
    note = f" ({missing} missing)" if missing else ""
    interval = f"{row['mean']:.3f}"
    if not _is_missing(row["low"]):
        interval += f" ({row['low']:.3f} to {row['high']:.3f})"
    return [
        run + note,
        interval,
        "" if _is_missing(row["rank"]) else f"{row['rank']:.2f}",
        "" if _is_missing(row["gap_closed"]) else f"{row['gap_closed']:.2f}",
        "" if _is_missing(same := row["not_different_from"]) else in_short(same, others),
        "" if _is_missing(row["seconds"]) else f"{row['seconds']:.1f}",
        "" if _is_missing(row["bytes"]) else bytes_in_words(float(row["bytes"])),
        "" if _is_missing(row["stores_samples"]) else ("yes" if row["stores_samples"] else "no"),
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


def bytes_in_words(count: float) -> str:
    """Write bytes for people: 812 B, 3.1 kB, 2.40 MB."""
    if count < 1000:
        return f"{count:.0f} B"
    return f"{count / 1e3:.1f} kB" if count < 1e6 else f"{count / 1e6:.2f} MB"


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
        + " A block is one anomaly class of one dataset." * is_of_blocks,
        "Gap closed is the share of the way from lower to upper. Seconds of training and bytes "
        "(model, strategy and score after the last task) are those of one replica.",
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
        f"{own['on']} ({own['rule']})."
        for run, own in chosen.items()
    ]
    if not chosen:
        said.append("This suite chose no option: all are defaults, or fixed in its file.")
    return said


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
