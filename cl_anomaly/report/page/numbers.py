"""Numbers as a reader finds them on the page; a dash where a number is missing."""

import math
from typing import Any

UNKNOWN = "–"


def is_known(value: Any) -> bool:
    """Return whether there is a number."""
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def number(value: Any, form: str = "{:.3f}") -> str:
    """Write a number in a form of Python's."""
    return form.format(value) if is_known(value) else UNKNOWN


def interval(low: Any, high: Any) -> str:
    """Write an interval as "0.912 to 0.934"."""
    return f"{low:.3f} to {high:.3f}" if is_known(low) and is_known(high) else UNKNOWN


def short_score(value: float) -> str:
    """Write a sample's score in three digits, or as a whole number."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
