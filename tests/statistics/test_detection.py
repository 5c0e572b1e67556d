"""AUROC, average precision at a prevalence, and the false-positive rate at a true-positive rate."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from cl_anomaly.statistics.detection import auroc, average_precision, fpr_at_tpr, placements

Arrays = tuple[np.ndarray, np.ndarray]


def made_up(normal: int, anomalies: int, levels: int) -> Arrays:
    """Scores that overlap; few levels make many ties."""
    random = np.random.default_rng(levels + normal)
    a = random.integers(0, levels, normal).astype(np.float32) / 7
    b = (random.integers(0, levels, anomalies) + levels // 3).astype(np.float32) / 7
    return a, b


def pairwise(normal: np.ndarray, anomalies: np.ndarray) -> float:
    """Of all pairs, how many are in the right order; a tie is half of one."""
    pairs = list(product(anomalies, normal))
    return sum((a > n) + 0.5 * (a == n) for a, n in pairs) / len(pairs)


@pytest.mark.parametrize("levels", [1, 2, 5, 1000])
@pytest.mark.parametrize(("normal", "anomalies"), [(40, 25), (1, 30), (30, 1)])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e4])
def test_auroc_counts_pairs(levels: int, normal: int, anomalies: int, scale: float) -> None:
    random = np.random.default_rng(levels)
    # Few levels make many ties.
    a = scale * random.integers(0, levels, normal).astype(np.float32)
    b = scale * random.integers(0, levels, anomalies).astype(np.float32)
    truth = [0] * normal + [1] * anomalies
    assert auroc(a, b) == pytest.approx(pairwise(a, b), abs=1e-12)
    assert auroc(a, b) == pytest.approx(float(roc_auc_score(truth, [*a, *b])), abs=1e-12)


@pytest.mark.parametrize(
    ("normal", "anomalies", "expected"),
    [
        ([0.1, 0.2], [0.8, 0.9], 1.0),
        ([0.8, 0.9], [0.1, 0.2], 0.0),
        ([0.5, 0.5], [0.5], 0.5),
        # Above 1, where a sigmoid would make them all the same.
        ([20.0, 21.0], [22.0, 500.0], 1.0),
        ([-3.0, -2.0], [-1.0, 7.0], 1.0),
        # Pairs: 3>1, 3>2, 3<4 of one anomaly; 2>1, 2=2, 2<4 of the other: (2 + 1.5) / 6.
        ([1.0, 2.0, 4.0], [3.0, 2.0], 3.5 / 6),
    ],
)
def test_auroc_by_hand(normal: list[float], anomalies: list[float], expected: float) -> None:
    assert auroc(np.array(normal), np.array(anomalies)) == pytest.approx(expected)


def test_placements_by_hand() -> None:
    # Of the anomalies 2, 3, 3 and 5: all score above 1; two and a half above 3; none above 6.
    placed = placements(np.array([3.0, 1.0, 6.0]), np.array([3.0, 5.0, 2.0, 3.0]))
    np.testing.assert_array_equal(placed, [0.5, 1.0, 0.0])


def test_placements_average_to_the_auroc_of_any_part() -> None:
    random = np.random.default_rng(0)
    normal, anomalies = random.integers(0, 30, 200) / 7, random.integers(5, 40, 90) / 7
    placed = placements(normal, anomalies)
    for part in (normal > 2, np.arange(200) < 3, np.arange(200) % 5 == 0):
        truth = [0] * part.sum() + [1] * 90
        expected = roc_auc_score(truth, [*normal[part], *anomalies])
        assert placed[part].mean() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("normal", "anomalies"), [([], [1.0]), ([1.0], []), ([], [])])
def test_auroc_of_nothing(normal: list[float], anomalies: list[float]) -> None:
    with pytest.raises(ValueError, match="empty"):
        auroc(np.array(normal), np.array(anomalies))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_auroc_of_what_is_not_finite(value: float) -> None:
    for normal, anomalies in (([0.1, value], [0.5]), ([0.1, 0.2], [0.5, value])):
        for metric in (auroc, placements):
            with pytest.raises(ValueError, match="NaN|infinity"):
                metric(np.array(normal), np.array(anomalies))


@pytest.mark.parametrize("levels", [1, 2, 6, 100_000])
@pytest.mark.parametrize(("normal", "anomalies"), [(300, 40), (40, 300), (1, 30), (30, 1)])
@pytest.mark.parametrize("prevalence", [0.1, 0.5, 0.01])
def test_average_precision_is_scikit_learns_with_weights(
    normal: int, anomalies: int, levels: int, prevalence: float
) -> None:
    a, b = made_up(normal, anomalies, levels)
    weights = [(1 - prevalence) / normal] * normal + [prevalence / anomalies] * anomalies
    expected = average_precision_score(
        [0] * normal + [1] * anomalies, [*a, *b], sample_weight=weights
    )
    assert average_precision(a, b, prevalence) == pytest.approx(float(expected), abs=1e-12)


def test_average_precision_by_hand() -> None:
    # Thresholds 4 (one anomaly of two, no normal sample): recall 1/2, precision 1.
    # Threshold 2 (both, and one normal sample of four): recall 1,
    # precision 0.1 / (0.1 + 0.9 · 1/4) = 0.1 / 0.325. So 1/2 + 1/2 · 0.1 / 0.325.
    found = average_precision([3.0, 1.0, 0.0, 1.5], [4.0, 2.0])
    assert found == pytest.approx(0.5 + 0.5 * 0.1 / 0.325)


def test_more_normal_samples_of_the_same_kind_change_nothing() -> None:
    a, b = made_up(50, 40, 9)
    assert average_precision(np.tile(a, 20), b) == pytest.approx(average_precision(a, b))
    raw = [
        average_precision_score([0] * len(own) + [1] * len(b), [*own, *b])
        for own in (a, np.tile(a, 20))
    ]
    assert raw[1] < 0.6 * raw[0], "which the raw one does not say"


def test_chance_is_the_prevalence() -> None:
    assert average_precision([1.0] * 7, [1.0] * 3) == pytest.approx(0.1)


@pytest.mark.parametrize("levels", [1, 2, 6, 100_000])
@pytest.mark.parametrize(("normal", "anomalies"), [(300, 40), (40, 20), (1, 30), (30, 1), (9, 60)])
@pytest.mark.parametrize("rate", [0.95, 0.8, 1.0])
def test_fpr_is_that_of_scikit_learns_curve(
    normal: int, anomalies: int, levels: int, rate: float
) -> None:
    a, b = made_up(normal, anomalies, levels)
    truth = [0] * normal + [1] * anomalies
    false, true, _ = roc_curve(truth, [*a, *b], drop_intermediate=False)
    expected = false[np.argmax(true >= rate - 1e-12)]
    assert fpr_at_tpr(a, b, rate) == pytest.approx(float(expected), abs=1e-12)


def test_fpr_by_hand() -> None:
    # 19 of 20 anomalies score 2 or more, the last one 0: at 95 % the threshold is 2.
    anomalies = [2.0] + [5.0] * 18 + [0.0]
    assert fpr_at_tpr([1.0, 2.0, 3.0, -1.0], anomalies) == 0.5  # 2 and 3 of four
    assert fpr_at_tpr([1.0, 2.0, 3.0, -1.0], anomalies, rate=0.96) == 0.75  # 1, too


@pytest.mark.parametrize("metric", [average_precision, fpr_at_tpr])
def test_scores_must_be_there_and_finite(metric: Callable[..., float]) -> None:
    for normal, anomalies in (([], [1.0]), ([1.0], [])):
        with pytest.raises(ValueError, match="empty"):
            metric(normal, anomalies)
    for value in (np.nan, np.inf):
        with pytest.raises(ValueError, match="NaN or infinity"):
            metric([0.1, value], [0.5])
        with pytest.raises(ValueError, match="NaN or infinity"):
            metric([0.1], [0.5, value])


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1])
def test_shares_out_of_range_are_refused(share: float) -> None:
    for metric in (average_precision, fpr_at_tpr):
        with pytest.raises(ValueError, match=r"Expected a .* 1, but got"):
            metric([0.1], [0.5], share)
