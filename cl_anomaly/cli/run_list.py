"""The list of runs as text: a few lines for each, in 80 columns, or JSON."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cl_anomaly.data.dataset_names import short_name
from cl_anomaly.store.filter import in_order, where
from cl_anomaly.store.listing import Entry, Headline, list_results

_NARROWEST, _WIDEST = 80, 120
_COLUMNS = ("strategy", "dataset", "class", "epochs", "seeds", "AUROC")
# Greatest width of each column; the first takes the remaining space.
_MOST = {"dataset": 14, "class": 9, "epochs": 6, "seeds": 7, "AUROC": 13}
_GAP = 2
_INDENT = (0, 0, 0, 4)


def show_runs(out: Path, conditions: Sequence[str], sort: str, as_json: bool) -> None:
    """Print the contents of a folder of results: runs first, then comparisons and suites.

    Args:
        conditions: NAME=VALUE; an entry must meet all of them.

    Raises:
        InputError: a condition or `sort` has an unknown name.
    """
    there = list_results(out)
    chosen = in_order(where(there, conditions), sort)
    if as_json:
        print(json.dumps([_as_json(listed) for listed in chosen], indent=2))
    elif not there:
        print(f"There are no runs in {out}.")
    elif not chosen:
        print(f"None of the {len(there)} in {out} matches {', '.join(conditions)}.")
    else:
        _show(chosen, there)


def _show(chosen: Sequence[Entry], there: Sequence[Entry]) -> None:
    width = shutil.get_terminal_size((_NARROWEST, 0)).columns
    console = Console(width=max(_NARROWEST, min(width, _WIDEST)), highlight=False)
    cells = {listed.folder: _cells(listed) for listed in chosen}
    table = _Columns(list(cells.values()), console.width)
    aurocs = {listed.folder.name: listed.auroc for listed in there}
    console.print(table.row(_COLUMNS))
    for listed in sorted(chosen, key=lambda listed: listed.kind != "run"):
        console.print(table.row(cells[listed.folder]))
        # Paths stay in one line, so that they can be copied.
        console.print(Text(_placed(listed, console.width)), soft_wrap=True)
        for why in listed.status.why:
            console.print(Padding(Text(why), _INDENT))
        if listed.members:
            console.print(Padding(_members(listed, aurocs), _INDENT))
    console.print()
    console.print(Text(_explanation([listed.auroc for listed in chosen if listed.auroc])))


def _cells(listed: Entry) -> tuple[str, ...]:
    if listed.kind == "run":
        options = [f"{name}={_said(value)}" for name, value in listed.differs.items()]
        first = " ".join([_strategy(listed), *options])
    else:
        first = f"{listed.kind}: {', '.join(listed.members)}"
    return (
        first,
        _several([short_name(str(v)) for v in listed.column("dataset") if v is not None]),
        _several([_classes(v) for v in listed.column("anomaly_class")]),
        _several(listed.column("epochs")),
        _several([_seeds(v) for v in listed.column("seeds") if v is not None]),
        _headline(listed.auroc, listed.status.name),
    )


def _strategy(listed: Entry) -> str:
    # For a user's file, show only the class; the configuration has the path.
    return str(listed.status.config.get("strategy", "")).rpartition("/")[2]


def _said(value: Any) -> str:
    """Write a setting's value as on the command line."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, list):
        return ",".join(map(_said, value)) or "[]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _several(values: Sequence[Any]) -> str:
    return " ".join(_said(value) for value in values if value is not None)


def _classes(classes: Any) -> str:
    """Write classes; consecutive ones as 0-9."""
    labels = classes if isinstance(classes, list) else []
    numbers = [label for label in labels if isinstance(label, int)]
    if len(numbers) > 2 and classes == list(range(numbers[0], numbers[0] + len(numbers))):
        return f"{numbers[0]}-{numbers[-1]}"
    return "" if classes is None else _said(classes)


def _seeds(seeds: Any) -> str:
    """Write seeds as `--seeds` takes them: 5 for 0 to 4, otherwise a list."""
    if not isinstance(seeds, list):
        return str(seeds)
    if seeds == list(range(len(seeds))):
        return str(len(seeds))
    return f"{seeds[0]}," if len(seeds) == 1 else ",".join(map(str, seeds))


def _headline(auroc: Headline | None, status: str) -> str:
    if auroc is None:
        return ""
    spread = f" ± {auroc.spread:.3f}" if auroc.spread is not None else ""
    # A failed run may lack the last task, or some seeds.
    where = f" after task {auroc.task}" if status == "failed" else ""
    return f"{auroc.mean:.3f}{spread}{where}"


class _Columns:
    """Columns of equal width in the rows of all runs, between which other lines may stand."""

    def __init__(self, rows: Sequence[Sequence[str]], width: int) -> None:
        longest = [max(map(len, column)) for column in zip(_COLUMNS, *rows, strict=True)]
        widths = [min(n, _MOST.get(name, n)) for name, n in zip(_COLUMNS, longest, strict=True)]
        rest = width - sum(widths[1:]) - _GAP * (len(widths) - 1)
        self._widths = [min(widths[0], rest), *widths[1:]]

    def row(self, cells: Sequence[str]) -> Table:
        table = Table.grid(padding=(0, _GAP, 0, 0))
        for width in self._widths:
            table.add_column(width=width, overflow="fold")
        first = fill(cells[0], self._widths[0], subsequent_indent="  ", break_on_hyphens=False)
        table.add_row(*map(Text, [first, *cells[1:]]))
        return table


def _placed(listed: Entry, width: int) -> str:
    """Return a run's path and state, side by side if there is room."""
    word, _, digits = listed.code.partition(" ")
    state = f"{listed.status.name} {listed.date:%Y-%m-%d %H:%M}, {word} code {digits}".rstrip()
    line = f"  {listed.folder}  {state}"
    return line if len(line) <= width else f"  {listed.folder}\n    {state}"


def _members(listed: Entry, aurocs: Mapping[str, Headline | None]) -> Table:
    table = Table.grid(padding=(0, _GAP, 0, 0))
    table.add_column(max_width=24, overflow="fold")
    table.add_column(overflow="fold")
    for name, folder in listed.members.items():
        if folder is None:
            result = f"no results{': ' * (name in listed.failures)}{listed.failures.get(name, '')}"
        elif folder not in aurocs:
            result = f"{folder}, which is missing"
        else:
            result = f"{_headline(aurocs[folder], ''):<13}  {folder}"
        table.add_row(Text(name), Text(result))
    return table


def _explanation(aurocs: Sequence[Headline]) -> str:
    spreads = "mean ± s.d. over the seeds"
    if any(auroc.is_interval for auroc in aurocs):
        spreads += ", of several anomaly classes ± 95 % t-interval"
    scores = ", ".join(dict.fromkeys(auroc.score for auroc in aurocs))
    of = f" by {scores}" if scores else ""
    return f"AUROC: the headline AUROC{of} after the last task, {spreads}."


def _as_json(listed: Entry) -> dict[str, Any]:
    auroc = listed.auroc
    return {
        "folder": str(listed.folder),
        "kind": listed.kind,
        "status": listed.status.name,
        "why": listed.status.why,
        "date": listed.date.isoformat(),
        "code": listed.code,
        "differs": listed.differs,
        "auroc": None if auroc is None else {**vars(auroc)},
        "members": listed.members,
        "failures": listed.failures,
        "config": listed.status.config,
    }
