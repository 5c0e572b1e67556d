"""Table of a paper for `cl-anomaly export`."""

import math
from collections.abc import Mapping
from typing import Any

from cl_anomaly.report.cells import written
from cl_anomaly.report.how_tested import tested_over
from cl_anomaly.report.paper_table import Cell, PaperTable, Spread
from cl_anomaly.results.results import Results
from cl_anomaly.results.table import ALL
from cl_anomaly.statistics.pair_tests import counted


def paper_table(results: Results, spread: Spread) -> PaperTable:
    """Make the rows of a paper's table: AUROC by dataset, forgetting, gap closed and costs."""
    parts = [name for name, one in results.comparisons.items() if one is not None and name != ALL]
    parts = parts if len(parts) > 1 else []
    columns = [f"AUROC, {dataset}" for dataset in parts]
    columns += ["AUROC, mean" if parts else "AUROC", *_MORE]
    by_part = {
        (str(row["dataset"]), str(row["run"])): _cell(row)  # type: ignore[arg-type]
        for row in results.table.to_dict("records")
    }
    rows = [
        (run, [by_part.get((dataset, run), Cell(math.nan)) for dataset in parts] + _cells(row))
        for run, row in ((str(row["run"]), row) for row in results.rows)
    ]
    # Columns after the AUROCs are left out if no run has a number.
    first = len(columns) - len(_MORE)
    filled = [
        n
        for n in range(len(columns))
        if n < first or not all(math.isnan(cells[n].value) for _, cells in rows)
    ]
    return PaperTable(
        ["Method", *(columns[n] for n in filled)],
        [(run, [cells[n] for n in filled]) for run, cells in rows],
        _notes(results, spread, any(cell.is_best for _, cells in rows for cell in cells)),
    )


_MORE = ("Forgetting", "Gap closed", "Seconds", "Steps", "Bytes")


def _cells(row: Mapping[str, Any]) -> list[Cell]:
    """Return the AUROC of a run over all its datasets, and what _MORE names."""
    return [
        _cell(row),
        Cell(float(row["forgetting"])),
        Cell(float(row["gap_closed"]), digits=2),
        Cell(float(row["seconds"]), digits=1),
        *(Cell(float(row[name]), text=written(row, name)) for name in ("steps", "bytes")),
    ]


def _cell(row: Mapping[str, Any]) -> Cell:
    mean, sd, low, high = (float(row[name]) for name in ("mean", "sd", "low", "high"))
    return Cell(mean, sd, low, high, is_best=bool(row["is_best"]))


def _notes(results: Results, spread: Spread, has_best: bool) -> list[str]:
    compared = results.comparison
    if compared is None:
        return [f"{results.title}: no run has results."]
    over = counted(compared.count, compared.units)
    scores = ", ".join(dict.fromkeys(run.score for run in results.runs.values()))
    how = (
        f"mean ± standard deviation over {over}"
        if spread == "sd"
        else "mean and 95 % bootstrap interval, which resamples seeds"
        + " and anomaly classes and datasets" * (compared.units == "blocks")
    )
    notes = [f"Headline AUROC after the last task by the score {scores}: {how}."]
    if any(written(row, "seconds") for row in results.rows):
        notes.append(
            "Seconds, steps and bytes (model, strategy and score after the last task) are those of "
            "one replica."
        )
    if len(results.rows) > 1:
        tests = f"{tested_over(compared)}, {compared.alpha:g}"
        notes.append(
            f"Bold: better than every other ({tests})."
            if has_best
            else f"No run is better than every other ({tests})."
        )
    return notes
