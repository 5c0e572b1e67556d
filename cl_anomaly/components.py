"""Strategies and models from names and options: checked by type, defaults filled in."""

import inspect
from collections.abc import Set
from typing import Any

from jsonargparse import ArgumentError, ArgumentParser

from cl_anomaly.config import RunConfig
from cl_anomaly.errors import CLAnomalyError, InputError
from cl_anomaly.models import MODELS, VAE
from cl_anomaly.strategies import Strategy, find_strategy

FRAMEWORK_ARGUMENTS = frozenset({"features", "seeds", "latent_size"})
"""Arguments of models that come from elsewhere than their options."""


def find_model(name: str) -> type[VAE]:
    """Look a model up by its name.

    Raises:
        InputError: there is none.
    """
    if name not in MODELS:
        raise InputError(f"Expected `model` to be one of {', '.join(MODELS)}, but got {name!r}.")
    return MODELS[name]


def fill_options(
    cls: type, options: dict[str, Any], skip: Set[str] = frozenset()
) -> dict[str, Any]:
    """Check options against the typed keyword arguments of a class, and add its defaults.

    Args:
        cls: a strategy or a model.
        options: by argument name.
        skip: arguments that are no options.

    Raises:
        InputError: an option is unknown or has the wrong type, or an argument has no type.
    """
    try:
        parser = ArgumentParser(exit_on_error=False)
        parser.add_class_arguments(cls, skip=set(skip))
        return parser.parse_object(options).as_dict()
    except (ArgumentError, ValueError) as error:
        known = ", ".join(describe_options(cls, skip)) or "none"
        raise InputError(f"Options of {cls.__name__} ({known}): {error}") from error


def make_strategy(name: str, options: dict[str, Any]) -> Strategy:
    """Make a strategy from its name or FILE.py:CLASS.

    Raises:
        InputError: there is none, or it does not take these options.
    """
    cls = find_strategy(name)
    options = fill_options(cls, options)
    try:
        return cls(**options)
    except CLAnomalyError:
        raise
    except Exception as error:
        raise InputError(f"{cls.__name__} does not take {options}: {error}") from error


def make_model(config: RunConfig, features: tuple[int, ...]) -> VAE:
    """Make the configured model, R replicas with the configured seeds."""
    cls = find_model(config.model)
    options = fill_options(cls, config.model_options, FRAMEWORK_ARGUMENTS)
    return cls(features, config.seed_list, config.latent_size, **options)


def describe_options(cls: type, skip: Set[str] = frozenset()) -> list[str]:
    """List a class's options as NAME=DEFAULT."""
    parameters = inspect.signature(cls).parameters.values()
    return [
        p.name if p.default is p.empty else f"{p.name}={p.default}"
        for p in parameters
        if p.name not in skip and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]


def summary(thing: object) -> str:
    """Give the first line of the docstring."""
    return (inspect.getdoc(thing) or "").partition("\n")[0]
