"""`cl-anomaly report`: write the page of a run, a comparison or a suite."""

import os
from pathlib import Path

from cl_anomaly.core.errors import InputError
from cl_anomaly.store.files import check_writable, replacing
from cl_anomaly.store.status import PAGE_FILE


def report(folder: Path, out: Path | None, overwrite: bool) -> None:
    """Write the page of a finished run, a comparison or a suite, and print its path.

    Args:
        out: the page's file. Default: report.html in the folder, which is replaced.
        overwrite: replace an existing page at `out`.

    Raises:
        InputError: the folder has nothing to show, or the page cannot be written to `out`.
    """
    if out is not None:
        _check_out(out, overwrite)
    print(write_page(folder, out))


def write_page(folder: Path, out: Path | None = None) -> Path:
    """Write the page of a folder, by default into it, replacing an existing one.

    Raises:
        InputError: the folder has nothing to show.
    """
    # Imported here, because drawing libraries are slow to import.
    from cl_anomaly.report.page.page import page_of
    from cl_anomaly.report.page.run_content import read_content

    text = page_of(read_content(folder))
    file = folder / PAGE_FILE if out is None else out
    check_writable(file.parent)
    with replacing(file) as partial:
        partial.write_text(text, encoding="utf-8")
    return file


def name_page(folder: Path, is_new: bool) -> None:
    """Print the path of a folder's page, after writing it if the results are new.

    Results that are only shown again stay the same to the byte: no page is added to them.
    """
    if is_new:
        write_page(folder)
    if (folder / PAGE_FILE).exists():
        print(f"page:    {folder / PAGE_FILE}")


def _check_out(out: Path, overwrite: bool) -> None:
    if not out.name or os.path.isdir(out):
        raise InputError(
            setting="out", expected="to be a page's file", got=f"the folder {str(out)!r}"
        )
    if out.suffix.lower() not in (".html", ".htm"):
        raise InputError(setting="out", expected="to end in .html", got=repr(str(out)))
    if os.path.lexists(out) and not overwrite:
        raise InputError(
            setting="out",
            expected="to be a new page",
            but=f"{out} exists",
            hint="Give another name with `--out`, or replace it with `--overwrite`.",
        )
