"""Strategies, one file each: a new file in this folder is found without being named anywhere."""

import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from cl_anomaly.errors import InputError
from cl_anomaly.strategies.base import Strategy, misspelt_hooks

__all__ = ["Strategy", "find_strategy", "strategies"]

_GROUP = "cl_anomaly.strategies"
_AVALANCHE = "avalanche:"


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
    if name.startswith(_AVALANCHE):
        # Which takes seconds to import.
        from cl_anomaly.avalanche.strategy import avalanche_strategy

        return avalanche_strategy(name)
    if ":" in name:
        file, _, class_name = name.rpartition(":")
        return _from_file(Path(file), class_name)
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


def strategy_file(name: str) -> Path | None:
    """Say which file a strategy comes from, where it is the user's own."""
    if name.startswith(_AVALANCHE):
        path = name.removeprefix(_AVALANCHE)
        module = sys.modules.get(path.rpartition(".")[0])
        own = module is not None and not path.startswith("avalanche.")
        return Path(module.__file__) if own and module and module.__file__ else None
    file = name.rpartition(":")[0]
    return Path(file) if file else None


def _own_strategies() -> dict[str, type[Strategy]]:
    modules = [
        importlib.import_module(f"{__name__}.{m.name}") for m in pkgutil.iter_modules(__path__)
    ]
    return {cls.name: cls for module in modules for cls in _defined_in(module)}


def _loaded(entry: EntryPoint) -> type[Strategy]:
    with _loading(f"the strategy {entry.name} ({entry.value})"):
        candidate = entry.load()
    return _checked(candidate, f"entry point {entry.value}")


@contextmanager
def _loading(what: str) -> Iterator[None]:
    """Name the code that could not be loaded, whatever it raised."""
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit, too
        raise InputError(f"Could not load {what}: {type(error).__name__}: {error}") from error


def _from_file(path: Path, class_name: str) -> type[Strategy]:
    try:
        path.read_bytes()
    except (OSError, ValueError) as error:
        raise InputError(
            f"Expected a Python file with the strategy {class_name}, but {path} is none: {error}."
        ) from error
    module_name = f"cl_anomaly_user_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"Expected {path} to be a Python file: its name should end in .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    with _loading(str(path)):
        path.read_text(encoding="utf-8")  # which a run keeps; Python reads other encodings, too
        spec.loader.exec_module(module)
    if not hasattr(module, class_name):
        names = ", ".join(cls.__name__ for cls in _defined_in(module)) or "none"
        raise InputError(
            f"Expected a class {class_name} in {path}, but its strategies are: {names}."
        )
    return _checked(getattr(module, class_name), f"{class_name} in {path}")


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
