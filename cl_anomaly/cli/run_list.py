"""The list of runs as text: a few lines for each, in 80 columns, or JSON."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

from cl_anomaly.data.dataset_names import short_name
from cl_anomaly.store.filter import in_order, where
from cl_anomaly.store.listing import Headline, Listed, list_results

_NARROWEST, _WIDEST = 80, 120
_COLUMNS = ("strategy", "dataset", "class", "epochs", "seeds", "AUROC")
# What a column may take at most; the first has what is left.
_MOST = {"dataset": 14, "class": 9, "epochs": 6, "seeds": 7, "AUROC": 13}
_GAP = "  "


def show_runs(out: Path, conditions: Sequence[str], sort: str, as_json: bool) -> None:
    """Print what lies in a folder of results: runs first, then comparisons and suites.

    Args:
        out: the folder.
        conditions: NAME=VALUE, which all must be met.
        sort: the column that gives the order.
        as_json: print JSON, for other programs.

    Raises:
        InputError: a condition or a column names nothing that there is.
    """
    there = list_results(out)
    chosen = in_order(where(there, conditions), sort)
    if as_json:
        print(json.dumps([_as_json(own) for own in chosen], indent=2))
    elif not there:
        print(f"There are no runs in {out}.")
    elif not chosen:
        print(f"None of the {len(there)} in {out} is so: {', '.join(conditions)}.")
    else:
        print("\n".join(_lines(chosen, there)))


def _lines(chosen: Sequence[Listed], there: Sequence[Listed]) -> Iterator[str]:
    width = max(_NARROWEST, min(shutil.get_terminal_size((_NARROWEST, 0)).columns, _WIDEST))
    cells = {own.folder: _cells(own) for own in chosen}
    widths = _widths(list(cells.values()), width)
    yield from _row(_COLUMNS, widths)
    aurocs = {own.folder.name: own.auroc for own in there}
    for own in sorted(chosen, key=lambda own: own.kind != "run"):
        yield from _row(cells[own.folder], widths)
        yield from _placed(own, width)
        for why in own.status.why:
            yield from wrap(why, width, initial_indent="    ", subsequent_indent="    ")
        yield from _members(own, aurocs, width)
    yield ""
    yield from wrap(_explanation([own.auroc for own in chosen if own.auroc]), width)


def _cells(own: Listed) -> tuple[str, ...]:
    if own.kind == "run":
        first = " ".join([_strategy(own), *(f"{k}={_said(v)}" for k, v in own.differs.items())])
    else:
        first = f"{own.kind}: {', '.join(own.members)}"
    return (
        first,
        _several([short_name(str(v)) for v in own.column("dataset") if v is not None]),
        _several([_classes(v) for v in own.column("anomaly_class")]),
        _several(own.column("epochs")),
        _several([_seeds(v) for v in own.column("seeds") if v is not None]),
        _headline(own.auroc, own.status.name),
    )


def _strategy(own: Listed) -> str:
    # Of one in a file, the class: where the file lies is in the configuration.
    return str(own.status.config.get("strategy", "")).rpartition("/")[2]


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
    """Write several classes in a row as 0-9."""
    numbers = [own for own in classes if isinstance(own, int)] if isinstance(classes, list) else []
    if len(numbers) > 2 and classes == list(range(numbers[0], numbers[0] + len(numbers))):
        return f"{numbers[0]}-{numbers[-1]}"
    return "" if classes is None else _said(classes)


def _seeds(seeds: Any) -> str:
    """Write seeds as `--seeds` takes them: 5 for 0 to 4, and others by their names."""
    if not isinstance(seeds, list):
        return str(seeds)
    if seeds == list(range(len(seeds))):
        return str(len(seeds))
    return f"{seeds[0]}," if len(seeds) == 1 else ",".join(map(str, seeds))


def _headline(auroc: Headline | None, status: str) -> str:
    if auroc is None:
        return ""
    spread = f" ± {auroc.spread:.3f}" if auroc.spread is not None else ""
    # Of a run that failed it may not be of the last task, or not of all seeds.
    where = f" after task {auroc.task}" if status == "failed" else ""
    return f"{auroc.mean:.3f}{spread}{where}"


def _widths(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    longest = [max(map(len, column)) for column in zip(_COLUMNS, *rows, strict=True)]
    own = [min(n, _MOST.get(name, n)) for name, n in zip(_COLUMNS, longest, strict=True)]
    rest = width - sum(own[1:]) - len(_GAP) * (len(own) - 1)
    return [min(own[0], rest), *own[1:]]


def _row(cells: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    columns = [
        wrap(cell, width, subsequent_indent="  " if place == 0 else "", break_on_hyphens=False)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    for number in range(max(1, *map(len, columns))):
        parts = [own[number] if number < len(own) else "" for own in columns]
        line = _GAP.join(f"{part:<{width}}" for part, width in zip(parts, widths, strict=True))
        yield line.rstrip()


def _placed(own: Listed, width: int) -> Iterator[str]:
    """Describe a run's path and state; a path to be copied is never broken into lines."""
    word, _, digits = own.code.partition(" ")
    said = f"{own.status.name} {own.date:%Y-%m-%d %H:%M}, {word} code {digits}".rstrip()
    line = f"  {own.folder}{_GAP}{said}"
    yield from [line] if len(line) <= width else [f"  {own.folder}", f"    {said}"]


def _members(own: Listed, aurocs: Mapping[str, Headline | None], width: int) -> Iterator[str]:
    longest = min(max(map(len, own.members), default=0), 24)
    for name, folder in own.members.items():
        if folder is None:
            said = f"no results{': ' * (name in own.failures)}{own.failures.get(name, '')}"
        elif folder not in aurocs:
            said = f"{folder}, which is not there"
        else:
            said = f"{_headline(aurocs[folder], ''):<13}  {folder}"
        indent = " " * (longest + 6)
        lines = wrap(said, width - len(indent), break_on_hyphens=False) or [""]
        start = f"    {name:<{longest}}  "
        yield from [start + lines[0]] if len(start) <= len(indent) else [start, indent + lines[0]]
        yield from (indent + line for line in lines[1:])


def _explanation(aurocs: Sequence[Headline]) -> str:
    spreads = "mean ± s.d. over the seeds"
    if any(own.is_interval for own in aurocs):
        spreads += ", of several anomaly classes ± 95 % t-interval"
    scores = ", ".join(dict.fromkeys(own.score for own in aurocs))
    of = f" by {scores}" if scores else ""
    return f"AUROC: the headline AUROC{of} after the last task, {spreads}."


def _as_json(own: Listed) -> dict[str, Any]:
    auroc = own.auroc
    return {
        "folder": str(own.folder),
        "kind": own.kind,
        "status": own.status.name,
        "why": own.status.why,
        "date": own.date.isoformat(),
        "code": own.code,
        "differs": own.differs,
        "auroc": None if auroc is None else {**vars(auroc)},
        "members": own.members,
        "failures": own.failures,
        "config": own.status.config,
    }
