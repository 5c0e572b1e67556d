"""The numbers of the table of runs in words: one way for pages, Markdown, LaTeX and the screen."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from cl_anomaly.report.sizes import bytes_in_words

_WRITTEN: dict[str, Callable[[Any], str]] = {
    "mean": "{:.3f}".format,
    "low": "{:.3f}".format,
    "high": "{:.3f}".format,
    "rank": "{:.2f}".format,
    "gap_closed": "{:.2f}".format,
    "forgetting": "{:.3f}".format,
    "seconds": "{:.1f}".format,
    "steps": "{:,.0f}".format,
    "bytes": bytes_in_words,
    "stores_samples": lambda value: "yes" if value else "no",
    "not_different_from": str,
}

WHAT_THEY_ARE = (
    "Gap closed is the share of the way from lower to upper of the same model, score, stream, "
    "epochs and steps; forgetting, by the result matrix, what was lost since each task was known "
    "best. Seconds and steps of training, and bytes, are those of one replica: bytes of the model, "
    "of what the strategy keeps and of the statistics of the shown score, after the last task (1 "
    "kB is 1,000 bytes). Past samples that upper and joint see again are not counted."
)


def written(row: Mapping[Any, Any], column: str, unknown: str = "") -> str:
    """Write a number of the table of runs, see `results.table.COLUMNS`.

    Args:
        row: of the table.
        column: its name there.
        unknown: stands where there is no number.
    """
    value = row.get(column)
    is_unknown = value is None or (isinstance(value, float) and math.isnan(value))
    return unknown if is_unknown else _WRITTEN[column](value)
