import math

import numpy as np
import pytest
from scipy.stats import norm

from cl_anomaly.statistics.thresholds import (
    alarm_rate,
    samples_needed,
    threshold_at,
    threshold_of_mixture,
)


def test_the_threshold_is_the_sample_that_the_formula_names() -> None:
    scores = np.arange(1.0, 20.0)  # 19 samples: (1 − 0.05)(19 + 1) = 19, (1 − 0.1) · 20 = 18
    assert threshold_at(0.05, scores[::-1]) == 19
    assert threshold_at(0.1, scores) == 18
    assert threshold_at(0.5, scores) == 10


def test_with_too_few_samples_it_is_the_largest_score() -> None:
    assert threshold_at(0.01, [3.0, 1.0, 2.0]) == 3


def test_new_normal_samples_exceed_it_as_often_as_was_asked() -> None:
    numbers = np.random.default_rng(0)
    for rate in (0.01, 0.05):
        rates = [
            alarm_rate(numbers.normal(size=500), threshold_at(rate, numbers.normal(size=199)))
            for _ in range(2000)
        ]
        error = np.std(rates) / math.sqrt(len(rates))
        assert abs(np.mean(rates) - rate) < 4 * error  # exact for a continuous score: k/(n+1)


@pytest.mark.parametrize(("rate", "needed"), [(0.01, 99), (0.05, 19), (0.3, 3), (0.5, 1)])
def test_with_as_many_samples_as_a_rate_needs_the_largest_score_is_the_threshold(
    rate: float, needed: int
) -> None:
    """One more new sample is the largest of all with a probability of 1 / (n + 1)."""
    assert samples_needed(rate) == needed
    assert 1 / (needed + 1) <= rate < 1 / needed
    assert threshold_at(rate, np.arange(needed)) == needed - 1


def test_a_mixture_is_exceeded_at_the_rate_on_average() -> None:
    numbers, shares = np.random.default_rng(0), [0.75, 0.25]
    rates = []
    for _ in range(2000):
        parts = [numbers.normal(size=199), numbers.normal(2, 1, size=99)]
        threshold = threshold_of_mixture(0.05, parts, shares)
        rates.append(0.75 * norm.sf(threshold) + 0.25 * norm.sf(threshold, loc=2))
    error = np.std(rates) / math.sqrt(len(rates))
    # As near to the rate as one sample of the heavier part.
    assert abs(np.mean(rates) - 0.05) < 0.75 / 199 + 4 * error


def test_parts_as_large_as_their_shares_are_one_sample_of_the_whole() -> None:
    scores = np.random.default_rng(0).normal(size=150)
    for rate in (0.01, 0.05):
        parts = threshold_of_mixture(rate, [scores[:100], scores[100:]], [2 / 3, 1 / 3])
        assert parts == threshold_at(rate, scores)


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, math.nan])
def test_a_rate_lies_between_0_and_1(rate: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        threshold_at(rate, [1.0])


@pytest.mark.parametrize("scores", [[], [math.nan], [math.inf, 1.0], [[1.0]]])
def test_scores_are_finite_numbers(scores: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        threshold_at(0.05, scores)


def test_alarms_are_above_the_threshold_and_not_at_it() -> None:
    assert alarm_rate([1.0, 2.0, 2.0, 3.0], 2.0) == 0.25
    assert math.isnan(alarm_rate([], 2.0))
    assert math.isnan(alarm_rate([1.0], math.nan))
