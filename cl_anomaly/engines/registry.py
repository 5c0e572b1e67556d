"""Engines by name, with their options."""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from cl_anomaly.core.errors import InputError
from cl_anomaly.engines.base import Engine
from cl_anomaly.settings.options import Option, fill, options_of

# Imported when used: no engine waits for the libraries of another.
_ENGINES = {"local": "LocalEngine", "ray": "RayEngine", "slurm": "SlurmEngine"}
_LIBRARIES = {"ray": "ray", "slurm": "submitit"}
# It has its own flag for all engines.
_WORKERS = frozenset({"workers"})


def engine_options(name: str) -> tuple[Option, ...]:
    """Return the options of an engine, without `workers`."""
    return options_of(_class_of(name), _WORKERS)


def _class_of(name: str) -> type[Any]:
    return getattr(import_module(f"cl_anomaly.engines.{name}"), _ENGINES[name])


def find_engine(name: str, options: Mapping[str, Any], workers: int | None = None) -> Engine:
    """Return the engine of that name.

    Args:
        name: local, ray or slurm.
        workers: runs at a time. Default: as many as there is room for.

    Raises:
        InputError: it has no such option, or its library is not installed.
    """
    filled = fill(engine_options(name), options, f"the engine {name}")
    library = _LIBRARIES.get(name)
    if library is not None and find_spec(library) is None:
        raise InputError(
            setting="engine",
            expected=f"the package {library} for {{}} {name}",
            but="it is not installed",
            hint=f"`pip install 'cl-anomaly[{name}]'` installs it; `--engine local` needs nothing.",
        )
    return _class_of(name)(workers=workers, **filled)
