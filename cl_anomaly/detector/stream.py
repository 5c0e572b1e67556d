"""One replica that learns from arrays as they arrive, a task at a time, without a dataset."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.products import set_up_processor
from cl_anomaly.core.randomness import generator
from cl_anomaly.core.state import State
from cl_anomaly.data.dataset import Dataset, Samples
from cl_anomaly.data.scaling import Scaling
from cl_anomaly.detector.blueprint import Blueprint
from cl_anomaly.detector.detector import Detector
from cl_anomaly.models import MODELS
from cl_anomaly.models.base import check_abilities
from cl_anomaly.scenarios.base import Scenario, Task, TestGroup
from cl_anomaly.scores import SCORES
from cl_anomaly.settings.catalogue import OF_THE_RUN
from cl_anomaly.settings.options import fill_options, options_of
from cl_anomaly.statistics.thresholds import TARGET_RATES
from cl_anomaly.strategies import Strategy, find_strategy
from cl_anomaly.training.closed_form_fit import check_fits
from cl_anomaly.training.hooks import overrides
from cl_anomaly.training.learner import Learner, TrainsItself
from cl_anomaly.training.schedule import TrainingSettings

# Samples scored at once, always as many: the last digit of one sample's score must not depend on
# how many others there are. A multiple of what processors compute at once.
_ROWS = 240


@dataclass(frozen=True)
class Recipe:
    """How a replica learns; names and options are those of the lists of `cl-anomaly list`."""

    strategy: str
    strategy_options: dict[str, Any]
    model: str
    model_options: dict[str, Any]
    score: str
    epochs: int
    batch_size: int
    learning_rate: float


@dataclass
class Learnt:
    """What has been learnt so far, as plain values and arrays.

    Attributes:
        blueprint: what the detector is made from, see `Blueprint`.
        tasks: how many have been learnt.
        state: values of the learner's state.
        tensors: weights, what the strategy keeps, and what the score has learnt.
        past: samples of the tasks so far, (n, *features) each, where the strategy sees them again.
        aside: for each of these, places of what is kept aside in it.
    """

    blueprint: dict[str, Any]
    tasks: int = 0
    state: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, NDArray[Any]] = field(default_factory=dict)
    past: list[NDArray[np.float32]] = field(default_factory=list)
    aside: list[NDArray[np.int64]] = field(default_factory=list)


def begin(recipe: Recipe, x: NDArray[np.float32], seed: int, share: float) -> Learnt:
    """Make what has learnt nothing yet.

    Args:
        recipe: how it will learn.
        x: (n, *features), the first task's samples. The range of those that will be trained on
            becomes [0, 1].
        seed: from which all random numbers come.
        share: of them, kept aside to set the threshold; 0 for no threshold.

    Raises:
        InputError: strategy, model and score do not exist, or do not fit together.
    """
    if recipe.model not in MODELS or recipe.score not in SCORES:
        raise InputError(
            f"Expected a model from {', '.join(MODELS)} and a score from {', '.join(SCORES)}, but "
            f"got {recipe.model!r} and {recipe.score!r}."
        )
    strategy, model = find_strategy(recipe.strategy), MODELS[recipe.model]
    if issubclass(strategy, TrainsItself):
        raise InputError(f"Expected a strategy that learns from arrays, but got {strategy.name}.")
    check_abilities(model, strategy.needs, f"the strategy {strategy.name}")
    check_fits(model, strategy)
    check_abilities(model, SCORES[recipe.score].needs, f"the score {recipe.score}")
    options = dict(recipe.model_options)
    if "reconstruction" in {option.name for option in options_of(model, OF_THE_RUN)}:
        options.setdefault("reconstruction", "mse")  # what is scaled may lie outside [0, 1]
    trained = np.delete(x, _kept_aside(len(x), share, seed, 1), axis=0)
    blueprint = Blueprint(
        model=recipe.model,
        model_options=fill_options(model, options, OF_THE_RUN),
        features=tuple(x.shape[1:]),
        scale=1.0,
        score=recipe.score,
        seeds=(seed,),
        group_sizes=(1,),
        scaling=Scaling.of(torch.from_numpy(trained)).as_lists(),
    )
    return Learnt(asdict(blueprint))


def learn(recipe: Recipe, before: Learnt, x: NDArray[np.float32], share: float) -> Learnt:
    """Learn one more task.

    Args:
        recipe: how.
        before: what has been learnt so far; it stays as it is.
        x: (n, *features), the task's samples.
        share: of them, kept aside to set the threshold; 0 for no threshold.

    Raises:
        RunError: a hook of the strategy gives what it should not.
    """
    set_up_processor()
    blueprint, number = Blueprint(**before.blueprint), before.tasks + 1
    strategy = find_strategy(recipe.strategy)(**recipe.strategy_options)
    sees_past = overrides(strategy, "training_indices")
    aside = _kept_aside(len(x), share, blueprint.seeds[0], number)
    past, places = [*before.past, x], [*before.aside, aside]
    rows = past if sees_past else [np.empty((0, *x.shape[1:]), np.float32)] * before.tasks + [x]
    learner = _learner(recipe, blueprint, strategy, _scenario(rows, places))
    if before.tasks:
        tensors = {name: torch.from_numpy(array.copy()) for name, array in before.tensors.items()}
        learner.restore(State(before.state, tensors), before.tasks)
    learner.begin(number)
    learner.train(lambda *_: None)
    if failed := learner.training.failed:
        raise InputError(
            f"Expected finite numbers in training, but after step {failed[0][0]} {failed[0][1]} "
            f"was none. Try a lower `learning_rate`."
        )
    learner.conclude()
    thresholds = _thresholds(learner, blueprint.score) if share else {}
    state = learner.state()
    return Learnt(
        before.blueprint | {"thresholds": thresholds},
        number,
        state.values,
        {name: array.detach().numpy().copy() for name, array in state.tensors.items()},
        past if sees_past else [],
        places if sees_past else [np.empty(0, np.int64)] * number,
    )


def _thresholds(learner: Learner, score: str) -> dict[str, tuple[float, ...]]:
    values = learner.thresholds()[score][0].tolist()
    if learner.calibration.limits:
        return {}
    return {str(rate): (value,) for rate, value in zip(TARGET_RATES, values, strict=True)}


def _kept_aside(count: int, share: float, seed: int, number: int) -> NDArray[np.int64]:
    order = torch.randperm(count, generator=generator(seed, "calibration", number))
    return order[: min(math.ceil(share * count), count - 1)].sort().values.numpy()


def _scenario(rows: Sequence[NDArray[np.float32]], aside: Sequence[NDArray[np.int64]]) -> Scenario:
    """Make tasks of arrays; nothing is known of what is anomalous."""
    none, tasks, start = torch.empty(0, dtype=torch.int64), [], 0
    for number, (samples_of_task, held_places) in enumerate(zip(rows, aside, strict=True), 1):
        places, held = (
            torch.arange(start, start + len(samples_of_task)),
            torch.from_numpy(held_places) + start,
        )
        seen = places[~torch.isin(places, held)]
        tasks.append(Task(number, (number,), seen, TestGroup({number: none}), held))
        start += len(samples_of_task)
    samples = Samples(torch.from_numpy(np.concatenate(rows)), 1.0)
    labels = torch.repeat_interleave(
        torch.arange(1, len(rows) + 1),
        torch.tensor([len(samples_of_task) for samples_of_task in rows]),
    )
    dataset = Dataset("arrays", samples, labels, samples, labels, "")
    return Scenario(dataset, 0, tuple(tasks), none, none)


def _learner(
    recipe: Recipe, blueprint: Blueprint, strategy: Strategy, scenario: Scenario
) -> Learner:
    make: Any = MODELS[blueprint.model]
    strategy.model = make(blueprint.features, blueprint.seeds, **blueprint.model_options)
    scaling = Scaling.from_lists(blueprint.scaling or {})
    strategy.samples = scenario.dataset.train.scaled_by(scaling)
    size = min(recipe.batch_size, len(scenario.tasks[-1].indices))
    settings = TrainingSettings(recipe.epochs, size, recipe.learning_rate, torch.float32)
    return Learner(strategy, blueprint.seeds, [scenario], settings, [blueprint.score])


def detector_of(learnt: Learnt) -> Detector:
    """Return the detector, which only scores."""
    state = State({}, {name: torch.from_numpy(array) for name, array in learnt.tensors.items()})
    name = learnt.blueprint["score"]
    statistics = {f"score.{name}.{k}": array for k, array in state.part(f"score.{name}").items()}
    statistics |= {f"limits.{k}": array for k, array in state.part("calibration/limits").items()}
    return Detector.rebuilt(learnt.blueprint, state.part("model"), statistics, "cpu")


def score_each(detector: Detector, x: NDArray[np.float32]) -> NDArray[np.float64]:
    """Score samples, (n,), each the same whatever it is scored with, see `_of_each`."""
    return _of_each(detector.score, x)


def thresholds_of_each(
    detector: Detector, x: NDArray[np.float32], rate: float
) -> NDArray[np.float64]:
    """Return each sample's threshold, whatever it is looked at with, see `_of_each`."""
    return _of_each(lambda part: detector.thresholds_for(part, rate), x)


def _of_each(
    of_samples: Callable[[NDArray[np.float32]], NDArray[Any]], x: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Call something with always as many samples at once.

    Args:
        of_samples: gives a number for each sample of a single replica.
        x: (n, *features).

    Returns:
        (n,).
    """
    parts = []
    for start in range(0, len(x), _ROWS):
        part = x[start : start + _ROWS]
        filled = np.resize(part, (_ROWS, *part.shape[1:]))
        parts.append(of_samples(filled)[: len(part)])
    return np.concatenate(parts).astype(np.float64)
