"""Filter and sort a list of runs: `--where` and `--sort`."""

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.dataset_names import short_name
from cl_anomaly.settings.options import did_you_mean
from cl_anomaly.settings.run_config import settings_of_a_run
from cl_anomaly.settings.values import Text
from cl_anomaly.store.listing import Entry

_COLUMNS: dict[str, Callable[[Entry], Any]] = {
    "name": lambda entry: entry.folder.name,
    "kind": lambda entry: entry.kind,
    "status": lambda entry: entry.status.name,
    "code": lambda entry: entry.code.partition(" ")[0],
    "date": lambda entry: entry.date.isoformat(),
    "auroc": lambda entry: entry.auroc.mean if entry.auroc else None,
}
"""Columns beside the settings."""


def where(entries: Sequence[Entry], conditions: Sequence[str]) -> list[Entry]:
    """Choose the entries that meet all conditions; one run of a comparison is enough.

    Args:
        entries: to choose from.
        conditions: NAME=VALUE, with a setting such as epochs or model.latent_size, or a column.

    Raises:
        InputError: a condition has another form, or an unknown name.
    """
    parts = [_parsed(condition, entries) for condition in conditions]
    return [entry for entry in entries if _meets(entry, parts)]


def in_order(entries: Sequence[Entry], column: str) -> list[Entry]:
    """Sort by a column: the highest AUROC first, all else ascending, missing values last.

    Raises:
        InputError: there is no such column.
    """
    name = _known(column, "sort", entries)

    def key(entry: Entry) -> tuple[bool, float, str]:
        values = [_COLUMNS[name](entry)] if name in _COLUMNS else entry.column(name)
        value = values[0] if len(values) == 1 else None
        if isinstance(value, int | float) and not isinstance(value, bool):
            return False, -value if name == "auroc" else value, ""
        return value is None, 0.0, str(value)

    return sorted(entries, key=key)


def _parsed(condition: str, entries: Sequence[Entry]) -> tuple[str, str]:
    name, equals, value = condition.partition("=")
    if not equals or not name:
        raise InputError(
            setting="where",
            expected="to be NAME=VALUE, such as strategy=gr or model.latent_size=16",
            got=repr(condition),
        )
    name = _known(name.strip(), "where", entries)
    for option in settings_of_a_run():
        if option.name == name:
            option.checked(Text(value))
    return name, value


def _known(name: str, flag: str, entries: Sequence[Entry]) -> str:
    """Return the name of a setting or a column; a dash stands for an underscore."""
    name = name.replace("-", "_")
    name = {"class": "anomaly_class"}.get(name, name)
    of_runs = [option.name for option in settings_of_a_run()]
    recorded = dict.fromkeys(n for entry in entries for run in entry.settings for n in run)
    known = [*_COLUMNS, *of_runs, *recorded]
    if name not in known:
        raise InputError(
            setting=flag,
            expected="to name a setting of a run, such as epochs or model.latent_size, or one of "
            f"{', '.join(_COLUMNS)}",
            got=repr(name),
            hint=did_you_mean(name, known).strip(),
        )
    return name


def _meets(entry: Entry, conditions: Sequence[tuple[str, str]]) -> bool:
    outside = [(name, text) for name, text in conditions if name in _COLUMNS]
    inside = [(name, text) for name, text in conditions if name not in _COLUMNS]
    return all(_is(name, _COLUMNS[name](entry), text) for name, text in outside) and any(
        all(_is(name, settings.get(name), text) for name, text in inside)
        for settings in entry.settings
    )


def _is(name: str, value: Any, text: str) -> bool:
    """Return whether a value is what a person typed."""
    option = next((option for option in settings_of_a_run() if option.name == name), None)
    if option is not None:
        typed = json.loads(json.dumps(option.checked(Text(text))))
        names = {str(value), short_name(str(value)), str(value).rpartition(":")[2]}
        return value == typed or (name in ("strategy", "dataset") and text in names)
    if isinstance(value, bool) or value is None:
        return text == {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, int | float):
        try:
            return math.isclose(float(text), value, rel_tol=1e-12)
        except ValueError:
            return False
    if isinstance(value, list):
        return ",".join(map(str, value)) == text.strip("[] ").replace(" ", "")
    return str(value) == text
