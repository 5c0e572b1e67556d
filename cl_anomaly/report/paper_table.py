"""A paper's table in LaTeX with booktabs and in Markdown."""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Spread = Literal["sd", "interval"]


@dataclass(frozen=True)
class Cell:
    """A number of a run; NaN if it is missing.

    Attributes:
        low: lower end of the 95 % interval.
        high: upper end of the 95 % interval.
        digits: digits after the decimal point.
        is_best: whether it is significantly better than every other run.
        text: replaces the value, such as a number of bytes with its unit.
    """

    value: float
    sd: float = math.nan
    low: float = math.nan
    high: float = math.nan
    digits: int = 3
    is_best: bool = False
    text: str = ""


@dataclass(frozen=True)
class PaperTable:
    """Runs and their numbers.

    Attributes:
        columns: headings, that of the names first.
        rows: a run's name, and a cell for each column after the first.
    """

    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]
    notes: Sequence[str]


# Forms of a value: the best, with its deviation, with its interval, and alone.
_LATEX = {
    "best": r"\mathbf{{{}}}",
    "sd": r"${} \pm {}$",
    "interval": r"${}$ $[{}, {}]$",
    "alone": "${}$",
}
_MARKDOWN = {"best": "**{}**", "sd": "{} ± {}", "interval": "{} [{}, {}]", "alone": "{}"}


def latex(table: PaperTable, spread: Spread) -> str:
    """Write a table for LaTeX; the preamble needs the package booktabs."""
    head = " & ".join(escaped_for_latex(name) for name in table.columns)
    rows = _rows(table, spread, _LATEX, escaped_for_latex)
    lines = [
        r"% Needs \usepackage{booktabs}.",
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{escaped_for_latex(' '.join(table.notes))}}}",
        rf"  \begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}",
        r"    \toprule",
        rf"    {head} \\",
        r"    \midrule",
        *(rf"    {' & '.join(row)} \\" for row in rows),
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def markdown(table: PaperTable, spread: Spread) -> str:
    """Write a table in Markdown, with its notes below."""
    rows = _rows(table, spread, _MARKDOWN, escaped_for_markdown)
    lines = [
        f"| {' | '.join(map(escaped_for_markdown, table.columns))} |",
        f"| --- |{' ---: |' * (len(table.columns) - 1)}",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
        *map(escaped_for_markdown, table.notes),
    ]
    return "\n".join(lines) + "\n"


def _rows(
    table: PaperTable, spread: Spread, forms: Mapping[str, str], escaped: Callable[[str], str]
) -> Iterator[list[str]]:
    for name, cells in table.rows:
        words = [_in_words(cell, spread, forms, escaped) for cell in cells]
        if all(math.isnan(cell.value) for cell in cells):
            words[0] = "missing"
        yield [escaped(name), *words]


def _in_words(
    cell: Cell, spread: Spread, forms: Mapping[str, str], escaped: Callable[[str], str]
) -> str:
    if math.isnan(cell.value):
        return ""
    if cell.text:
        return escaped(cell.text)
    numbers = (cell.value, cell.sd, cell.low, cell.high)
    value, sd, low, high = (f"{number:.{cell.digits}f}" for number in numbers)
    value = forms["best"].format(value) if cell.is_best else value
    if spread == "sd" and not math.isnan(cell.sd):
        return forms["sd"].format(value, sd)
    if spread == "interval" and not math.isnan(cell.low):
        return forms["interval"].format(value, low, high)
    return forms["alone"].format(value)


_IN_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "±": r"$\pm$",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


def escaped_for_latex(text: str) -> str:
    """Escape text for LaTeX, in one line."""
    return "".join(_IN_LATEX.get(sign, sign) for sign in " ".join(text.split()))


def escaped_for_markdown(text: str) -> str:
    """Escape text for a cell of Markdown."""
    return re.sub(r"([\\`*_{}\[\]<>#|~$])", r"\\\1", " ".join(text.split()))
