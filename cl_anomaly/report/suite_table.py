"""A suite's table in Markdown and for the screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cl_anomaly.report.cells import WHAT_THEY_ARE, written
from cl_anomaly.report.how_tested import how_tested

if TYPE_CHECKING:
    from cl_anomaly.results.results import Results

QUALITY = ("AUROC (95 % interval)", "rank", "gap closed", "forgetting", "not different from")
COST = ("seconds", "steps", "bytes", "real samples", "score")
COLUMNS = ("method", *QUALITY, *COST)
# Names in a cell on the screen.
_MOST_NAMED = 3


def cells_of(rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Write the cells of a suite's table with COLUMNS, from `Results.rows`."""
    runs = [str(row["run"]) for row in rows if written(row, "mean")]
    return [_cells(row, runs) for row in rows]


def screen_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> list[list[str]]:
    """Write the names and some of COLUMNS for a screen of 80 columns."""
    places = [COLUMNS.index(name) for name in columns]
    return [[cells[0], *(_few(cells[place]) for place in places)] for cells in cells_of(rows)]


def _few(cell: str) -> str:
    """Name the first of many runs, and count the others."""
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
    """Name runs, or "all but" the rest of the others if that is shorter.

    Args:
        names: separated by commas; a run's name has none.
    """
    named = names.split(", ") if names else []
    left = [other for other in others if other not in named]
    if len(named) < 4 or len(left) >= len(named):
        return names
    return f"all but {', '.join(left)}" if left else "all others"


def markdown_table(results: Results) -> str:
    """Write a suite's page: the table, its explanation, and the tuned options."""
    lines = [f"# {results.title or 'Suite'}", ""]
    lines += [f"| {' | '.join(COLUMNS)} |", f"| {' | '.join(['---'] * len(COLUMNS))} |"]
    lines += [
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
        for cells in cells_of(results.rows)
    ]
    lines += ["", *(f"- {note}" for note in notes_of(results))]
    return "\n".join(lines) + "\n"


def notes_of(results: Results) -> list[str]:
    """Explain the numbers of a suite's table, and its tuned options."""
    compared, notes = results.comparison, []
    if compared is not None:
        resampled = "seeds and blocks" if compared.units == "blocks" else "seeds"
        notes = [
            f"Headline AUROC after the last task: means, and bootstrap intervals that resample "
            f"{resampled}. Mean rank over {compared.count} {compared.units}, 1 is the best.",
            WHAT_THEY_ARE,
            *how_tested(compared),
            *compared.remarks,
        ]
    notes += [
        f"{run}: {', '.join(f'{k} = {v}' for k, v in choice['options'].items())} was chosen on "
        f"{choice['on']} ({choice['rule']}). {about_edge(choice)}".rstrip()
        for run, choice in results.chosen.items()
    ]
    if not results.chosen:
        notes.append("No option was tuned: all are defaults, or fixed in the suite's file.")
    return [*notes, *results.about.get("data_notes", [])]


def about_edge(chosen: Mapping[str, Any]) -> str:
    """Name options of a choice in `suite.json` that lie on an edge of their grid, or return ""."""
    names = chosen.get("on_edge", [])
    shown = ", ".join(f"{name} = {chosen['options'][name]}" for name in names)
    return f"{shown} lies on an edge of the grid: a value beyond it may be better." * bool(names)
