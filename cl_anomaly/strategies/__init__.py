"""Strategies, one file each, named like the strategy: a new file in this folder is found."""

import importlib
import inspect
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from cl_anomaly.core.errors import InputError
from cl_anomaly.settings.catalogue import (
    FAMILIES_GROUP,
    STRATEGIES_GROUP,
    check_strategy_name,
    names_of,
)
from cl_anomaly.settings.own_files import load_class, loading
from cl_anomaly.settings.python_values import FAMILY, GivenStrategy
from cl_anomaly.settings.strategy_names import family_of, file_of, within_family
from cl_anomaly.strategies.base import Strategy
from cl_anomaly.strategies.shared.hook_names import misspelt_hooks, unfit_hooks

__all__ = ["Strategy", "find_strategy", "strategies"]


def strategies() -> dict[str, type[Strategy]]:
    """List the strategies of this folder and of installed packages, by name.

    A package offers one by an entry point in the group `cl_anomaly.strategies`.

    Raises:
        InputError: an entry point cannot be loaded, or is not a strategy.
    """
    offered = {entry.name: _loaded(entry) for entry in entry_points(group=STRATEGIES_GROUP)}
    return offered | {name: _shipped(name) for name in names_of("strategy")}


def find_strategy(name: str) -> type[Strategy]:
    """Look up a strategy by its name, load it from FILE.py:CLASS, or ask FAMILY for FAMILY:NAME.

    A package offers a family by an entry point in the group `cl_anomaly.strategy_families`: a
    function that makes a subclass of Strategy from a NAME. It is loaded on demand.

    Raises:
        InputError: there is none, or the file cannot be loaded.
    """
    if isinstance(name, GivenStrategy):
        return _checked(name.given, f"`strategy` {name.given.__qualname__}")
    if family_of(name) == FAMILY:
        raise InputError(
            f"Expected a strategy that can be loaded, but {FAMILY}:CLASS is one that a program in "
            f"Python gave as a class. Run that program again, or name its file: FILE.py:CLASS."
        )
    check_strategy_name(name)
    if family := family_of(name):
        return _checked(_family(family)(within_family(name)), f"strategy {name}")
    if (file := file_of(name)) is not None:
        class_name = name.rpartition(":")[2]
        return _checked(load_class(file, class_name), f"{class_name} in {file}")
    if name in names_of("strategy"):
        return _shipped(name)
    return _loaded(entry_points(group=STRATEGIES_GROUP)[name])


def _family(name: str) -> Callable[[str], Any]:
    offered = entry_points(group=FAMILIES_GROUP)
    with loading(f"the family of strategies {name} ({offered[name].value})"):
        return offered[name].load()


def _shipped(name: str) -> type[Strategy]:
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    classes = [value for value in vars(module).values() if inspect.isclass(value)]
    return next(c for c in classes if issubclass(c, Strategy) and vars(c).get("name") == name)


def _loaded(entry: EntryPoint) -> type[Strategy]:
    with loading(f"the strategy {entry.name} ({entry.value})"):
        candidate = entry.load()
    return _checked(candidate, f"entry point {entry.value}")


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
    if candidate.kept is not Strategy.kept:
        raise InputError(
            f"Expected {where} to keep things in `self.kept`, but it has a `kept` of its own: use "
            f"another name for that."
        )
    for hook, arguments in unfit_hooks(candidate).items():
        raise InputError(
            setting=hook, expected=f"of {where} to take {arguments}", but="it does not"
        )
    return candidate
