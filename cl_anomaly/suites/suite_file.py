"""Suites in TOML: read, and checked before anything is loaded that trains."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cl_anomaly.core.errors import InputError
from cl_anomaly.settings.field_types import is_text
from cl_anomaly.settings.options import did_you_mean
from cl_anomaly.settings.run_config import RunConfig, checked_settings
from cl_anomaly.suites.suite import Suite, Tuning

_TABLES = ("runs", "each", "tune")
# Of the training set, while options are chosen.
_HELD_OUT = 0.2


def read_suite_file(path: Path) -> Suite:
    """Read a suite from TOML, or from the `config.json` of a comparison.

    At the top stand `title`, settings that all runs share, and `pairs` of runs that are tested
    whoever has the highest AUROC; under `[runs.NAME]` those of one run;
    under `[each]` lists of values of which every run takes each; under `[tune]` what differs while
    options are chosen, and under `[tune.grid.NAME]` the values of a run's options to choose from.
    They are chosen on `held_out` of the training set, 0.2 unless `[tune]` says otherwise.

    Raises:
        InputError: the file is missing, is neither, names no runs, or an unknown setting.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"Expected {path} to be a suite, a TOML file, but: {error}.") from error
    content = content if isinstance(content, dict) else {}
    runs, each, tune = (content.pop(name, None) for name in _TABLES)
    title, pairs = content.pop("title", ""), content.pop("pairs", [])
    if not _are_tables(runs) or not runs:
        raise InputError(f"Expected {path} to name its runs in tables such as [runs.gr].")
    for name in runs:
        if not is_text(name):
            raise InputError(f"Expected the runs of {path} to have names, but got {name!r}.")
    if not isinstance(title, str):
        raise InputError(setting="title", expected=f"of {path} to be a sentence", got=repr(title))
    try:
        checked_settings(content)
        each = _read_each({} if each is None else each, content, runs)
        tuning = None if tune is None else _read_tuning(tune, runs)
        pairs = _read_pairs(pairs, runs)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return Suite(content, runs, path, title, each, tuning, pairs)


def _are_tables(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(own, dict) for own in value.values())


def _read_each(
    each: Any, shared: Mapping[str, Any], runs: Mapping[str, Mapping[str, Any]]
) -> dict[str, list[Any]]:
    if not isinstance(each, dict):
        raise InputError(f"Expected [each] to be a table of lists, but got {each!r}.")
    for name, values in each.items():
        if not isinstance(values, list) or not values:
            raise InputError(
                setting=name, expected="under [each] to be a list of values", got=repr(values)
            )
        for value in values:
            checked_settings({name: value})
        elsewhere = [run for run, own in runs.items() if name in own]
        if name in shared or elsewhere:
            where = f"[runs.{elsewhere[0]}]" if elsewhere else "the top"
            raise InputError(
                setting=name, expected="in one place", but=f"it stands at {where} and under [each]"
            )
    return each


def _read_pairs(pairs: Any, runs: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    if not isinstance(pairs, list):
        raise InputError(f"{_PAIRS_EXPECTED}, but got {pairs!r}.")
    for pair in pairs:
        if not isinstance(pair, list) or len(pair) != 2 or not all(map(is_text, pair)):
            raise InputError(f"{_PAIRS_EXPECTED}, but one of them is {pair!r}.")
        for run in pair:
            if run not in runs:
                raise InputError(
                    f"Expected `pairs` to name runs, {', '.join(runs)}, but got {run!r}."
                    f"{did_you_mean(run, list(runs), quote=chr(39))}"
                )
    found = [frozenset(pair) for pair in pairs]
    for pair, own in zip(pairs, found, strict=True):
        if len(own) == 1 or found.count(own) > 1:
            raise InputError(
                setting="pairs", expected="of two different runs, each pair once", got=repr(pair)
            )
    return tuple((one, other) for one, other in pairs)


_PAIRS_EXPECTED = 'Expected `pairs` to be a list of pairs of runs, such as [["gr", "lower"]]'


def _read_tuning(tune: Any, runs: Mapping[str, Mapping[str, Any]]) -> Tuning:
    if not isinstance(tune, dict):
        raise InputError(f"Expected [tune] to be a table, but got {tune!r}.")
    settings = dict(tune)
    grid = settings.pop("grid", None)
    if not checked_settings(settings).setdefault("held_out", _HELD_OUT):
        raise InputError(
            setting="held_out",
            expected="under [tune] above 0, because options are chosen on a held-out "
            "part of the training set",
            got="0",
        )
    if not _are_tables(grid) or not grid:
        raise InputError(
            "Expected [tune] to have a grid for one run or more, such as [tune.grid.ewc] with "
            "lam = [10.0, 100.0]."
        )
    for run, options in grid.items():
        if run not in runs:
            raise InputError(f"Expected [tune.grid.{run}] to be of a run, {', '.join(runs)}.")
        for option, values in options.items():
            if not isinstance(values, list) or not values:
                raise InputError(
                    setting=option, expected=f"of [tune.grid.{run}] to be a list", got=repr(values)
                )
            if option in runs[run].get("strategy_options", {}):
                raise InputError(
                    setting=option,
                    expected=f"of run {run!r} either fixed or in [tune.grid.{run}]",
                    got="both",
                )
    for run, own in runs.items():
        if run in grid:
            RunConfig(**checked_settings(own))
    return Tuning({"held_out": _HELD_OUT} | settings, grid)
