"""Engines by name, with their options."""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from cl_anomaly.core.errors import InputError
from cl_anomaly.engines.base import Engine
from cl_anomaly.settings.options import Option, fill, options_of

# Imported when used: who asks for one of them does not wait for what another needs.
_ENGINES = {"local": "LocalEngine", "ray": "RayEngine", "slurm": "SlurmEngine"}
_LIBRARIES = {"ray": "ray", "slurm": "submitit"}
# A flag of its own, whatever the engine.
_WORKERS = frozenset({"workers"})


def engine_options(name: str) -> tuple[Option, ...]:
    """Return the options of an engine, but for how many runs go at a time."""
    return options_of(_class_of(name), _WORKERS)


def _class_of(name: str) -> type[Any]:
    return getattr(import_module(f"cl_anomaly.engines.{name}"), _ENGINES[name])


def find_engine(name: str, options: Mapping[str, Any], workers: int | None = None) -> Engine:
    """Make the engine of that name.

    Args:
        name: local, ray or slurm.
        options: its own.
        workers: how many runs go at a time. Default: as many as there is room for.

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
