"""Numbers in words: one way for pages, Markdown, LaTeX and the screen."""

import math
from collections.abc import Callable, Mapping
from typing import Any

UNKNOWN = "–"
"""Stands on a page where a number is missing."""


def is_known(value: Any) -> bool:
    """Return whether there is a number."""
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def number(value: Any, form: str = "{:.3f}") -> str:
    """Write a number in a form of Python's, or UNKNOWN."""
    return form.format(value) if is_known(value) else UNKNOWN


def interval(low: Any, high: Any) -> str:
    """Write an interval as "0.912 to 0.934", or UNKNOWN."""
    return f"{low:.3f} to {high:.3f}" if is_known(low) and is_known(high) else UNKNOWN


def short_score(value: float) -> str:
    """Write a sample's score in three digits, or as a whole number."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def bytes_in_words(count: float) -> str:
    """Write bytes as 812 B, 3.1 kB or 2.40 MB."""
    if count < 1000:
        return f"{count:.0f} B"
    return f"{count / 1e3:.1f} kB" if count < 1e6 else f"{count / 1e6:.2f} MB"


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
    """Write a number of the table, see `results.table.COLUMNS`; `unknown` if there is none."""
    value = row.get(column)
    return _WRITTEN[column](value) if is_known(value) else unknown
