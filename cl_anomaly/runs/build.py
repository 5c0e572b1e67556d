"""Strategies and models, made from their names and options."""

import os
from collections.abc import Sequence
from typing import Any

from cl_anomaly.code.strategy_names import with_absolute_file
from cl_anomaly.config import ResolvedConfig, RunConfig
from cl_anomaly.data.datasets import choose_dataset, find_dataset
from cl_anomaly.errors import CLAnomalyError, InputError
from cl_anomaly.evaluation.scores import CHEAP_SCORES, SCORES
from cl_anomaly.machine import choose_device, choose_precision, precision_name
from cl_anomaly.models import MODELS, Model
from cl_anomaly.models.base import check_abilities
from cl_anomaly.options import fill_options
from cl_anomaly.strategies import Strategy, find_strategy

FRAMEWORK_ARGUMENTS = frozenset({"features", "seeds", "latent_size"})
"""Arguments of models that come from elsewhere than their options."""


def resolve(config: RunConfig) -> ResolvedConfig:
    """Fill in every default that is open, whatever it depends on, and make paths absolute.

    Raises:
        InputError: there is no such dataset, model or strategy, or it has no such option.
    """
    if isinstance(config, ResolvedConfig):
        return config
    strategy = make_strategy(config.strategy, config.strategy_options)
    model = find_model(config.model)
    check_abilities(model, strategy.needs, f"the strategy {strategy.name}")
    check_abilities(model, SCORES[config.score].needs, f"the score {config.score}")
    name, note = (config.dataset, None) if config.dataset else choose_dataset(config.data_root)
    spec = find_dataset(name)
    device = choose_device(config.device)
    precision = choose_precision(config.precision, device)
    filled = {
        "strategy": with_absolute_file(config.strategy),
        "dataset": os.path.abspath(name) if name.endswith(".npz") else name,
        "dataset_note": note,
        "device": device.type,
        "precision": precision_name(precision),
        "epochs": config.epochs or spec.epochs,
        "batch_size": config.batch_size or spec.batch_size,
        "strategy_options": fill_strategy_options(type(strategy), config.strategy_options),
        "model_options": fill_options(model, config.model_options, FRAMEWORK_ARGUMENTS),
    }
    return ResolvedConfig(**config.to_dict() | filled)


def find_model(name: str) -> type[Model]:
    """Look a model up by its name.

    Raises:
        InputError: there is none.
    """
    if name not in MODELS:
        raise InputError(f"Expected `model` to be one of {', '.join(MODELS)}, but got {name!r}.")
    return MODELS[name]


def recorded_scores(config: RunConfig) -> list[str]:
    """Name the scores that a run records: its own, and the cheap ones that its model allows."""
    abilities = find_model(config.model).abilities
    cheap = [name for name in CHEAP_SCORES if SCORES[name].needs <= abilities]
    return list(dict.fromkeys([*cheap, config.score]))


def make_strategy(name: str, options: dict[str, Any]) -> Strategy:
    """Make a strategy from its name or FILE.py:CLASS.

    Raises:
        InputError: there is none, or it does not take these options.
    """
    cls = find_strategy(name)
    options = fill_strategy_options(cls, options)
    try:
        return cls(**options)
    except (CLAnomalyError, KeyboardInterrupt):
        raise
    except BaseException as error:  # SystemExit, too
        raise InputError(
            f"{cls.__name__} does not take {options}: {type(error).__name__}: {error}"
        ) from error


def fill_strategy_options(cls: type[Strategy], options: dict[str, Any]) -> dict[str, Any]:
    """Check a strategy's options, and add the defaults of those not given, see `fill_options`."""
    own, skip = cls.options_class()
    return fill_options(own, options, skip, untyped=own is not cls)


def make_model(config: RunConfig, features: tuple[int, ...], seeds: Sequence[int]) -> Model:
    """Make the configured model: R replicas of it, one for each seed."""
    cls = find_model(config.model)
    options = fill_options(cls, config.model_options, FRAMEWORK_ARGUMENTS)
    make: Any = cls
    return make(features, seeds, latent_size=config.latent_size, **options)
