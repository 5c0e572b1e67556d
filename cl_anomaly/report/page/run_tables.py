"""Columns, rows and cells of the page's tables."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from cl_anomaly.report.cells import UNKNOWN, is_known
from cl_anomaly.report.page.content import MadeRun, Standing

_COLUMNS = {
    "rank": "mean rank",
    "not_different_from": "not different from",
    "gap_closed": "gap closed",
    "forgetting": "forgetting",
    "seconds": "seconds",
    "steps": "steps",
    "bytes": "bytes",
    "stores_samples": "stores real samples",
}
"""Columns of the table of runs, with their heads on the page."""


def shown_columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Leave out columns that need several runs, or in which no run has a number."""
    hidden = {"rank", "not_different_from"} if len(rows) < 2 else set()
    for column in ("gap_closed", "forgetting"):
        if not any(is_known(row[column]) for row in rows):
            hidden.add(column)
    return {column: head for column, head in _COLUMNS.items() if column not in hidden}


def ranked_lines(rows: Sequence[Standing]) -> dict[str, list[str]]:
    """Return the lines that have a mean rank, by dataset."""
    lines: dict[str, list[str]] = {}
    for row in rows:
        ranked = lines.setdefault(row.entry.dataset, [])
        if row.number("rank") is not None:
            ranked.append(row.entry.line)
    return lines


def replicas_in_words(row: Mapping[str, Any]) -> str:
    """Count the replicas with results, and all of them if some are missing."""
    if not row["replicas"]:
        return "none"
    count, missing = int(row["replicas"]), int(row["missing"])
    return f"{count} of {count + missing}" if missing else str(count)


def aurocs_by_task(data: pd.DataFrame, chosen: Mapping[str, str]) -> pd.DataFrame:
    """Return the AUROCs of a figure's initial view: a row per run, a column per task."""
    is_chosen = (data[list(chosen)] == pd.Series(chosen)).all(axis=1)
    shown = data[is_chosen]
    table = shown.pivot(index="run", columns="task", values="mean")
    return table.reindex(shown["run"].unique())


def code_in_words(run: MadeRun) -> str:
    """Name the code that made a run, and say if it differs from this code."""
    code, commit = run.environment.get("code"), run.environment.get("git_commit")
    words = [str(code.get("sha256"))[:8] if isinstance(code, dict) else UNKNOWN]
    words += [f"commit {str(commit)[:8]}"] if commit else []
    return ", ".join([*words, *(["different code"] if run.code else [])])


def made_in_words(run: MadeRun) -> str:
    """Return the date, version and device of a run."""
    version = run.environment.get("cl_anomaly")
    words = [run.finished[:10], f"version {version}" if version else ""]
    return ", ".join(filter(None, [*words, str(run.environment.get("device") or "")])) or UNKNOWN


def in_words(value: object) -> str:
    """Write a tuned value."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {in_words(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(in_words, value))
    return UNKNOWN if value is None else f"{value:g}" if isinstance(value, float) else str(value)
