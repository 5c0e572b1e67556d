"""The one place where a configuration becomes objects: resolved, prepared, put together."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from cl_anomaly.errors import InputError, explained
from cl_anomaly.machine import (
    choose_device,
    choose_precision,
    describe_environment,
    precision_name,
    set_up_processor,
    threads_to_use,
)
from cl_anomaly.models import Model
from cl_anomaly.runs.look_up import looked_up
from cl_anomaly.runs.parts import Parts, find_parts
from cl_anomaly.scenarios.base import Replica, Scenario
from cl_anomaly.scenarios.class_stream import anomaly_classes, scenario_of
from cl_anomaly.training.groups import ReplicaGroups, group_sizes
from cl_anomaly.training.learner import Learner, TrainsItself
from cl_anomaly.training.step import TrainingSettings


def resolve(config: RunConfig) -> ResolvedConfig:
    """Fill in every default that is open, whatever it depends on, and make paths absolute.

    Raises:
        InputError: there is no such dataset, model or strategy, or it has no such option.
    """
    return _resolved(config)[0]


def _resolved(config: RunConfig) -> tuple[ResolvedConfig, Parts]:
    if isinstance(config, ResolvedConfig):
        return config, find_parts(config)
    config = looked_up(config)
    parts = find_parts(config)
    parts.check_together(config)
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
        "strategy_options": parts.strategy_options(config),
    }
    return ResolvedConfig(**config.to_dict() | filled), parts


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


@dataclass(frozen=True, eq=False)
class Plan:
    """A run before it is put together: all that it is named by, and no weights.

    Attributes:
        config: with every default filled in.
        parts: the classes of its strategy and its model.
        dataset: loaded.
        replicas: R of them, class after class.
        scenarios: one for each replica.
        device: that it trains on.
        precision: of training.
        strategy_source: the strategy's file, as it was when it was loaded, where it is one.
        environment: the machine, versions, data, and the code that makes the numbers.
    """

    config: ResolvedConfig
    parts: Parts
    dataset: Dataset
    replicas: list[Replica]
    scenarios: list[Scenario]
    device: torch.device
    precision: torch.dtype
    strategy_source: str | None
    environment: dict[str, Any]

    @property
    def strategy_name(self) -> str:
        """What the strategy is called in results."""
        return self.parts.strategy.name


def prepare(config: RunConfig) -> Plan:
    """Look up all that a run is made of, and load its data.

    Raises:
        InputError: something of it does not exist, is damaged, or does not fit together.
        RunError: there is not enough memory for it.
    """
    with explained("in preparation"):
        return _prepare(*_resolved(config))


def _prepare(config: ResolvedConfig, parts: Parts) -> Plan:
    set_up_processor()
    device = choose_device(config.device)
    precision = choose_precision(config.precision, device)
    strategy, model = parts.strategy, parts.model
    dataset = load_dataset(config.dataset, config.data_root)
    config = with_anomaly_classes(config, dataset)
    replicas = make_replicas(config)
    scenarios = make_scenarios(config, dataset, replicas)
    own = loaded(config.strategy)
    environment = describe_environment(device, precision) | {
        "data_sha256": dataset.sha256,
        "strategy_sha256": sha256_of(own.source.encode()) if own else None,
        "code": describe_code(
            config.strategy, strategy, strategy.options_class()[0], model, model=config.model
        ),
        "dataset_note": config.dataset_note,
    }
    source = own.source if own else None
    return Plan(
        config=config,
        parts=parts,
        dataset=dataset,
        replicas=replicas,
        scenarios=scenarios,
        device=device,
        precision=precision,
        strategy_source=source,
        environment=environment,
    )


def assemble(plan: Plan, sizes: Sequence[int] | None = None) -> Detector:
    """Make the detector of a run, with the first weights of its seeds.

    Args:
        plan: of the run.
        sizes: of the groups of replicas that train side by side. Default: what this machine's
            memory and threads are best at.

    Raises:
        InputError: strategy, model and data do not fit together.
    """
    alone = issubclass(plan.parts.strategy, TrainsItself)
    sizes = sizes or ([1] * len(plan.scenarios) if alone else _group_sizes(plan))
    learners, rest = [], list(zip(plan.replicas, plan.scenarios, strict=True))
    train = plan.dataset.train.to(plan.device)
    for size in sizes:
        replicas, scenarios = zip(*rest[:size], strict=True)
        seeds = [replica.seed for replica in replicas]
        model = plan.parts.make_model(plan.config, plan.dataset.features, seeds).to(plan.device)
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
        RunError: there is not enough memory for it.
    """
    config = plan.config
    with explained("in preparation"):
        model = plan.parts.make_model(config, plan.dataset.features, config.seed_list[:1])
        _learner(plan, model, plan.dataset.train, _seeds(plan), plan.scenarios)


def _learner(
    plan: Plan, model: Model, train: Samples, seeds: Sequence[int], scenarios: Sequence[Scenario]
) -> Learner:
    config = plan.config
    strategy = plan.parts.make_strategy(config)
    strategy.model, strategy.samples = model, train
    settings = TrainingSettings(
        config.epochs, config.batch_size, config.learning_rate, plan.precision
    )
    return Learner(strategy, seeds, scenarios, settings, plan.parts.recorded_scores(config))


def _seeds(plan: Plan) -> list[int]:
    return [replica.seed for replica in plan.replicas]


def _group_sizes(plan: Plan) -> list[int]:
    one = plan.parts.make_model(plan.config, plan.dataset.features, plan.config.seed_list[:1])
    memory = one.training_bytes(plan.config.batch_size)
    return group_sizes(len(plan.scenarios), memory, plan.device, threads_to_use())


def _blueprint(plan: Plan, sizes: Sequence[int]) -> Blueprint:
    config, train = plan.config, plan.dataset.train
    return Blueprint(
        model=config.model,
        model_options=config.model_options,
        features=plan.dataset.features,
        scale=train.scale,
        score=config.score,
        seeds=tuple(_seeds(plan)),
        group_sizes=tuple(sizes),
    )
