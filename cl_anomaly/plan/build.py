"""The one place where a configuration becomes objects: specified, resolved, planned."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cl_anomaly.core.errors import explained
from cl_anomaly.core.machine import (
    choose_device,
    choose_precision,
    describe_environment,
    precision_name,
)
from cl_anomaly.core.products import set_up_processor
from cl_anomaly.data.dataset import Dataset
from cl_anomaly.data.dataset_names import absolute
from cl_anomaly.data.datasets import choose_dataset, find_dataset, load_dataset
from cl_anomaly.detector import Detector
from cl_anomaly.models.shared.closed_form import ClosedForm
from cl_anomaly.plan.agnostic import DEFAULT_PORTION, about_portions, is_agnostic
from cl_anomaly.plan.assemble import make_learner, scaling_of, seeds_of
from cl_anomaly.plan.check import reading_of
from cl_anomaly.plan.classes import Parts
from cl_anomaly.plan.defaults import (
    standardised_by,
    with_batch_size,
    with_classes,
    with_fitting_defaults,
    with_length,
)
from cl_anomaly.plan.fitting import about_thresholds, check_weights
from cl_anomaly.plan.plan import Plan
from cl_anomaly.plan.replicas import as_stream, chosen_functions, make_scenarios
from cl_anomaly.plan.specification import Specification, specify
from cl_anomaly.scenarios.base import Replica, Scenario
from cl_anomaly.scenarios.by_replica import make_replicas
from cl_anomaly.scenarios.portions import as_trained
from cl_anomaly.scores import SCORES
from cl_anomaly.settings.own_files import loaded
from cl_anomaly.settings.run_config import ResolvedConfig, RunConfig
from cl_anomaly.settings.strategy_names import with_absolute_file
from cl_anomaly.settings.trust import sha256_of
from cl_anomaly.store.fingerprint import describe_code
from cl_anomaly.training.learner import Learner
from cl_anomaly.training.portion_learner import PortionLearner


def resolve(config: RunConfig) -> ResolvedConfig:
    """Fill in every default that is open, whatever it depends on, and make paths absolute.

    Raises:
        InputError: there is no such dataset, model or strategy, or it has no such option.
    """
    return _resolved(specify(config)).config


def prepare(wanted: RunConfig | Specification) -> Plan:
    """Look up all that a run is made of, and load its data.

    Raises:
        InputError: something of it does not exist, is damaged, or does not fit together.
        RunError: there is not enough memory for it.
    """
    with explained("in preparation"):
        set_up_processor()
        return _planned(_resolved(specify(wanted) if isinstance(wanted, RunConfig) else wanted))


@dataclass(frozen=True, eq=False)
class _Resolved:
    config: ResolvedConfig
    parts: Parts
    dataset: Dataset
    replicas: list[Replica]
    scenarios: list[Scenario]


def _resolved(specification: Specification) -> _Resolved:
    config, parts = specification.config, specification.classes
    notes: list[str | None] = [getattr(config, "dataset_note", None)]
    is_resolved = isinstance(config, ResolvedConfig)
    if not is_resolved:
        config = replace(config, strategy_options=parts.strategy_options(config))
        parts.check_together(config)
        config, note = _with_own_defaults(config, parts)
        notes.append(note)
    name, reading = str(config.dataset), reading_of(config)
    spec = find_dataset(name, reading)
    dataset = load_dataset(name, config.data_root, reading)
    config = with_classes(config, dataset)
    dataset = as_stream(config, dataset)
    notes.append(dataset.note)
    replicas = make_replicas(config)
    scenarios = make_scenarios(config, dataset, replicas)
    check_weights(config, dataset, scenarios)
    notes.append(about_thresholds(scenarios))
    config, about_batches = with_batch_size(config, spec.batch_size, as_trained(scenarios))
    if issubclass(parts.model, ClosedForm):
        about_batches = None
    config, about_data = with_fitting_defaults(config, scenarios[0].dataset, parts.model)
    notes += [*about_data, about_batches]
    note = notes[0] if is_resolved else " ".join(dict.fromkeys(filter(None, notes)))
    settings: dict[str, Any] = config.to_dict() | {"dataset_note": note or None}
    return _Resolved(ResolvedConfig(**settings), parts, dataset, replicas, scenarios)


def _with_own_defaults(config: RunConfig, parts: Parts) -> tuple[RunConfig, str | None]:
    """Fill in what does not depend on the data itself, with a sentence where one is due."""
    name, note = (config.dataset, None) if config.dataset else choose_dataset(config.data_root)
    spec = find_dataset(name, reading_of(config))
    if config.dataset and config.data_root is not None and not spec.is_downloaded:
        note = f"The folder of datasets, {config.data_root}, is not needed for {config.dataset}."
    device = choose_device(config.device)
    precision = choose_precision(config.precision, device)
    passes = 1 if is_agnostic(config) else spec.epochs
    config, about_epochs = with_length(config, passes, parts.model)
    filled: dict[str, Any] = {
        "strategy": with_absolute_file(config.strategy),
        "dataset": absolute(name),
        "device": device.type,
        "precision": precision_name(precision),
    }
    if is_agnostic(config):
        filled["portion"] = config.portion or DEFAULT_PORTION
    config = replace(config, **filled)
    about = about_portions(config) if is_agnostic(config) else None
    return config, " ".join(filter(None, [note, about_epochs, about])) or None


def _planned(resolved: _Resolved) -> Plan:
    config, parts, dataset = resolved.config, resolved.parts, resolved.dataset
    device = choose_device(config.device)
    precision = choose_precision(config.precision, device)
    own = loaded(config.strategy)
    environment = describe_environment(device, precision) | {
        "data_sha256": dataset.sha256,
        "strategy_sha256": sha256_of(own.source.encode()) if own else None,
        "code": describe_code(
            config.strategy, *_chosen(config, parts, resolved.replicas), model=config.model
        ),
        "dataset_note": config.dataset_note,
    }
    if scaling_of(resolved.scenarios) is not None:
        whose = f"each replica's first {'portion' if is_agnostic(config) else 'task'}"
        if config.scenario == "clusters":
            whose = f"mean and deviation of {standardised_by(config)}"
        environment["scaling"] = f"by {whose}; the ranges are in detector.json"
    return Plan(
        **vars(resolved),
        device=device,
        precision=precision,
        strategy_source=own.source if own else None,
        environment=environment,
    )


def _chosen(
    config: ResolvedConfig, parts: Parts, replicas: Sequence[Replica]
) -> list[type | Callable[..., Any]]:
    """List the classes and functions that a configuration names, the strategy first."""
    return [
        parts.strategy,
        parts.strategy.options_class()[0],
        parts.model,
        find_dataset(str(config.dataset), reading_of(config)).read,
        *chosen_functions(config, replicas),
        *(SCORES[name] for name in parts.recorded_scores(config)),
        PortionLearner if is_agnostic(config) else Learner,
        Detector,
    ]


def check_together(plan: Plan) -> None:
    """Find what would be refused as a run is put together, with the weights of one replica.

    Raises:
        InputError: strategy, model and data do not fit together.
        RunError: there is not enough memory for it.
    """
    config = plan.config
    with explained("in preparation"):
        model = plan.parts.make_model(config, plan.dataset.features, config.seed_list[:1])
        make_learner(plan, model, plan.dataset.train, seeds_of(plan), plan.scenarios)
