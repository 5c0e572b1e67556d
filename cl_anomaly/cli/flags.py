"""Flags that several commands share, by their groups in `--help`."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from cl_anomaly.cli.command import Given
from cl_anomaly.cli.parameters import Flag, flag
from cl_anomaly.core.errors import InputError
from cl_anomaly.data.dataset_names import CLASSES
from cl_anomaly.engines.base import Engine
from cl_anomaly.engines.registry import engine_options, find_engine
from cl_anomaly.listeners.trackers import check_trackers
from cl_anomaly.settings.catalogue import (
    check_strategy_name,
    model_options_of,
    names_of,
    options_by_name,
)
from cl_anomaly.settings.field_types import SCORE_NAMES, Count, Name, is_text
from cl_anomaly.settings.options import Option
from cl_anomaly.settings.run_config import RunConfig, settings_of_a_run
from cl_anomaly.settings.values import Form

_DATA, _STREAM, _TRAINING = "Data", "Stream", "Training"
_RESULTS, _WHERE = "Results", "Where it runs"
_GROUPS = {
    _DATA: "dataset data_root image_size label_column split_column held_out frozen_features",
    _STREAM: "scenario concepts cluster_scaling cluster_anomalies blur stream portion "
    "normal_class anomaly_class task_order classes_per_task",
    _TRAINING: "strategy model calibration epochs steps batch_size learning_rate class_weights "
    "score seeds",
}
_OF_DEVICES = ("device", "precision")
_NAMES: dict[str, Callable[[], Iterable[str]]] = {
    "strategy": lambda: names_of("strategy"),
    "model": lambda: names_of("model"),
    "dataset": lambda: CLASSES,
    "score": lambda: SCORE_NAMES,
}


def _parse_path(value: Any) -> Path:
    if not is_text(str(value)):
        raise ValueError
    return Path(value)


Place = Annotated[Path, Form("a path", _parse_path)]
TRACK = flag(
    "track",
    Name,
    None,
    "trackers that follow each run, separated by commas: tensorboard, mlflow, trackio, or a "
    "tracker of an installed package",
    _RESULTS,
)
QUIET = flag("quiet", bool, False, "print only the folder, and no progress", _RESULTS)
TRUST = flag(
    "trust", bool, False, "run the strategy file that a configuration names, unchecked", _RESULTS
)
OUT = Option("out", Place, Path("results"), "folder for the results")
RESULTS = (
    Flag(OUT, _RESULTS),
    flag(
        "name", str, None, "name of the new folder. Default: made from the configuration", _RESULTS
    ),
    flag("again", bool, False, "repeat finished runs, in new folders", _RESULTS),
    flag("no_report", bool, False, "write no page at the end", _RESULTS),
    TRACK,
    QUIET,
    TRUST,
)
"""Flags for performing a run or a comparison."""

WORKERS = flag(
    "workers", Count, None, "runs at a time. Default: one per core, or the engine's limit", _WHERE
)
WHERE = (
    *(Flag(option, _WHERE) for option in settings_of_a_run() if option.name in _OF_DEVICES),
    flag(
        "engine",
        Literal["local", "ray", "slurm"],
        "local",
        "where to perform runs; engine options are --engine.NAME VALUE",
        _WHERE,
    ),
    flag(
        "address",
        str,
        None,
        "address of a Ray cluster: auto, or HOST:PORT. Default: --engine ray starts one on "
        "this machine",
        _WHERE,
    ),
)
"""Flags for choosing where runs are performed."""


def settings(without: Sequence[str] = (), seeds: int | None = None) -> list[Flag]:
    """List the flags for a run's settings; `WHERE` has those for where it is performed.

    Args:
        without: settings that the command has no flag for.
        seeds: the command's default. None: a run's default.
    """
    known = {option.name: option for option in settings_of_a_run()}
    if seeds is not None:
        known["seeds"] = replace(known["seeds"], default=seeds)
    return [
        Flag(known[name], group, complete=_NAMES.get(name))
        for group, names in _GROUPS.items()
        for name in names.split()
        if name not in without
    ]


def split(given: Given) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split a command's flags into a run's settings and the rest, with its defaults filled in."""
    how = {flag.option.name: flag.option.default for flag in RESULTS}
    how |= {name: value for name, value in given.values.items() if name in how}
    how["track"], how["engine"] = trackers_of(how["track"]), _engine(given)
    names = given.values.keys() - how.keys() - {"workers", "address"}
    return {name: value for name, value in given.values.items() if name in names}, how


def _engine(given: Given) -> Engine:
    """Make the requested engine, before anything is loaded or run."""
    values, options = given.values, dict(given.dotted.get("engine", {}))
    name = values.get("engine", "local")
    if "address" in values:
        if name != "ray":
            raise InputError(
                setting="address", expected="with the engine ray", but=f"the engine is {name}"
            )
        options["address"] = values["address"]
    return find_engine(name, options, values.get("workers"))


def trackers_of(given: str | None) -> tuple[str, ...]:
    """Read and check the names of trackers."""
    return check_trackers(names_in(given))


def names_in(given: str | None) -> list[str]:
    """Read names separated by commas."""
    return [name.strip() for name in (given or "").split(",") if name.strip()]


def _strategy_options(name: str | None) -> tuple[str, Sequence[Option]]:
    name = name or RunConfig.strategy
    check_strategy_name(name)
    if name in names_of("strategy"):
        return name, options_by_name("strategy", name)
    from cl_anomaly.plan.classes import strategy_options_of
    from cl_anomaly.strategies import find_strategy

    return name, strategy_options_of(find_strategy(name))


def _model_options(name: str | None) -> tuple[str, Sequence[Option]]:
    name = name or RunConfig.model
    return name, model_options_of(name)


def _engine_options(name: str | None) -> tuple[str, Sequence[Option]]:
    name = name or "local"
    return name, engine_options(name)


OPTIONS_OF = {"strategy": _strategy_options, "model": _model_options, "engine": _engine_options}
"""By owner, returns the name, or the default one, and the options of what it names."""
