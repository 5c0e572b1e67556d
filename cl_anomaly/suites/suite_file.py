"""Suites in TOML: read, and checked before anything is loaded that trains."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cl_anomaly.core.errors import InputError
from cl_anomaly.settings.field_types import Name
from cl_anomaly.settings.options import did_you_mean, shown
from cl_anomaly.settings.run_config import RunConfig, checked_settings
from cl_anomaly.suites.suite import Suite, Tuning

# Of the training set, while options are chosen.
_HELD_OUT = 0.2
_Values = Annotated[list[Any], Field(min_length=1)]
_Pair = Annotated[list[Name], Field(min_length=2, max_length=2)]
_EXPECTED = {
    "title": "to be a sentence",
    "runs": "to hold a table for each run, such as [runs.gr]",
    "each": "to hold lists of values, such as seeds = [3, 7]",
    "tune": "to have a grid for one run or more, such as [tune.grid.ewc] with lam = [10.0, 100.0]",
    "pairs": 'to be a list of pairs of runs, such as [["gr", "lower"]]',
}


class _Tune(BaseModel):
    """The table `[tune]`; what it holds beside the grid are settings."""

    model_config = ConfigDict(strict=True, extra="allow")
    grid: Annotated[dict[str, dict[str, _Values]], Field(min_length=1)]


class _File(BaseModel):
    """The tables of a suite's file; other top-level keys are settings."""

    model_config = ConfigDict(strict=True, extra="allow")
    runs: Annotated[dict[Name, dict[str, Any]], Field(min_length=1)]
    title: str = ""
    each: dict[str, _Values] = {}
    tune: _Tune | None = None
    pairs: list[_Pair] = []


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
    try:
        return _suite_of(content if isinstance(content, dict) else {}, path)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _suite_of(content: Mapping[str, Any], path: Path) -> Suite:
    try:
        file = _File.model_validate(content)
    except ValidationError as error:
        raise _explained(error) from None
    shared = file.model_extra or {}
    checked_settings(shared)
    _check_each(file.each, shared, file.runs)
    _check_pairs(file.pairs, file.runs)
    tuning = None if file.tune is None else _tuning(file.tune, file.runs)
    pairs = tuple((one, other) for one, other in file.pairs)
    return Suite(shared, file.runs, path, file.title, file.each, tuning, pairs)


def _explained(error: ValidationError) -> InputError:
    """Turn pydantic's first error into ours: what the table or value should be, and what it is."""
    first = error.errors(include_url=False, include_context=False)[0]
    top = str(first["loc"][0])
    place = ".".join(str(part) for part in first["loc"] if part != "[key]")
    is_there = first["type"] != "missing"
    but = f"`{place}` is {shown(first['input']) if is_there else 'missing'}"
    return InputError(setting=top, expected=_EXPECTED[top], but=but)


def _check_each(
    each: Mapping[str, list[Any]],
    shared: Mapping[str, Any],
    runs: Mapping[str, Mapping[str, Any]],
) -> None:
    for name, values in each.items():
        for value in values:
            checked_settings({name: value})
        elsewhere = [run for run, own in runs.items() if name in own]
        if name in shared or elsewhere:
            where = f"[runs.{elsewhere[0]}]" if elsewhere else "the top"
            but = f"it stands at {where} and under [each]"
            raise InputError(setting=name, expected="in one place", but=but)


def _check_pairs(pairs: list[list[str]], runs: Mapping[str, Any]) -> None:
    for name in (name for pair in pairs for name in pair if name not in runs):
        raise InputError(
            setting="pairs",
            expected=f"to name runs, {', '.join(runs)}",
            got=repr(name),
            hint=did_you_mean(name, runs, quote="'").strip(),
        )
    members = [frozenset(pair) for pair in pairs]
    for pair, both in zip(pairs, members, strict=True):
        if len(both) == 1 or members.count(both) > 1:
            expected = "of two different runs, each pair once"
            raise InputError(setting="pairs", expected=expected, got=repr(pair))


def _tuning(tune: _Tune, runs: Mapping[str, Mapping[str, Any]]) -> Tuning:
    settings = {"held_out": _HELD_OUT} | (tune.model_extra or {})
    if not checked_settings(settings)["held_out"]:
        raise InputError(
            setting="held_out",
            expected="under [tune] above 0, because options are chosen on a held-out part of the "
            "training set",
            got="0",
        )
    for run, options in tune.grid.items():
        if run not in runs:
            raise InputError(f"Expected [tune.grid.{run}] to be of a run, {', '.join(runs)}.")
        own = checked_settings(runs[run])
        if fixed := options.keys() & own.get("strategy_options", {}):
            expected = f"of run {run!r} either fixed or in [tune.grid.{run}]"
            raise InputError(setting=min(fixed), expected=expected, got="both")
        RunConfig(**own)
    return Tuning(settings, tune.grid)
