"""From a configuration to the objects of a run, once."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from cl_anomaly.code.fingerprint import describe_code
from cl_anomaly.code.own_files import loaded
from cl_anomaly.code.strategy_names import with_absolute_file
from cl_anomaly.code.trust import sha256_of
from cl_anomaly.config import ResolvedConfig, RunConfig
from cl_anomaly.data.datasets import (
    Dataset,
    Samples,
    choose_dataset,
    find_dataset,
    load_dataset,
)
from cl_anomaly.detector import Blueprint, Detector
from cl_anomaly.errors import CLAnomalyError, InputError, explained
from cl_anomaly.machine import (
    choose_device,
    choose_precision,
    describe_environment,
    precision_name,
    set_up_processor,
    threads_to_use,
)
from cl_anomaly.models import MODELS, VAE
from cl_anomaly.options import fill_options
from cl_anomaly.scenarios.class_stream import Scenario, build_scenario
from cl_anomaly.strategies import Strategy, find_strategy
from cl_anomaly.training.groups import ReplicaGroups, group_sizes
from cl_anomaly.training.learner import Learner, TrainsItself
from cl_anomaly.training.step import TrainingSettings

FRAMEWORK_ARGUMENTS = frozenset({"features", "seeds", "latent_size"})
"""Arguments of models that come from elsewhere than their options."""


def resolve(config: RunConfig) -> ResolvedConfig:
    """Fill in every default that is open, whatever it depends on, and make paths absolute.

    Raises:
        InputError: there is no such dataset, model or strategy, or it has no such option.
    """
    if isinstance(config, ResolvedConfig):
        return config
    strategy = find_strategy(config.strategy)
    make_strategy(strategy, config.strategy_options)
    model = find_model(config.model)
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
        "strategy_options": fill_strategy_options(strategy, config.strategy_options),
        "model_options": fill_options(model, config.model_options, FRAMEWORK_ARGUMENTS),
    }
    return ResolvedConfig(**config.to_dict() | filled)


def find_model(name: str) -> type[VAE]:
    """Look a model up by its name.

    Raises:
        InputError: there is none.
    """
    if name not in MODELS:
        raise InputError(f"Expected `model` to be one of {', '.join(MODELS)}, but got {name!r}.")
    return MODELS[name]


def make_strategy(cls: type[Strategy], options: dict[str, Any]) -> Strategy:
    """Make a strategy with its options.

    Raises:
        InputError: it does not take them.
    """
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


def make_model(config: RunConfig, features: tuple[int, ...], seeds: Sequence[int]) -> VAE:
    """Make the configured model: R replicas of it, one for each seed."""
    cls = find_model(config.model)
    options = fill_options(cls, config.model_options, FRAMEWORK_ARGUMENTS)
    return cls(features, seeds, config.latent_size, **options)


@dataclass(frozen=True, eq=False)
class Plan:
    """A run before it is put together: all that it is named by, and no weights.

    Attributes:
        config: with every default filled in.
        strategy: its class.
        model: its class.
        dataset: loaded.
        scenarios: one for each replica.
        device: that it trains on.
        precision: of training.
        strategy_source: the strategy's file, as it was when it was loaded, where it is one.
        environment: the machine, versions, data, and the code that makes the numbers.
    """

    config: ResolvedConfig
    strategy: type[Strategy]
    model: type[VAE]
    dataset: Dataset
    scenarios: list[Scenario]
    device: torch.device
    precision: torch.dtype
    strategy_source: str | None
    environment: dict[str, Any]

    @property
    def strategy_name(self) -> str:
        """What the strategy is called in results."""
        return self.strategy.name


def prepare(config: RunConfig) -> Plan:
    """Look up all that a run is made of, and load its data.

    Raises:
        InputError: something of it does not exist, is damaged, or does not fit together.
        RunError: there is not enough memory for it.
    """
    with explained("in preparation"):
        return _prepare(resolve(config))


def _prepare(config: ResolvedConfig) -> Plan:
    set_up_processor()
    device = choose_device(config.device)
    precision = choose_precision(config.precision, device)
    strategy, model = find_strategy(config.strategy), find_model(config.model)
    dataset = load_dataset(config.dataset, config.data_root)
    scenarios = [_scenario(dataset, config, seed) for seed in config.seed_list]
    _check_batch_size(config.batch_size, scenarios)
    own = loaded(config.strategy)
    environment = describe_environment(device, precision) | {
        "data_sha256": dataset.sha256,
        "strategy_sha256": sha256_of(own.source.encode()) if own else None,
        "code": describe_code(config.strategy, strategy, strategy.options_class()[0], model),
        "dataset_note": config.dataset_note,
    }
    source = own.source if own else None
    return Plan(config, strategy, model, dataset, scenarios, device, precision, source, environment)


def assemble(plan: Plan, sizes: Sequence[int] | None = None) -> Detector:
    """Make the detector of a run, with the first weights of its seeds.

    Args:
        plan: of the run.
        sizes: of the groups of replicas that train side by side. Default: what this machine's
            memory and threads are best at.

    Raises:
        InputError: strategy, model and data do not fit together.
    """
    alone = issubclass(plan.strategy, TrainsItself)
    sizes = sizes or ([1] * len(plan.scenarios) if alone else _group_sizes(plan))
    learners, rest = [], list(zip(plan.config.seed_list, plan.scenarios, strict=True))
    train = plan.dataset.train.to(plan.device)
    for size in sizes:
        seeds, scenarios = zip(*rest[:size], strict=True)
        model = make_model(plan.config, plan.dataset.features, seeds).to(plan.device)
        learners.append(_learner(plan, model, train, seeds, scenarios))
        rest = rest[size:]
    # What trains by a loop of its own may share the process's state, such as generators.
    groups = ReplicaGroups(learners, 1 if alone else threads_to_use())
    models = [learner.strategy.model for learner in learners]
    return Detector(_blueprint(plan, sizes), models, groups)


def check_together(plan: Plan) -> None:
    """Find what would be refused as a run is put together, with the weights of one replica.

    Raises:
        InputError: strategy, model and data do not fit together.
    """
    config = plan.config
    model = make_model(config, plan.dataset.features, config.seed_list[:1])
    _learner(plan, model, plan.dataset.train, config.seed_list, plan.scenarios)


def _learner(
    plan: Plan, model: VAE, train: Samples, seeds: Sequence[int], scenarios: Sequence[Scenario]
) -> Learner:
    config = plan.config
    strategy = make_strategy(plan.strategy, config.strategy_options)
    strategy.model, strategy.samples = model, train
    settings = TrainingSettings(
        config.epochs, config.batch_size, config.learning_rate, plan.precision
    )
    return Learner(strategy, seeds, scenarios, settings)


def _group_sizes(plan: Plan) -> list[int]:
    one = make_model(plan.config, plan.dataset.features, plan.config.seed_list[:1])
    weights = sum(parameter.numel() for parameter in one.parameters())
    return group_sizes(len(plan.scenarios), weights, plan.device, threads_to_use())


def _blueprint(plan: Plan, sizes: Sequence[int]) -> Blueprint:
    config, train = plan.config, plan.dataset.train
    return Blueprint(
        model=config.model,
        model_options={**config.model_options, "latent_size": config.latent_size},
        features=plan.dataset.features,
        scale=train.scale,
        score=config.score,
        seeds=tuple(config.seed_list),
        group_sizes=tuple(sizes),
    )


def _check_batch_size(batch_size: int, scenarios: Sequence[Scenario]) -> None:
    """Refuse batches that would hold samples more than once."""
    smallest = min((task for s in scenarios for task in s.tasks), key=lambda t: len(t.indices))
    if batch_size > len(smallest.indices):
        raise InputError(
            f"Expected `batch_size` to be at most the number of samples of the smallest task, "
            f"{len(smallest.indices)} (task {smallest.number}), but got {batch_size}."
        )


def _scenario(dataset: Dataset, config: RunConfig, seed: int) -> Scenario:
    return build_scenario(
        dataset, config.anomaly_class, config.task_order, config.classes_per_task, seed
    )
