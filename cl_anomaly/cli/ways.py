"""How a command is carried out: where, followed by which trackers, and where its results go."""

from typing import Any

from cl_anomaly.cli.command_table import OF_ENGINE, OF_RESULTS
from cl_anomaly.cli.flags import Given
from cl_anomaly.core.errors import InputError
from cl_anomaly.engines.base import Engine
from cl_anomaly.engines.registry import find_engine
from cl_anomaly.listeners.trackers import check_trackers


def parted(given: Given) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part a command's settings from how it is carried out, whose defaults are filled in."""
    how = {option.name: given.values.get(option.name, option.default) for option in OF_RESULTS}
    of_engine = {option.name for option in OF_ENGINE} | {"workers"}
    how["track"], how["engine"] = trackers_of(how["track"]), _engine(given)
    settings = given.values.keys() - how.keys() - of_engine
    return {name: value for name, value in given.values.items() if name in settings}, how


def _engine(given: Given) -> Engine:
    """Make the engine that was asked for, before anything is loaded or run."""
    values, options = given.values, dict(given.dotted.get("engine", {}))
    name = values.get("engine", "local")
    if "address" in values:
        if name != "ray":
            raise InputError(f"Expected `address` with the engine ray, but the engine is {name}.")
        options["address"] = values["address"]
    return find_engine(name, options, values.get("workers"))


def trackers_of(given: str | None) -> tuple[str, ...]:
    """Read the names of trackers, which there have to be."""
    names = [name.strip() for name in (given or "").split(",")]
    return check_trackers([name for name in names if name])
