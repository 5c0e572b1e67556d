"""Tables as a console and a notebook show them; names that hold HTML stay text."""

from html import escape

import pandas as pd

_DIGITS = 3


def as_text(said: str, table: pd.DataFrame) -> str:
    """Write a sentence, and a table below it."""
    if table.empty:
        return f"{said}: no results"
    shown = table.to_string(index=False, float_format=_number, na_rep="")
    return f"{said}\n{shown}"


def as_html(said: str, table: pd.DataFrame) -> str:
    """Write the same for a notebook."""
    shown = table.to_html(index=False, float_format=_number, na_rep="", border=0, escape=True)
    return f"<p>{escape(said)}</p>\n{shown}"


def _number(value: float) -> str:
    return f"{value:.{_DIGITS}f}"
