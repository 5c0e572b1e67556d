"""Options from outside, checked against the typed keyword arguments that they are for."""

import inspect
from collections.abc import Set
from typing import Any, get_args, get_type_hints

from jsonargparse import ArgumentParser

from cl_anomaly.errors import InputError


def fill_options(
    cls: type, options: dict[str, Any], skip: Set[str] = frozenset(), untyped: bool = False
) -> dict[str, Any]:
    """Check options by type, and add the defaults of those not given.

    Args:
        cls: the class whose `__init__` takes them.
        options: by argument name.
        skip: arguments that are no options.
        untyped: whether arguments may be without a type, as in somebody else's code.

    Raises:
        InputError: an option is unknown, missing, or has the wrong type, or an argument has none.
    """
    try:
        _check_types(cls, options, skip, untyped)
        parser = ArgumentParser(exit_on_error=False, parser_mode="json")
        parser.add_class_arguments(cls, skip=set(skip), fail_untyped=not untyped)
        return parser.parse_object(options).as_dict()
    except Exception as error:  # a type that cannot be read raises what it likes
        known = ", ".join(describe_options(cls, skip)) or "none"
        raise InputError(f"{cls.__name__} takes the options: {known}. {error}") from error


def _check_types(cls: type, options: dict[str, Any], skip: Set[str], untyped: bool) -> None:
    """Refuse what the parser lets pass.

    That is an argument without a type, None for any type, and what it calls its own keys.
    """
    for name in options:
        if str(name).startswith("__"):
            raise TypeError(f"Option {name!r} is not accepted.")
    hints = get_type_hints(cls.__init__)
    for parameter in _parameters(cls, skip):
        if parameter.name not in hints:
            if untyped:
                continue
            raise TypeError(f"Its argument {parameter.name!r} has no type.")
        kind = hints[parameter.name]
        optional = kind is Any or type(None) in get_args(kind)
        if not optional and options.get(parameter.name, ...) is None:
            raise TypeError(f"Expected {parameter.name!r} to be {kind}, but got None.")


def _parameters(cls: type, skip: Set[str]) -> list[inspect.Parameter]:
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(cls).parameters.values()
    return [p for p in parameters if p.name not in skip and p.kind in kinds]


def describe_options(cls: type, skip: Set[str] = frozenset()) -> list[str]:
    """List a class's options as NAME=DEFAULT."""
    return [
        # A default that is made anew each time has no value to show.
        p.name if p.default is p.empty or str(p.default) == "<factory>" else f"{p.name}={p.default}"
        for p in _parameters(cls, skip)
    ]


def summary(thing: object) -> str:
    """Give the first line of the docstring."""
    return (inspect.getdoc(thing) or "").partition("\n")[0]
