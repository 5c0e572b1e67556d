"""What `cl-anomaly export` writes: the table of a paper, or its numbers."""

from typing import Any

import pandas as pd

from cl_anomaly.evaluation.comparing import BETTER, Comparison
from cl_anomaly.report.paper_table import Cell, PaperTable, Spread
from cl_anomaly.runs.suite_results import SuiteResults

ALL = "all"
"""Stands in the place of the dataset, where a row is of several."""


def best_run(compared: Comparison | None) -> str | None:
    """Name the run that is better than every other by the tests; None where none is."""
    if compared is None:
        return None
    rows = compared.table.dropna(subset="mean").to_dict("records")
    runs = [str(row["run"]) for row in sorted(rows, key=lambda row: -row["mean"])]
    if len(runs) < 2:
        return None
    first, *others = runs
    return first if all(compared.decision(first, run) == BETTER for run in others) else None


def numbers_of(suite: SuiteResults) -> pd.DataFrame:
    """Give all numbers: a row for each run on each dataset, and on all where there are several.

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
    """Put the numbers that a paper prints into rows: AUROC by dataset, forgetting, gap closed."""
    several = len(suite.datasets) > 1
    parts = list(suite.datasets.items()) if several else []
    columns = [f"AUROC, {dataset}" for dataset, _ in parts]
    columns += ["AUROC, mean" if several else "AUROC", "Forgetting", "Gap closed"]
    by_part = [_cells(*own) for _, own in parts]
    whole, rows = _cells(suite.comparison, suite.table), []
    for row in suite.table.to_dict("records"):
        run = str(row["run"])
        cells = [own[run] for own in by_part] + [whole[run]]
        cells += [Cell(float(row["forgetting"])), Cell(float(row["gap_closed"]), digits=2)]
        rows.append((run, cells))
    # Where nobody has forgetting or bounds, no column says so.
    keep = [n for n in range(len(columns)) if n < len(columns) - 2 or not _is_empty(rows, n)]
    return PaperTable(
        ["Method", *(columns[n] for n in keep)],
        [(run, [cells[n] for n in keep]) for run, cells in rows],
        _notes(suite, spread, any(cell.is_best for _, cells in rows for cell in cells)),
    )


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
    what = "anomaly classes and datasets" if compared.units == "blocks" else "seeds"
    over = f"{compared.count} {what}"
    scores = ", ".join(dict.fromkeys(suite.scores_shown.values()))
    how = (
        f"mean ± standard deviation over {over}"
        if spread == "sd"
        else "mean and 95 % bootstrap interval, which resamples seeds"
        + f" and {what}" * (compared.units == "blocks")
    )
    said = [f"Headline AUROC after the last task by the score {scores}: {how}."]
    tests = "Wilcoxon" if compared.friedman is None else "Friedman and Nemenyi"
    if len(suite.scores_shown) > 1:
        said.append(
            f"Bold: better than every other ({tests}, {compared.alpha:g})."
            if has_best
            else f"No run is better than every other ({tests} over {over}, {compared.alpha:g})."
        )
    return said
