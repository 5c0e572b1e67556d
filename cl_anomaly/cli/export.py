"""`cl-anomaly export`: a table for a paper, or its numbers for another program."""

import os
import sys
from pathlib import Path
from typing import Literal

from cl_anomaly.core.errors import InputError
from cl_anomaly.listeners.screen import say
from cl_anomaly.report.paper_rows import paper_table
from cl_anomaly.report.paper_table import Spread, latex, markdown
from cl_anomaly.results.reading import read_results
from cl_anomaly.results.results import Results
from cl_anomaly.store.files import check_writable, replacing
from cl_anomaly.store.provenance import code_note

FormatName = Literal["latex", "markdown", "csv", "parquet"]


def export(folder: Path, to: FormatName, out: Path | None, spread: Spread, overwrite: bool) -> None:
    """Write the table of a run, a comparison or a suite.

    Args:
        out: file to write. Default: standard output.
        spread: the number beside a mean, in LaTeX and Markdown.

    Raises:
        InputError: no results, a file that cannot be written, or pyarrow is not installed.
    """
    _check(to, out, overwrite)
    results = read_results(folder)
    if results.comparison is not None:
        say(results.comparison.remarks)
    if note := code_note([folder]):
        say([note])
    if out is None:
        sys.stdout.write(_text(results, to, spread))
        return
    check_writable(out.parent)
    with replacing(out) as partial:
        if to == "parquet":
            results.table.to_parquet(partial, index=False)
        else:
            partial.write_text(_text(results, to, spread), encoding="utf-8")
    print(out)


def _text(results: Results, to: FormatName, spread: Spread) -> str:
    if to == "csv":
        return results.table.to_csv(index=False, lineterminator="\n")
    write = {"latex": latex, "markdown": markdown}[to]
    return write(paper_table(results, spread), spread)


def _check(to: FormatName, out: Path | None, overwrite: bool) -> None:
    if to == "parquet":
        if out is None:
            raise InputError(
                "Expected `--out FILE` with `--to parquet`: a terminal cannot show it."
            )
        _check_parquet()
    if out is None:
        return
    if not out.name or os.path.isdir(out):
        raise InputError(setting="out", expected="to be a file", got=f"the folder {str(out)!r}")
    if os.path.lexists(out) and not overwrite:
        raise InputError(
            setting="out",
            expected="to be a new file",
            but=f"{out} exists",
            hint="Give another name with `--out`, or replace it with `--overwrite`.",
        )


def _check_parquet() -> None:
    try:
        import pyarrow  # type: ignore[import-not-found]  # noqa: F401
    except ImportError as error:
        raise InputError(
            "Expected pyarrow to write parquet, but it is not installed. Install it with "
            '`pip install "cl-anomaly[parquet]"`, or choose `--to csv`.'
        ) from error
