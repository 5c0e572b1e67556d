import math
from collections.abc import Callable

import pytest

from cl_anomaly.statistics.forgetting import (
    average,
    backward_transfer,
    forgetting,
    gap_closed,
)

# After task i (row), on task j (column). Task 1 is best after task 2, and task 3 has a value
# before it is learnt, which neither backward transfer nor forgetting may look at.
S = [
    [0.90, 0.50, 0.20],
    [0.95, 0.80, 0.60],
    [0.70, 0.60, 0.85],
]


def test_average_is_the_mean_of_the_last_row() -> None:
    # (0.70 + 0.60 + 0.85) / 3 = 2.15 / 3
    assert average(S) == pytest.approx(2.15 / 3)


def test_backward_transfer_is_the_mean_change_since_a_task_was_learnt() -> None:
    # S21 − S11 = 0.95 − 0.90 = +0.05
    # S31 − S11 = 0.70 − 0.90 = −0.20
    # S32 − S22 = 0.60 − 0.80 = −0.20
    # (0.05 − 0.20 − 0.20) / 3 = −0.35 / 3
    assert backward_transfer(S) == pytest.approx(-0.35 / 3)


def test_forgetting_is_the_mean_loss_since_a_task_was_known_best() -> None:
    # Task 1: max(S11, S21) − S31 = max(0.90, 0.95) − 0.70 = 0.25
    # Task 2:           S22 − S32 =             0.80 − 0.60 = 0.20
    # (0.25 + 0.20) / 2
    assert forgetting(S) == pytest.approx(0.225)


def test_forgetting_is_negative_where_a_task_became_better() -> None:
    # Task 1: 0.6 − 0.9. The last row is no past: the maximum must not be taken over it.
    assert forgetting([[0.6, 0.5], [0.9, 0.7]]) == pytest.approx(-0.3)


def test_forgetting_does_not_count_from_before_a_task_was_learnt() -> None:
    # Task 2 had 0.99 by chance after task 1. Task 1: 0.9 − 0.9; task 2: 0.7 − 0.6; mean 0.05.
    s = [[0.9, 0.99, 0.5], [0.9, 0.7, 0.5], [0.9, 0.6, 0.8]]
    assert forgetting(s) == pytest.approx(0.05)


def test_one_task_has_no_past() -> None:
    assert average([[0.75]]) == 0.75
    assert math.isnan(backward_transfer([[0.75]]))
    assert math.isnan(forgetting([[0.75]]))


@pytest.mark.parametrize("metric", [average, backward_transfer, forgetting])
@pytest.mark.parametrize("s", [[], [[]], [0.5, 0.6], [[0.5, 0.6]], [[[0.5]]], 0.5], ids=str)
def test_a_result_matrix_is_square(metric: Callable[[object], float], s: object) -> None:
    with pytest.raises(ValueError, match=r"\(N, N\), but got \("):
        metric(s)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.6, 0.0), (0.9, 1.0), (0.75, 0.5), (0.5, -1 / 3), (0.96, 1.2)],
)
def test_gap_closed(value: float, expected: float) -> None:
    assert gap_closed(value, lower=0.6, upper=0.9) == pytest.approx(expected)


@pytest.mark.parametrize("upper", [0.5, 0.519, 0.4])
def test_gap_closed_is_undefined_where_there_is_hardly_a_gap(upper: float) -> None:
    assert math.isnan(gap_closed(0.51, lower=0.5, upper=upper))


def test_gap_closed_is_defined_from_two_hundredths_on() -> None:
    # From 0, so that the difference is 0.02 exactly.
    assert gap_closed(0.01, lower=0.0, upper=0.02) == pytest.approx(0.5)
