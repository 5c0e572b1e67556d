"""Which of the runs in a list are wanted, and in which order: `--where` and `--sort`."""

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.dataset_names import short_name
from cl_anomaly.settings.options import did_you_mean
from cl_anomaly.settings.run_config import settings_of_a_run
from cl_anomaly.settings.values import Text
from cl_anomaly.store.listing import Listed

_OF_A_LIST: dict[str, Callable[[Listed], Any]] = {
    "name": lambda own: own.folder.name,
    "kind": lambda own: own.kind,
    "status": lambda own: own.status.name,
    "code": lambda own: own.code.partition(" ")[0],
    "date": lambda own: own.date.isoformat(),
    "auroc": lambda own: own.auroc.mean if own.auroc else None,
}
"""What each stands for beside its settings."""


def where(listed: Sequence[Listed], conditions: Sequence[str]) -> list[Listed]:
    """Choose those that meet all conditions; a comparison where one of its runs does.

    Args:
        listed: to choose from.
        conditions: NAME=VALUE, with the name of a setting such as epochs or model.latent_size, or
            one of name, kind, status and code.

    Raises:
        InputError: one has another form, or names nothing that there is.
    """
    wanted = [_read(condition, listed) for condition in conditions]
    return [own for own in listed if _meets(own, wanted)]


def in_order(listed: Sequence[Listed], column: str) -> list[Listed]:
    """Put them into the order of a column: the highest AUROC first, all else from low to high.

    What has no such value stands at the end.

    Raises:
        InputError: there is no such column.
    """
    name = _known(column, "sort", listed)

    def key(own: Listed) -> tuple[bool, float, str]:
        values = [_OF_A_LIST[name](own)] if name in _OF_A_LIST else own.column(name)
        value = values[0] if len(values) == 1 else None
        if isinstance(value, int | float) and not isinstance(value, bool):
            return False, -value if name == "auroc" else value, ""
        return value is None, 0.0, str(value)

    return sorted(listed, key=key)


def _read(condition: str, listed: Sequence[Listed]) -> tuple[str, str]:
    name, equals, value = condition.partition("=")
    if not equals or not name:
        raise InputError(
            setting="where",
            expected="to be NAME=VALUE, such as strategy=gr or model.latent_size=16",
            got=repr(condition),
        )
    name = _known(name.strip(), "where", listed)
    for option in settings_of_a_run():
        if option.name == name:
            option.checked(Text(value))
    return name, value


def _known(name: str, flag: str, listed: Sequence[Listed]) -> str:
    """Find a name as settings and columns are called; a dash stands for an underscore."""
    name = name.replace("-", "_")
    name = {"class": "anomaly_class"}.get(name, name)
    of_runs = [option.name for option in settings_of_a_run()]
    there = dict.fromkeys(own for each in listed for one in each.settings for own in one)
    known = [*_OF_A_LIST, *of_runs, *there]
    if name not in known:
        like = did_you_mean(name, known)
        raise InputError(
            setting=flag,
            expected="to name a setting of a run, such as epochs or model.latent_size, or one of "
            f"{', '.join(_OF_A_LIST)}",
            got=repr(name),
            hint=like.strip(),
        )
    return name


def _meets(own: Listed, conditions: Sequence[tuple[str, str]]) -> bool:
    outside = [(name, value) for name, value in conditions if name in _OF_A_LIST]
    inside = [(name, value) for name, value in conditions if name not in _OF_A_LIST]
    return all(_is(name, _OF_A_LIST[name](own), value) for name, value in outside) and any(
        all(_is(name, settings.get(name), value) for name, value in inside)
        for settings in own.settings
    )


def _is(name: str, there: Any, wanted: str) -> bool:
    """Return whether a setting has the value that a person typed."""
    option = next((own for own in settings_of_a_run() if own.name == name), None)
    if option is not None:
        read = json.loads(json.dumps(option.checked(Text(wanted))))
        names = {str(there), short_name(str(there)), str(there).rpartition(":")[2]}
        return there == read or (name in ("strategy", "dataset") and wanted in names)
    if isinstance(there, bool) or there is None:
        return wanted == {True: "true", False: "false", None: "null"}[there]
    if isinstance(there, int | float):
        try:
            return math.isclose(float(wanted), there, rel_tol=1e-12)
        except ValueError:
            return False
    if isinstance(there, list):
        return ",".join(map(str, there)) == wanted.strip("[] ").replace(" ", "")
    return str(there) == wanted
