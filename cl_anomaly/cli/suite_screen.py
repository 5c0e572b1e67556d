"""What `bench` shows at its end, and at once where nothing is left to do. Imports no PyTorch."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cl_anomaly.cli.screen_tables import show_narrow_table
from cl_anomaly.core.json_files import read_json
from cl_anomaly.report.suite_table import COST, QUALITY, about_edge, screen_rows
from cl_anomaly.results.recorded import read_rows
from cl_anomaly.results.table import method_rows
from cl_anomaly.store.status import PAGE_FILE, SUITE_FILE
from cl_anomaly.suites.suite import Suite
from cl_anomaly.suites.up_to_date import how_many, is_up_to_date


def shown_again(
    suite: Suite,
    settings: Mapping[str, Any],
    folder: Path,
    only: Sequence[str],
    only_estimate: bool,
    how: Mapping[str, Any],
) -> bool:
    """Show a suite of which nothing is left to do.

    Args:
        suite: that is asked for.
        settings: take the place of those that its runs share.
        folder: the suite's.
        only: methods that are asked for; none for all.
        only_estimate: say only that nothing is missing.
        how: `quiet`, to show only the folder, and `no_report`, to name no page.

    Returns:
        Whether it was so; otherwise nothing has been shown.
    """
    if set(only) - set(suite.runs) or not is_up_to_date(folder, suite, settings):
        return False
    count, tried = how_many(suite, only)
    if tried:
        print("Options are chosen first.", file=sys.stderr)
        print(f"All {tried} runs are finished.", file=sys.stderr)
    for run, said in read_json(folder / SUITE_FILE)["chosen"].items():
        print(f"{run}: {said['options']}, chosen on {said['on']}", file=sys.stderr)
        if about := about_edge(said):
            print(f"warning: {run}: {about}", file=sys.stderr)
    print(f"All {count} runs are finished.", file=sys.stderr)
    if not only_estimate:
        show_suite(folder, how["quiet"])
        if not (how["quiet"] or how["no_report"]):
            _name_page(folder)
    return True


def show_suite(folder: Path, quiet: bool) -> None:
    """Show a suite's table, and where its results are; only the folder where it is to be quiet."""
    if quiet:
        print(folder)
        return
    if (rows := read_rows(folder)) is not None:
        for title, columns in ((folder.name, QUALITY), ("cost of one replica", COST)):
            show_narrow_table(title, screen_rows(method_rows(rows), columns), ("method", *columns))
    print(f"results: {folder}")


def _name_page(folder: Path) -> None:
    """Print where the page is; one that is missing is made."""
    if (folder / PAGE_FILE).exists():
        print(f"page:    {folder / PAGE_FILE}")
    else:
        from cl_anomaly.cli.report import name_page  # with PyTorch

        name_page(folder, is_new=True)
