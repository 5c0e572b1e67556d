"""A table as a paper prints it: in LaTeX with booktabs, and in Markdown."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Spread = Literal["sd", "interval"]
_MISSING = "missing"


@dataclass(frozen=True)
class Cell:
    """A number of a run; NaN where it has none.

    Attributes:
        value: the number.
        sd: standard deviation.
        low: of the 95 % interval.
        high: of it.
        digits: after the point.
        is_best: it is better than that of every other run, and the difference is real.
        text: stands in the place of the value, such as a number of bytes with its unit.
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
        columns: headings, the first of the names.
        rows: a run's name, and a cell for each column after the first.
        notes: a sentence for each thing that a caption has to say.
    """

    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]
    notes: Sequence[str]


def latex(table: PaperTable, spread: Spread) -> str:
    """Write it for LaTeX; the preamble needs the package booktabs."""
    head = " & ".join(escaped_for_latex(name) for name in table.columns)
    lines = [
        r"% Needs \usepackage{booktabs}.",
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{escaped_for_latex(' '.join(table.notes))}}}",
        rf"  \begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}",
        r"    \toprule",
        rf"    {head} \\",
        r"    \midrule",
    ]
    for name, cells in table.rows:
        said = [escaped_for_latex(name), *(_in_latex(cell, spread) for cell in _shown(cells))]
        lines.append(rf"    {' & '.join(said)} \\")
    lines += [r"    \bottomrule", r"  \end{tabular}", r"\end{table}"]
    return "\n".join(lines) + "\n"


def markdown(table: PaperTable, spread: Spread) -> str:
    """Write it in Markdown, with what it shows below it."""
    lines = [f"| {' | '.join(map(escaped_for_markdown, table.columns))} |"]
    lines.append(f"| --- |{' ---: |' * (len(table.columns) - 1)}")
    for name, cells in table.rows:
        said = [escaped_for_markdown(name), *(_in_markdown(c, spread) for c in _shown(cells))]
        lines.append(f"| {' | '.join(said)} |")
    lines += ["", *map(escaped_for_markdown, table.notes)]
    return "\n".join(lines) + "\n"


def _shown(cells: Sequence[Cell]) -> list[Cell | str]:
    """Describe once that a run has no results."""
    if any(not math.isnan(cell.value) for cell in cells):
        return [cell if not math.isnan(cell.value) else "" for cell in cells]
    return [_MISSING, *[""] * (len(cells) - 1)]


def _in_latex(cell: Cell | str, spread: Spread) -> str:
    if isinstance(cell, str):
        return cell
    if cell.text:
        return escaped_for_latex(cell.text)
    value, sd, low, high = _written(cell)
    value = rf"\mathbf{{{value}}}" if cell.is_best else value
    if spread == "sd":
        return rf"${value} \pm {sd}$" if sd else f"${value}$"
    return rf"${value}$ $[{low}, {high}]$" if low else f"${value}$"


def _in_markdown(cell: Cell | str, spread: Spread) -> str:
    if isinstance(cell, str):
        return cell
    if cell.text:
        return escaped_for_markdown(cell.text)
    value, sd, low, high = _written(cell)
    value = f"**{value}**" if cell.is_best else value
    if spread == "sd":
        return f"{value} ± {sd}" if sd else value
    return f"{value} [{low}, {high}]" if low else value


def _written(cell: Cell) -> list[str]:
    numbers = (cell.value, cell.sd, cell.low, cell.high)
    return ["" if math.isnan(own) else f"{own:.{cell.digits}f}" for own in numbers]


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
    """Write text so that LaTeX prints it as it is, in a line."""
    plain = " ".join(text.split())
    return "".join(_IN_LATEX.get(sign, sign) for sign in plain)


def escaped_for_markdown(text: str) -> str:
    """Write text so that Markdown shows it as it is, in a cell."""
    plain = " ".join(text.split())
    return re.sub(r"([\\`*_{}\[\]<>#|~$])", r"\\\1", plain)
