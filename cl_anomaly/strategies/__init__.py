"""Strategies, one file each: a new file in this folder is found without being named anywhere."""

import importlib
import inspect
import pkgutil
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from cl_anomaly.errors import InputError
from cl_anomaly.own_files import load_class, loading
from cl_anomaly.strategies.base import Strategy, misspelt_hooks
from cl_anomaly.strategy_names import AVALANCHE_PREFIX, file_of

__all__ = ["Strategy", "find_strategy", "strategies"]

_GROUP = "cl_anomaly.strategies"


def strategies() -> dict[str, type[Strategy]]:
    """List the strategies of this folder and of installed packages, by name.

    A package offers one by an entry point in the group `cl_anomaly.strategies`.

    Raises:
        InputError: an entry point cannot be loaded, or is not a strategy.
    """
    offered = {entry.name: _loaded(entry) for entry in entry_points(group=_GROUP)}
    return offered | _own_strategies()


def find_strategy(name: str) -> type[Strategy]:
    """Look a strategy up by its name, or load it from FILE.py:CLASS or avalanche:NAME.

    Raises:
        InputError: there is none, or the file cannot be loaded.
    """
    if name.startswith(AVALANCHE_PREFIX):
        # Which takes seconds to import.
        from cl_anomaly.avalanche.strategy import avalanche_strategy

        return avalanche_strategy(name)
    if (file := file_of(name)) is not None:
        class_name = name.rpartition(":")[2]
        return _checked(load_class(file, class_name), f"{class_name} in {file}")
    own, offered = _own_strategies(), entry_points(group=_GROUP)
    if name in own:
        return own[name]
    if name in offered.names:
        return _loaded(offered[name])
    if name.endswith(".py"):
        raise InputError(f"Expected `strategy` to name a class in its file, {name}:CLASS.")
    raise InputError(
        f"Expected `strategy` to be one of {', '.join(sorted({*own, *offered.names}))}, or "
        f"FILE.py:CLASS, or avalanche:NAME, but got {name!r}."
    )


def _own_strategies() -> dict[str, type[Strategy]]:
    modules = [
        importlib.import_module(f"{__name__}.{m.name}") for m in pkgutil.iter_modules(__path__)
    ]
    return {cls.name: cls for module in modules for cls in _defined_in(module)}


def _loaded(entry: EntryPoint) -> type[Strategy]:
    with loading(f"the strategy {entry.name} ({entry.value})"):
        candidate = entry.load()
    return _checked(candidate, f"entry point {entry.value}")


def _defined_in(module: Any) -> list[type[Strategy]]:
    members = inspect.getmembers(module, inspect.isclass)
    return [
        cls
        for _, cls in members
        if issubclass(cls, Strategy) and cls is not Strategy and cls.__module__ == module.__name__
    ]


def _checked(candidate: Any, where: str) -> type[Strategy]:
    if not (inspect.isclass(candidate) and issubclass(candidate, Strategy)):
        raise InputError(
            f"Expected {where} to be a subclass of cl_anomaly.strategies.Strategy, but got "
            f"{candidate!r}."
        )
    for name, hook in misspelt_hooks(candidate).items():
        raise InputError(
            f"Expected {where} to have hooks of a strategy, but `{name}` is none, and would never "
            f"be called. Is it `{hook}`? Begin the name of a method of its own with _."
        )
    return candidate
