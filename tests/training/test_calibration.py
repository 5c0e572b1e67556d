"""What thresholds need of past tasks, and the rates that they come to on a stream of tables."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import betabinom

from cl_anomaly import ContinualAnomalyDetector
from cl_anomaly.core.randomness import ReplicaRandom
from cl_anomaly.models.base import Reconstruction
from cl_anomaly.training.residuals import Residuals

Array = NDArray[np.float32]
SMALL: dict[str, Any] = {"model_options": {"hidden_sizes": [32, 32], "latent_size": 4}}
# Few steps, each of many samples.
SHORT: dict[str, Any] = {"epochs": 6, "batch_size": 100, "learning_rate": 5e-3}
GAUSSIANS: dict[str, Any] = {"strategy": "lower", "model": "gaussians"}
# Kept aside of each task of 2,000 samples, and tested.
ASIDE, TESTED = 100, 4000


def _regimes(seed: int, count: int) -> list[Array]:
    """Three regimes of one machine; the third lies between the first two."""
    numbers = np.random.default_rng(seed)
    return [numbers.normal(place, 1, (count, 4)).astype(np.float32) for place in (0, 6, 3)]


def _of_other_tails(seed: int, count: int) -> list[Array]:
    """Three regimes far apart: heavy tails, none, and those of a normal distribution."""
    numbers = np.random.default_rng(seed)
    size = (count, 4)
    drawn = numbers.standard_t(3, size), numbers.uniform(-1, 1, size), numbers.normal(0, 1, size)
    return [(own + 60 * place).astype(np.float32) for place, own in enumerate(drawn)]


def _alarms(
    settings: dict[str, Any], regimes: Callable[[int, int], list[Array]] = _regimes
) -> list[int]:
    """How many of 4,000 new normal samples of each task are alarms after all three."""
    detector = ContinualAnomalyDetector(random_state=0, **SHORT, **settings)
    for x in regimes(0, 20 * ASIDE):
        detector.partial_fit(x)
    return [int((detector.predict(x) == -1).sum()) for x in regimes(1, TESTED)]


def _interval(aside: int, tested: int) -> tuple[float, float]:
    """Where a conformal threshold's alarms lie with 99.9 %: binomial, the rate itself a beta."""
    place = int(np.ceil(0.95 * (aside + 1)))
    return betabinom(tested, aside + 1 - place, place).interval(0.999)


@pytest.mark.parametrize("score", ["least", "auto-margin"])
def test_each_task_of_gaussians_has_the_rate_that_was_asked_for(score: str) -> None:
    low, high = _interval(ASIDE, TESTED)
    for alarms in _alarms({**GAUSSIANS, "anomaly_score": score}, _of_other_tails):
        assert low <= alarms <= high


@pytest.mark.parametrize("strategy", ["replay", "agem", "upper", "gr"])
def test_the_rate_is_met_on_average_over_the_tasks_seen(strategy: str) -> None:
    low, high = _interval(ASIDE, 3 * TESTED)
    assert low <= sum(_alarms({**SMALL, "strategy": strategy})) <= high


def test_gaussians_that_see_all_tasks_again_have_one_threshold_that_holds() -> None:
    # They are one Gaussian: a limit of the first task's alone would say nothing of it.
    low, high = _interval(3 * ASIDE, 3 * TESTED)
    assert low <= sum(_alarms({**GAUSSIANS, "strategy": "upper", "anomaly_score": "least"})) <= high


class _Half(Reconstruction):
    @cached_property
    def means(self) -> torch.Tensor:
        return 0.5 * self.x


def test_residuals_that_are_drawn_are_as_large_as_real_ones() -> None:
    """Of tasks with residuals of 1 and of 3 in one feature, and a tenth of that in the other."""
    numbers, residuals = np.random.default_rng(0), Residuals()
    for scale in (1.0, 3.0):
        x = 2 * scale * numbers.normal(size=(2, 4000, 2)) * [1.0, 0.1]
        counts = torch.ones(2, 4000, dtype=torch.bool)
        residuals.learn([(_Half(torch.tensor(x, dtype=torch.float32)), counts)])
    random = ReplicaRandom([0, 1], "test")
    drawn = residuals.added_to(torch.zeros(2, 20000, 2), random)
    spread = drawn.square().mean(1)
    expected = torch.tensor([[5.0, 0.05]] * 2)  # (1² + 3²) / 2
    torch.testing.assert_close(spread, expected, rtol=0.15, atol=0)
    # A mixture of two scales has heavier tails than one normal distribution.
    kurtosis = (drawn.pow(4).mean(1) / spread.square())[:, 0]
    assert (kurtosis > 3.5).all()


def test_without_residuals_nothing_is_added() -> None:
    x = torch.rand(2, 5, 3)
    assert Residuals().added_to(x, ReplicaRandom([0, 1], "test")) is x
