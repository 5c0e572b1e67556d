"""Numbers as a reader finds them on the page; what is not known is a dash."""

import math
from typing import Any

UNKNOWN = "–"


def is_known(value: Any) -> bool:
    """Return whether there is a number."""
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def number(value: Any, digits: int = 3) -> str:
    """Write a number with so many digits after the point."""
    return f"{value:.{digits}f}" if is_known(value) else UNKNOWN


def interval(low: Any, high: Any, digits: int = 3) -> str:
    """Write an interval as "0.9 to 1.0"."""
    if not (is_known(low) and is_known(high)):
        return UNKNOWN
    return f"{number(low, digits)} to {number(high, digits)}"


def rounded(value: Any, digits: int = 4) -> float | None:
    """Return a number as a figure's data holds it; None where it is not known."""
    return round(float(value), digits) if is_known(value) else None


def short_score(value: float) -> str:
    """Write a sample's score in three digits, or as a whole number."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
