"""Strategies and models, made from their names and options."""

from collections.abc import Sequence
from typing import Any

from cl_anomaly.config import RunConfig
from cl_anomaly.errors import CLAnomalyError, InputError
from cl_anomaly.models import MODELS, VAE
from cl_anomaly.options import fill_options
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


def make_model(config: RunConfig, features: tuple[int, ...], seeds: Sequence[int]) -> VAE:
    """Make the configured model: R replicas of it, one for each seed."""
    cls = find_model(config.model)
    options = fill_options(cls, config.model_options, FRAMEWORK_ARGUMENTS)
    return cls(features, seeds, config.latent_size, **options)
