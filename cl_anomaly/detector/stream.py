"""Learning of one replica from arrays, a task at a time, without a dataset."""

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

# Samples scored at once, always the same number: the last digit of one sample's score must not
# depend on how many others there are. A multiple of the numbers that processors compute at once.
_ROWS = 240


@dataclass(frozen=True)
class Recipe:
    """How a replica learns, with the names and options of `cl-anomaly list`."""

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
    """The result of learning so far, as plain values and arrays.

    Attributes:
        blueprint: fields of a `Blueprint`.
        tasks: how many have been learnt.
        state: values of the learner's state.
        tensors: tensors of the learner's state.
        past: samples of the tasks so far, (n, *features) each, if the strategy sees them again.
        aside: places of the samples kept aside in each of these.
    """

    blueprint: dict[str, Any]
    tasks: int = 0
    state: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, NDArray[Any]] = field(default_factory=dict)
    past: list[NDArray[np.float32]] = field(default_factory=list)
    aside: list[NDArray[np.int64]] = field(default_factory=list)


def begin(recipe: Recipe, x: NDArray[np.float32], seed: int, share: float) -> Learnt:
    """Return the state before any learning.

    Args:
        recipe: how it will learn.
        x: (n, *features), the first task's samples. The range of those trained on becomes [0, 1].
        seed: of all random numbers.
        share: of the samples, kept aside to set the threshold; 0 for no threshold.

    Raises:
        InputError: strategy, model or score do not exist, or do not fit together.
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
        options.setdefault("reconstruction", "mse")  # scaled samples may lie outside [0, 1]
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
    """Learn one more task, from samples (n, *features); `before` stays as it is.

    Raises:
        RunError: a hook of the strategy returned something invalid.
    """
    set_up_processor()
    blueprint, number = Blueprint(**before.blueprint), before.tasks + 1
    strategy = find_strategy(recipe.strategy)(**recipe.strategy_options)
    sees_past = overrides(strategy, "training_indices")
    aside = _kept_aside(len(x), share, blueprint.seeds[0], number)
    past, places = [*before.past, x], [*before.aside, aside]
    rows = past if sees_past else [x[:0]] * before.tasks + [x]
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
    """Make a stream of normal samples, without anomalies, from the arrays of its tasks."""
    none, tasks, start = torch.empty(0, dtype=torch.int64), [], 0
    for number, (x, places_aside) in enumerate(zip(rows, aside, strict=True), 1):
        places, held = torch.arange(start, start + len(x)), torch.from_numpy(places_aside) + start
        seen = places[~torch.isin(places, held)]
        tasks.append(Task(number, (number,), seen, TestGroup({number: none}), held))
        start += len(x)
    samples = Samples(torch.from_numpy(np.concatenate(rows)), 1.0)
    counts = torch.tensor([len(x) for x in rows])
    labels = torch.repeat_interleave(torch.arange(1, len(rows) + 1), counts)
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
    """Return a detector that only scores."""
    state = State({}, {name: torch.from_numpy(array) for name, array in learnt.tensors.items()})
    name = learnt.blueprint["score"]
    statistics = {f"score.{name}.{k}": array for k, array in state.part(f"score.{name}").items()}
    statistics |= {f"limits.{k}": array for k, array in state.part("calibration/limits").items()}
    return Detector.rebuilt(learnt.blueprint, state.part("model"), statistics, "cpu")


def score_each(detector: Detector, x: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the scores of samples, (n,), which do not depend on each other."""
    return _of_each(detector.score, x)


def thresholds_of_each(
    detector: Detector, x: NDArray[np.float32], rate: float
) -> NDArray[np.float64]:
    """Return the thresholds of samples, (n,), which do not depend on each other."""
    return _of_each(lambda part: detector.thresholds_for(part, rate), x)


def _of_each(
    compute: Callable[[NDArray[np.float32]], NDArray[Any]], x: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Compute a number for each of x (n, *features), always for the same number of samples."""
    parts = []
    for start in range(0, len(x), _ROWS):
        part = x[start : start + _ROWS]
        filled = np.resize(part, (_ROWS, *part.shape[1:]))
        parts.append(compute(filled)[: len(part)])
    return np.concatenate(parts).astype(np.float64)
