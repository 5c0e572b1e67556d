"""Table and tests of a comparison or a suite on disk, which are not computed again."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cl_anomaly.core.json_files import read_json, read_json_if_there
from cl_anomaly.results.table import COLUMNS
from cl_anomaly.store.status import (
    PAIRS_FILE,
    TABLE_FILE,
    TESTS_FILE,
)

if TYPE_CHECKING:
    import pandas as pd

    from cl_anomaly.statistics.comparison import Comparison
    from cl_anomaly.statistics.pair_tests import Named

_TEXT = frozenset({"run", "dataset", "score", "not_different_from"})
_TEXT_OF_PAIRS = ("dataset", "run", "other", "family", "decision")
_BOOLEANS = {"True": True, "False": False, "": None}
OF_A_COMPARISON = ("metric", "score", "alpha", "units", "count", "best")
OF_A_COMPARISON += ("friedman", "critical_difference", "remarks")


def read_named(folder: Path) -> Named:
    """Read the pairs of runs that were named in advance."""
    known = read_json_if_there(folder / TESTS_FILE).get("named", [])
    return tuple((str(one), str(other)) for one, other in known)


def read_rows(folder: Path) -> list[dict[str, Any]] | None:
    """Read the table, row by row; None if there is none with COLUMNS. Imports no pandas."""
    path = folder / TABLE_FILE
    if not path.exists():
        return None
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            return None
        return [{name: _read(name, text) for name, text in row.items()} for row in reader]


def _read(name: str, text: str) -> Any:
    if name in _TEXT:
        return text
    if text in _BOOLEANS and name in ("is_best", "stores_samples"):
        return _BOOLEANS[text]
    return int(text) if text.isdecimal() else float(text or math.nan)


def read_comparisons(folder: Path, table: pd.DataFrame) -> dict[str, Comparison | None]:
    """Read the tests and the recorded table by dataset; None for one without results."""
    from cl_anomaly.statistics.comparison import Comparison

    tests, pairs = read_json(folder / TESTS_FILE)["tests"], _read_pairs(folder / PAIRS_FILE)
    named = read_named(folder)
    comparisons: dict[str, Comparison | None] = {}
    for dataset, rows in table.groupby("dataset", sort=False):
        known = tests.get(dataset)
        comparisons[str(dataset)] = known and Comparison(
            **known | {"remarks": tuple(known["remarks"])},
            named=named,
            table=rows[rows["replicas"] > 0].reset_index(drop=True),
            pairs=pairs[pairs["dataset"] == dataset].drop(columns="dataset").reset_index(drop=True),
        )
    return comparisons


def _read_pairs(file: Path) -> pd.DataFrame:
    import pandas as pd

    columns = pd.read_csv(file, nrows=0).columns
    numbers = {name: _number for name in columns if name not in _TEXT_OF_PAIRS}
    text = dict.fromkeys(_TEXT_OF_PAIRS, str)  # a run may be called 1 or NA
    return pd.read_csv(file, dtype=text, keep_default_na=False, converters=numbers)


def _number(text: str) -> float:
    """Read a number to the last digit, which not every version of pandas does."""
    return float(text) if text else math.nan
