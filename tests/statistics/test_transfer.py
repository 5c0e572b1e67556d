"""Every formula of transfer, on one matrix, by hand."""

import math
from collections.abc import Callable

import pytest

from cl_anomaly.statistics import transfer
from cl_anomaly.statistics.forgetting import backward_transfer, forgetting
from cl_anomaly.statistics.transfer import OF_THE_MATRIX, forward_transfer, transfer_of

# After task i (row), on task j (column). Task 2 was better before it was learnt than ever after.
S = [
    [0.90, 0.85, 0.20],
    [0.95, 0.80, 0.60],
    [0.70, 0.65, 0.85],
]
UNTRAINED = [0.55, 0.45, 0.40]


def test_forward_transfer_is_what_a_task_gains_before_it_comes() -> None:
    # S12 − S02 = 0.85 − 0.45 = 0.40; S23 − S03 = 0.60 − 0.40 = 0.20; their mean.
    assert forward_transfer(S, UNTRAINED) == pytest.approx(0.30)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("average", (0.70 + 0.65 + 0.85) / 3),
        # S21 − S11, S31 − S11, S32 − S22
        ("backward_transfer", (0.05 - 0.20 - 0.15) / 3),
        ("lifelong_bwt", (0.05 - 0.20 - 0.15) / 3),
        # S31 − S11, S32 − S22
        ("gem_backward_transfer", (-0.20 - 0.15) / 2),
        # S21 − S11, S31 − S21, S32 − S22
        ("pyclad_backward_transfer", (0.05 - 0.25 - 0.15) / 3),
        # max(0.90, 0.95) − 0.70 and 0.80 − 0.65
        ("forgetting", (0.25 + 0.15) / 2),
        # max(0.90, 0.95) − 0.70 and max(0.85, 0.80) − 0.65
        ("pyclad_forgetting_measure", (0.25 + 0.20) / 2),
        # On the diagonal and below it
        ("lifelong_roc_auc", (0.90 + 0.95 + 0.80 + 0.70 + 0.65 + 0.85) / 6),
        ("pyclad_continual_average", (0.90 + 0.95 + 0.80 + 0.70 + 0.65 + 0.85) / 6),
        # Above it
        ("lifelong_fwt", (0.85 + 0.20 + 0.60) / 3),
        ("pyclad_forward_transfer", (0.85 + 0.20 + 0.60) / 3),
        ("forward_transfer", 0.30),
    ],
)
def test_every_name_has_its_formula(name: str, expected: float) -> None:
    assert transfer_of(S, UNTRAINED)[name] == pytest.approx(expected)


def test_no_name_is_left_out_above() -> None:
    assert set(transfer_of(S, UNTRAINED)) == {*OF_THE_MATRIX, "forward_transfer"}
    assert len(OF_THE_MATRIX) == 11


def test_pyclads_code_is_not_its_documentation() -> None:
    # 0.9, then 0.7, then 0.5 on task 1; 0.9, then 0.7 on task 2. Steps: −0.2 each. Since they were
    # learnt: −0.2, −0.4, −0.2.
    s = [[0.9, 0.5, 0.5], [0.7, 0.9, 0.5], [0.5, 0.7, 0.9]]
    assert transfer.pyclad_backward_transfer(s) == pytest.approx(-0.2)
    assert backward_transfer(s) == pytest.approx(-0.8 / 3)


@pytest.mark.parametrize("untrained", [None, [math.nan, 0.5, 0.5]])
def test_without_row_0_there_is_no_forward_transfer(untrained: list[float] | None) -> None:
    values = transfer_of(S, untrained)
    assert "forward_transfer" not in values
    assert values["forgetting"] == forgetting(S)


def test_one_task_has_nothing_to_transfer() -> None:
    values = transfer_of([[0.75]], [0.5])
    defined = {"average", "lifelong_roc_auc", "pyclad_continual_average"}
    assert {name for name, value in values.items() if not math.isnan(value)} == defined


def test_row_0_has_as_many_tasks_as_the_matrix() -> None:
    with pytest.raises(ValueError, match=r"each of 3 tasks, but got the shape \(2,\)"):
        forward_transfer(S, [0.5, 0.5])


@pytest.mark.parametrize("function", [*OF_THE_MATRIX.values(), lambda s: forward_transfer(s, [1])])
def test_a_result_matrix_is_square(function: Callable[[object], float]) -> None:
    for s in ([], [0.5, 0.6], [[0.5, 0.6]]):
        with pytest.raises(ValueError, match=r"\(N, N\), but got \("):
            function(s)
