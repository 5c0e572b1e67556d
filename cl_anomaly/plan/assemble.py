"""Put a detector together as it was planned: learners of replicas, side by side in groups."""

from collections.abc import Sequence

from cl_anomaly.core.machine import threads_to_use
from cl_anomaly.data.dataset import Samples
from cl_anomaly.data.scaling import Scaling
from cl_anomaly.detector import Blueprint, Detector
from cl_anomaly.models import Model
from cl_anomaly.models.base import GENERATE
from cl_anomaly.plan.defaults import batch_sizes
from cl_anomaly.plan.plan import Plan
from cl_anomaly.plan.replicas import sample_weights
from cl_anomaly.scenarios.base import Scenario
from cl_anomaly.scenarios.portions import Portioned, as_trained, rhythm
from cl_anomaly.training.groups import ReplicaGroups, group_sizes
from cl_anomaly.training.interfaces import GroupLearner
from cl_anomaly.training.learner import Learner, TrainsItself
from cl_anomaly.training.portion_learner import PortionLearner
from cl_anomaly.training.schedule import TrainingSettings


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
        learners.append(make_learner(plan, model, train, seeds, scenarios))
        rest = rest[size:]
    # What trains by a loop of its own may share the process's state, such as generators.
    groups = ReplicaGroups(learners, 1 if alone else threads_to_use())
    models = [learner.strategy.model for learner in learners]
    return Detector(_blueprint(plan, sizes), models, groups)


def make_learner(
    plan: Plan, model: Model, train: Samples, seeds: Sequence[int], scenarios: Sequence[Scenario]
) -> GroupLearner:
    """Make what trains the replicas of a group.

    Args:
        plan: of the run.
        model: with their first weights.
        train: the training samples.
        seeds: one for each replica.
        scenarios: one for each replica.
    """
    config = plan.config
    strategy = plan.parts.make_strategy(config)
    strategy.model, strategy.samples = model, train.scaled_by(scaling_of(scenarios))
    if GENERATE in model.abilities:
        model.generator().is_bounded = strategy.samples.is_bounded
    settings = TrainingSettings(
        config.epochs,
        config.batch_size,
        config.learning_rate,
        plan.precision,
        sample_weights(config, plan.dataset),
        config.steps,
    )
    scores, is_told = plan.parts.recorded_scores(config), config.stream == "concept-aware"
    if portioned := [own for own in scenarios if isinstance(own, Portioned)]:
        return PortionLearner(strategy, seeds, portioned, settings, scores)
    return Learner(strategy, seeds, scenarios, settings, scores, is_told)


def scaling_of(scenarios: Sequence[Scenario]) -> Scaling | None:
    """Return the ranges that scale the samples of each replica, where these are scaled."""
    return Scaling.side_by_side([scenario.dataset.train.scaling for scenario in scenarios])


def seeds_of(plan: Plan) -> list[int]:
    """Return the seed of each replica."""
    return [replica.seed for replica in plan.replicas]


def _group_sizes(plan: Plan) -> list[int]:
    one = plan.parts.make_model(plan.config, plan.dataset.features, plan.config.seed_list[:1])
    memory = one.training_bytes(plan.config.batch_size)
    size, scenarios = plan.config.batch_size, plan.scenarios
    alike = [
        (batch_sizes(size, trained), rhythm(own))
        for own, trained in zip(scenarios, as_trained(scenarios), strict=True)
    ]
    return group_sizes(alike, memory, plan.device, threads_to_use())


def _blueprint(plan: Plan, sizes: Sequence[int]) -> Blueprint:
    config, train, scaling = plan.config, plan.dataset.train, scaling_of(plan.scenarios)
    return Blueprint(
        model=config.model,
        model_options=config.model_options,
        features=plan.dataset.features,
        scale=train.scale,
        score=config.shown_score,
        seeds=tuple(seeds_of(plan)),
        group_sizes=tuple(sizes),
        scaling=scaling and scaling.as_lists(),
    )
