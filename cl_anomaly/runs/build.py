"""Strategies and models, made from their names and options."""

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from cl_anomaly.code.catalogue import OF_THE_RUN, check_listed
from cl_anomaly.code.strategy_names import with_absolute_file
from cl_anomaly.config import ResolvedConfig, RunConfig
from cl_anomaly.data.datasets import Dataset, choose_dataset, find_dataset
from cl_anomaly.errors import CLAnomalyError, InputError
from cl_anomaly.evaluation.scores import CHEAP_SCORES, SCORES
from cl_anomaly.machine import choose_device, choose_precision, precision_name
from cl_anomaly.models import MODELS, Model
from cl_anomaly.models.base import check_abilities
from cl_anomaly.options import Option, fill, fill_options, options_of
from cl_anomaly.runs.look_up import looked_up
from cl_anomaly.scenarios.base import Replica, Scenario
from cl_anomaly.scenarios.class_stream import anomaly_classes, scenario_of
from cl_anomaly.strategies import Strategy, find_strategy


def resolve(config: RunConfig) -> ResolvedConfig:
    """Fill in every default that is open, whatever it depends on, and make paths absolute.

    Raises:
        InputError: there is no such dataset, model or strategy, or it has no such option.
    """
    if isinstance(config, ResolvedConfig):
        return config
    config = looked_up(config)
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
        "strategy_options": fill(
            strategy_options_of(config.strategy), config.strategy_options, strategy.name
        ),
    }
    return ResolvedConfig(**config.to_dict() | filled)


def with_anomaly_classes(config: ResolvedConfig, dataset: Dataset) -> ResolvedConfig:
    """Put the classes that there are in the place of "all".

    Raises:
        InputError: the dataset has no such class.
    """
    return replace(config, anomaly_class=anomaly_classes(dataset, config.anomaly_class))


def make_replicas(config: RunConfig) -> list[Replica]:
    """List a run's replicas: each anomaly class with each seed, class after class.

    Args:
        config: whose anomaly classes are no longer "all".
    """
    order = config.task_order if isinstance(config.task_order, str) else tuple(config.task_order)
    return [Replica(seed, c, order) for c in config.anomaly_classes for seed in config.seed_list]


def make_scenarios(
    config: ResolvedConfig, dataset: Dataset, replicas: Sequence[Replica]
) -> list[Scenario]:
    """Split the dataset as each replica sees it.

    Raises:
        InputError: it cannot be split so, or batches would hold samples more than once.
    """
    scenarios = [scenario_of(dataset, replica, config.classes_per_task) for replica in replicas]
    smallest = min((task for s in scenarios for task in s.tasks), key=lambda t: len(t.indices))
    if config.batch_size > len(smallest.indices):
        raise InputError(
            f"Expected `batch_size` to be at most the number of samples of the smallest task, "
            f"{len(smallest.indices)} (task {smallest.number}), but got {config.batch_size}."
        )
    return scenarios


def find_model(name: str) -> type[Model]:
    """Look a model up by its name.

    Raises:
        InputError: there is none.
    """
    check_listed("model", name, list(MODELS))
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
    options = fill(strategy_options_of(name), options, cls.name)
    try:
        return cls(**options)
    except (CLAnomalyError, KeyboardInterrupt):
        raise
    except BaseException as error:  # SystemExit, too
        raise InputError(
            f"{cls.__name__} does not take {options}: {type(error).__name__}: {error}"
        ) from error


def strategy_options_of(name: str) -> Sequence[Option]:
    """List the options of a strategy, whatever has to be loaded for that."""
    cls = find_strategy(name)
    own, skip = cls.options_class()
    return options_of(own, skip, untyped=own is not cls)


def make_model(config: RunConfig, features: tuple[int, ...], seeds: Sequence[int]) -> Model:
    """Make the configured model: R replicas of it, one for each seed."""
    cls = find_model(config.model)
    options = fill_options(cls, config.model_options, OF_THE_RUN)
    make: Any = cls
    return make(features, seeds, latent_size=config.latent_size, **options)
