"""Values that Python gives where a file or the command line gives text: made plain, for JSON."""

import inspect
import os
import sys
import textwrap
from types import ModuleType
from typing import Any

from cl_anomaly.core.errors import InputError

FAMILY = "python"
"""Of strategies and models that were given as a class: no other process can find them by name."""

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class GivenClass(str):
    """The name of what was given as a class: `python:CLASS`.

    Attributes:
        given: the class.
        source: of its module; of the class alone where that is a script or a notebook, and empty
            where Python has kept none.
    """

    given: type
    source: str

    @property
    def module(self) -> ModuleType:
        """Where the class is defined."""
        return sys.modules[self.given.__module__]


class GivenStrategy(GivenClass):
    """The name of a strategy that was given as a class."""


class GivenModel(GivenClass):
    """The name of a model that was given as a class."""


def plain_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Turn paths into text, NumPy's numbers and arrays into Python's, and classes into names.

    Args:
        settings: some of a run's, by name.

    Raises:
        InputError: a strategy with options was given twice over, or does not say which it has.
    """
    plain = {name: _plain(value) for name, value in settings.items()}
    strategy, model = settings.get("strategy"), settings.get("model")
    if inspect.isclass(strategy):
        plain["strategy"] = _named(strategy, GivenStrategy)
    elif hasattr(strategy, "training_indices"):  # an object of a strategy
        if plain.get("strategy_options"):
            raise InputError(
                setting="strategy_options",
                expected="with a strategy's class or name",
                got=f"them with the object {strategy!r}, which has its own",
            )
        plain |= {
            "strategy": _named(type(strategy), GivenStrategy),
            "strategy_options": _options_of(strategy),
        }
    if inspect.isclass(model):
        plain["model"] = _named(model, GivenModel)
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    # Of NumPy's numbers and arrays, without importing it.
    is_numpy = type(value).__module__.partition(".")[0] == "numpy"
    return value.tolist() if is_numpy else value


def _named(cls: type, kind: type[GivenClass]) -> str:
    room = "strategies" if kind is GivenStrategy else "models"
    if cls.__module__.startswith(f"cl_anomaly.{room}.") and hasattr(cls, "name"):
        return str(vars(cls).get("name", cls.__name__))
    name = kind(f"{FAMILY}:{cls.__qualname__.replace('<locals>.', '')}")
    name.given, name.source = cls, _source_of(cls)
    return name


def _source_of(cls: type) -> str:
    module = sys.modules.get(cls.__module__)
    whole = cls.__module__ != "__main__" and module is not None
    try:
        return textwrap.dedent(inspect.getsource(module if whole and module else cls))
    except (OSError, TypeError):  # as typed in at the prompt
        return ""


def _options_of(strategy: Any) -> dict[str, Any]:
    """Return the options that an object was made with, which it keeps under their names."""
    signature = inspect.signature(type(strategy))
    options = [p.name for p in signature.parameters.values() if p.kind in _NAMED]
    for name in options:
        if not hasattr(strategy, name):
            raise InputError(
                f"Expected {type(strategy).__name__} to keep its option `{name}` as an attribute "
                f"of that name. Give the class, and its options as `strategy_options`."
            )
    return {name: _plain(getattr(strategy, name)) for name in options}
