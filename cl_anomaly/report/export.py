"""What `cl-anomaly export` writes: the table of a paper, or its numbers."""

import math
from typing import Any

import pandas as pd

from cl_anomaly.report.cells import written
from cl_anomaly.report.how_tested import tested_over
from cl_anomaly.report.paper_table import Cell, PaperTable, Spread
from cl_anomaly.results.suite_results import SuiteResults
from cl_anomaly.statistics.comparison import BETTER, Comparison
from cl_anomaly.statistics.pair_tests import counted

ALL = "all"
"""Stands in the place of the dataset, where a row is of several."""


def best_run(compared: Comparison | None) -> str | None:
    """Name the run that is better than every other by the tests; None where none is."""
    if compared is None or compared.best is None:
        return None
    best = compared.best
    others = [run for run in compared.table.dropna(subset="mean")["run"] if run != best]
    is_better = others and all(compared.decision(best, run) == BETTER for run in others)
    return best if is_better else None


def numbers_of(suite: SuiteResults) -> pd.DataFrame:
    """Return all numbers: a row for each run on each dataset, and on all where there are several.

    Columns are those of `SuiteResults.table`, dataset and is_best.
    """
    parts = [(dataset, *own) for dataset, own in suite.datasets.items()]
    if len(parts) != 1:
        parts.append((ALL, suite.comparison, suite.table))
    tables = [
        table.assign(dataset=dataset, is_best=table["run"] == best_run(compared))
        for dataset, compared, table in parts
    ]
    whole = pd.concat(tables, ignore_index=True)
    names = ["run", "dataset", "score"]
    return whole[[*names, *(name for name in whole.columns if name not in names)]]


def paper_table(suite: SuiteResults, spread: Spread) -> PaperTable:
    """Put the numbers that a paper prints into rows: AUROC by dataset, what else, and costs."""
    several = len(suite.datasets) > 1
    parts = list(suite.datasets.items()) if several else []
    columns = [f"AUROC, {dataset}" for dataset, _ in parts]
    columns += ["AUROC, mean" if several else "AUROC", *_MORE]
    by_part = [_cells(*own) for _, own in parts]
    whole, rows = _cells(suite.comparison, suite.table), []
    for row in suite.table.to_dict("records"):
        run = str(row["run"])
        cells = [own.get(run, Cell(math.nan)) for own in by_part] + [whole[run]]
        cells += [
            Cell(float(row["forgetting"])),
            Cell(float(row["gap_closed"]), digits=2),
            Cell(float(row["seconds"]), digits=1),
            *(Cell(float(row[name]), text=written(row, name)) for name in ("steps", "bytes")),
        ]
        rows.append((run, cells))
    # Where nobody has forgetting or bounds, no column says so.
    first = len(columns) - len(_MORE)
    keep = [n for n in range(len(columns)) if n < first or not _is_empty(rows, n)]
    return PaperTable(
        ["Method", *(columns[n] for n in keep)],
        [(run, [cells[n] for n in keep]) for run, cells in rows],
        _notes(suite, spread, any(cell.is_best for _, cells in rows for cell in cells)),
    )


_MORE = ("Forgetting", "Gap closed", "Seconds", "Steps", "Bytes")


def _is_empty(rows: list[tuple[str, list[Cell]]], column: int) -> bool:
    values = [cells[column].value for _, cells in rows]
    return all(value != value for value in values)


def _cells(compared: Comparison | None, table: pd.DataFrame) -> dict[str, Cell]:
    best = best_run(compared)
    return {str(row["run"]): _cell(row, best) for row in table.to_dict("records")}


def _cell(row: dict[Any, Any], best: str | None) -> Cell:
    mean, sd, low, high = (float(row[name]) for name in ("mean", "sd", "low", "high"))
    return Cell(mean, sd, low, high, is_best=str(row["run"]) == best)


def _notes(suite: SuiteResults, spread: Spread, has_best: bool) -> list[str]:
    compared = suite.comparison
    if compared is None:
        return [f"{suite.title}: no run has results."]
    over = counted(compared.count, compared.units)
    scores = ", ".join(dict.fromkeys(own.score for own in suite.entrants))
    how = (
        f"mean ± standard deviation over {over}"
        if spread == "sd"
        else "mean and 95 % bootstrap interval, which resamples seeds"
        + " and anomaly classes and datasets" * (compared.units == "blocks")
    )
    said = [f"Headline AUROC after the last task by the score {scores}: {how}."]
    if suite.table["seconds"].notna().any():
        said.append(
            "Seconds, steps and bytes (model, strategy and score after the last task) are those of "
            "one replica."
        )
    if len(suite.table) > 1:
        tests = f"{tested_over(compared)}, {compared.alpha:g}"
        said.append(
            f"Bold: better than every other ({tests})."
            if has_best
            else f"No run is better than every other ({tests})."
        )
    return said
