"""Checks that every score must pass."""

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from cl_anomaly.checks.small import (
    FEATURES,
    SETTINGS,
    by_name,
    expect,
    prepared,
    small_dataset,
    small_scenario,
)
from cl_anomaly.models import MODELS, Model
from cl_anomaly.scores import Score
from cl_anomaly.scores.scoring import reconstructed
from cl_anomaly.statistics.detection import auroc
from cl_anomaly.strategies import Strategy
from cl_anomaly.training.learner import Learner
from cl_anomaly.training.schedule import TrainingSettings

Make = Callable[[], Score]
_SEEDS = [0, 1]


def _model_of(score: Score) -> Model:
    """Train a model with the abilities that a score needs."""
    able = [name for name, model in MODELS.items() if score.needs <= model.abilities]
    return _trained("vae" if "vae" in able else able[0])


@cache
@torch.enable_grad()
def _trained(name: str) -> Model:
    """Train until the model knows a class of small images well."""
    scenario = small_scenario()
    strategy = prepared(Strategy, scenario, _SEEDS, name)
    settings = TrainingSettings(60, SETTINGS.batch_size, 1e-2, torch.float32)
    learner = Learner(strategy, _SEEDS, [scenario] * 2, settings)
    learner.begin(1)
    learner.train(lambda *_: None)
    learner.conclude()
    return strategy.model


def _ready(make: Make) -> Score:
    """Make a score, and let it learn the task if it learns any."""
    score, dataset = make(), small_dataset()
    indices = small_scenario().tasks[0].indices
    if score.learns():
        score.learn(reconstructed(_model_of(score), dataset.train, [indices, indices]))
    return score


def _normal() -> Tensor:
    dataset = small_dataset()
    return dataset.train.batch(small_scenario().tasks[0].indices).expand(2, -1, *FEATURES)


def _anomalous() -> Tensor:
    """Return images of two colours, unlike any class."""
    numbers = torch.Generator().manual_seed(1)
    return torch.randint(0, 2, (20, *FEATURES), generator=numbers).float().expand(2, -1, *FEATURES)


@torch.no_grad()
def _scores(score: Score, x: Tensor) -> Tensor:
    return score(_model_of(score).reconstruct(x))


def it_gives_one_number_for_each_sample_that_varies(make: Make) -> None:
    """(R, B), float32, finite."""
    scores = _scores(_ready(make), _normal())
    right = scores.shape == (2, 20) and scores.dtype == torch.float32
    expect(right, f"Expected scores (2, 20), float32, but got {tuple(scores.shape)}.")
    expect(bool(scores.isfinite().all()), "Expected scores that are finite numbers.")
    expect(len(scores.unique()) > 30, "Expected scores that vary from sample to sample.")


def higher_is_more_anomalous(make: Make) -> None:
    """Samples unlike any in training score higher than those trained on."""
    score = _ready(make)
    normal, anomalous = (_scores(score, x)[0].numpy() for x in (_normal(), _anomalous()))
    value = auroc(normal, anomalous)
    expect(value > 0.5, f"Expected anomalies to score higher, but their AUROC is {value:.2f}.")


def it_is_the_same_twice(make: Make) -> None:
    """A score draws nothing, or always the same."""
    score = _ready(make)
    agree = torch.equal(_scores(score, _normal()), _scores(score, _normal()))
    expect(agree, "Expected the same scores for the same samples, but got others.")


def it_does_not_depend_on_the_other_samples(make: Make) -> None:
    """A sample's score is its own, whatever it is scored with."""
    score = _ready(make)
    alone, among = _scores(score, _normal()[:, 2:3]), _scores(score, _normal())[:, 2:3]
    agree = torch.allclose(alone, among, rtol=1e-4, atol=1e-5)
    expect(agree, "Expected a sample to have the score that it has alone.")


def its_state_carries_everything_to_a_new_process(make: Make) -> None:
    """`state_dict` and `load_state_dict` hold all statistics."""
    one, other = _ready(make), make()
    if state := one.state_dict():
        other.load_state_dict({name: tensor.clone() for name, tensor in state.items()})
    agree = torch.equal(_scores(one, _normal()), _scores(other, _normal()))
    expect(agree, "Expected the same scores from what `state_dict` gave, but got others.")


def it_says_what_it_is(make: Make) -> None:
    """`cl-anomaly list scores` shows it."""
    expect(bool((type(make()).__doc__ or "").strip()), "Expected a docstring that says what it is.")


SCORE_CHECKS = by_name(
    it_gives_one_number_for_each_sample_that_varies,
    higher_is_more_anomalous,
    it_is_the_same_twice,
    it_does_not_depend_on_the_other_samples,
    its_state_carries_everything_to_a_new_process,
    it_says_what_it_is,
)
