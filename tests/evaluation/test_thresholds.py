import math

import numpy as np
import pytest

from cl_anomaly.evaluation.thresholds import alarm_rate, threshold_at


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
