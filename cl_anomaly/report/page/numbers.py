"""Numbers as a reader finds them on the page; what is not known is a dash."""

import math
from typing import Any

UNKNOWN = "–"
_UNITS = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def is_known(value: Any) -> bool:
    """Say whether there is a number."""
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def number(value: Any, digits: int = 3) -> str:
    """Write a number with so many digits after the point."""
    return f"{value:.{digits}f}" if is_known(value) else UNKNOWN


def interval(low: Any, high: Any, digits: int = 3) -> str:
    """Write an interval as "0.9 to 1.0"."""
    if not (is_known(low) and is_known(high)):
        return UNKNOWN
    return f"{number(low, digits)} to {number(high, digits)}"


def seconds(value: Any) -> str:
    """Write seconds as "4.3 s", "2 min 5 s" or "3 h 2 min"."""
    if not is_known(value):
        return UNKNOWN
    if value < 60:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size(value: Any) -> str:
    """Write bytes as "3.0 MiB"."""
    if not is_known(value):
        return UNKNOWN
    for unit, name in _UNITS:
        if value >= unit:
            return f"{value / unit:.1f} {name}"
    return f"{value:.0f} B"


def operations(value: Any) -> str:
    """Write floating-point operations as "3.8e+11"."""
    return f"{value:.1e}" if is_known(value) else UNKNOWN


def rounded(value: Any, digits: int = 4) -> float | None:
    """Give a number as a figure's data holds it; None where it is not known."""
    return round(float(value), digits) if is_known(value) else None


def short_score(value: float) -> str:
    """Write a sample's score in three digits, or as a whole number."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
