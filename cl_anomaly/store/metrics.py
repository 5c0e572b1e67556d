"""`metrics.csv` and realised false-positive rates of finished runs, comparisons and suites."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from io import StringIO
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.labels import label_from
from cl_anomaly.store.files import check_files
from cl_anomaly.store.status import (
    CONFIG_FILE,
    FALSE_POSITIVE_RATES_FILE,
    METRICS_FILE,
    is_finished,
    status_of,
)

if TYPE_CHECKING:
    import pandas as pd

METRICS_COLUMNS = (
    "strategy",
    "dataset",
    "anomaly_class",
    "seed",
    "task",
    "classes",
    "score",
    "metric",
    "value",
)


def read_metrics(folder: Path, of_several: bool = False) -> pd.DataFrame:
    """Read the metrics of a finished folder to the last digit, once its files are sure to be whole.

    Args:
        folder: of a run, a comparison or a suite.
        of_several: whether there must be a column `run`.

    Raises:
        InputError: the folder is of neither, is damaged, or is not finished; says why.
    """
    import pandas as pd

    check_finished(folder)
    check_files(folder)
    text = dict.fromkeys(("classes", "run", "strategy", "dataset"), str)
    try:
        # A run may be called 1 or NA, too.
        # Python's own numbers: to the last digit, which not every version of pandas reads.
        table = pd.read_csv(
            folder / METRICS_FILE,
            dtype=text,
            keep_default_na=False,
            converters={"value": float, "anomaly_class": cache(label_from)},
        )
    except (OSError, ValueError) as error:
        raise InputError(
            f"Expected {folder} to be the folder of a run, with a {METRICS_FILE}, but: {error}."
        ) from error
    missing = {*METRICS_COLUMNS, *["run"] * of_several} - set(table.columns)
    if missing:
        raise InputError(
            f"Expected {folder / METRICS_FILE} to have the column(s) {', '.join(sorted(missing))}."
        )
    return table


def check_finished(folder: Path) -> None:
    """Make sure that a folder holds results.

    Raises:
        InputError: it does not; says why.
    """
    if not folder.is_dir():
        why = "a file" if folder.exists() else "not there"
        raise InputError(f"{folder} is no folder of a run or comparison: it is {why}.")
    if not any((folder / file).exists() for file in (CONFIG_FILE, METRICS_FILE)):
        raise InputError(
            f"{folder} is no folder of a run or comparison: it has no {CONFIG_FILE} and no "
            f"{METRICS_FILE}."
        )
    if is_finished(folder):
        return
    status = status_of(folder)
    why = shorten("; ".join(status.why), 160, placeholder=" …")
    if status.name == "failed":
        raise InputError(f"{folder} has no results: it failed: {why}")
    raise InputError(
        f"{folder} has no results yet: it is {status.name}, {why}. `cl-anomaly resume {folder}` "
        f"goes on with it."
    )


def read_false_positive_rates(folders: Iterable[Path]) -> pd.DataFrame:
    """Read the realised rates of several runs, empty where none has thresholds.

    Args:
        folders: of the runs; those without thresholds are left out.
    """
    import pandas as pd

    rows: dict[str, list[str]] = {}  # by their heads: a table each would take longer than all else
    for path in (folder / FALSE_POSITIVE_RATES_FILE for folder in folders):
        if path.exists():
            head, _, body = path.read_text(encoding="utf-8").partition("\n")
            rows.setdefault(head, []).append(body)
    tables = [
        pd.read_csv(StringIO("\n".join([head, "".join(bodies)]))) for head, bodies in rows.items()
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
