"""Streams that tell nothing: what needs to know concepts is refused, and what is open is chosen."""

from collections.abc import Callable, Sequence

from cl_anomaly.config import RunConfig
from cl_anomaly.data.samples import Dataset
from cl_anomaly.errors import InputError
from cl_anomaly.evaluation.scores import SCORES
from cl_anomaly.models import Model
from cl_anomaly.scenarios.base import Replica, Scenario
from cl_anomaly.scenarios.portions import arrival_of, in_portions, scaled_by_first_portion
from cl_anomaly.strategies import Strategy
from cl_anomaly.training.learner import TrainsItself

# Two batches of MNIST, four of digits: enough to shuffle, and a memory does not wait long.
DEFAULT_PORTION = 128


def is_agnostic(config: RunConfig) -> bool:
    """Return whether training is told nothing of concepts."""
    return config.stream == "concept-agnostic"


def check_is_agnostic(config: RunConfig, strategy: Strategy, model: type[Model]) -> None:
    """Refuse what must be told where concepts end, or which samples belong to which.

    Args:
        config: of an agnostic stream.
        strategy: with its options.
        model: its class.

    Raises:
        InputError: something must be told.
    """
    told = [strategy.told_boundaries]
    if isinstance(strategy, TrainsItself):
        told.append(f"the strategy {strategy.name}, which trains by a loop of its own,")
    if model.keeps_tasks_apart or model.begin_task is not Model.begin_task:
        told.append(f"the model {model.name}")
    told += [f"the score {name}" for name in config.scores if SCORES[name].learns()]
    if found := next(filter(None, told), None):
        number = " Give `ratio` a number, such as 1." if found.startswith("`ratio`") else ""
        raise InputError(
            f"Expected `stream` to be concept-incremental, because {found} has to be told where a "
            f"task ends and the next begins, but got concept-agnostic.{number}"
        )
    if config.class_weights:
        raise InputError(
            "Expected no `class_weights` with `stream` concept-agnostic, in which training is not "
            "told the class of a sample."
        )


def check_portion(config: RunConfig) -> None:
    """Refuse a portion where there is none, and one that does not fill a batch.

    Raises:
        InputError: it is either.
    """
    if config.portion is not None and not is_agnostic(config):
        raise InputError(
            f"Expected `portion` with `stream` concept-agnostic, but the stream is "
            f"{config.stream}, in which samples come task by task."
        )
    size = config.portion or DEFAULT_PORTION
    if is_agnostic(config) and (config.batch_size or 0) > size:
        raise InputError(
            f"Expected `batch_size` to be at most the samples of a portion, {size}, but got "
            f"{config.batch_size}. Set `portion`."
        )


def about_portions(config: RunConfig) -> str:
    """Say in a sentence how samples arrive, once nothing is left open."""
    passes = "one pass" if config.epochs == 1 else f"{config.epochs} passes"
    if config.steps is not None:
        passes = f"{config.steps} steps"
    return f"Samples arrive in portions of {config.portion}, with {passes} over each."


def as_portions(
    config: RunConfig,
    dataset: Dataset,
    replicas: Sequence[Replica],
    scenarios: Sequence[Scenario],
    scale: Callable[[Scenario], Scenario],
) -> list[Scenario]:
    """Cut each replica's stream into portions.

    Args:
        config: with a `portion`.
        dataset: as it was before scenarios scaled it.
        replicas: R of them.
        scenarios: one for each replica, with nothing kept aside.
        scale: scales a scenario by its first task.

    Raises:
        InputError: nothing of a portion would be left to train on.
    """
    found: list[Scenario] = []
    for replica, scenario in zip(replicas, scenarios, strict=True):
        order, size = arrival_of(scenario, replica.seed), config.portion or DEFAULT_PORTION
        cut = in_portions(scenario, order, size, replica.seed, config.calibration)
        found.append(scaled_by_first_portion(cut, dataset, scale))
    return found
