"""Rank tests, against scipy, scikit-posthocs and Demšar's own example."""

from itertools import product
from typing import Any

import numpy as np
import pytest
import scikit_posthocs
from scipy import stats

from cl_anomaly.statistics import ranks

# Demšar (JMLR 2006), table 6: AUC of C4.5, C4.5+m, C4.5+cf and C4.5+m+cf on 14 datasets.
# Of the thirteenth it prints 0.975 twice, and ranks the two as 2 and 3.
DEMSAR = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.97501, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ]
)


def test_demsars_example() -> None:
    mean = ranks.ranks_of(DEMSAR).mean(0)
    # As printed there, below table 6.
    np.testing.assert_allclose(mean, [3.143, 2.000, 2.893, 1.964], atol=5e-4)
    assert ranks.critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)
    assert ranks.critical_difference(4, 14, alpha=0.1) == pytest.approx(1.12, abs=0.005)
    # "At p = 0.10 … C4.5 is significantly worse than C4.5+m and C4.5+m+cf"; at 0.05 nothing is.
    assert ranks.groups_not_different(mean, ranks.critical_difference(4, 14)) == [[3, 1, 2, 0]]
    groups = ranks.groups_not_different(mean, ranks.critical_difference(4, 14, alpha=0.1))
    assert groups == [[3, 1, 2], [2, 0]]
    # χ² = 9.28 there, without the correction for ties, which makes it larger.
    square = 12 * 14 / (4 * 5) * ((mean**2).sum() - 4 * 25 / 4)
    assert square == pytest.approx(9.28, abs=0.01)
    assert ranks.friedman(DEMSAR) < stats.chi2.sf(9.28, 3) < 0.03


def test_friedman_is_scipys() -> None:
    expected = stats.friedmanchisquare(*DEMSAR.T).pvalue
    assert ranks.friedman(DEMSAR) == pytest.approx(expected, abs=1e-15)
    assert ranks.friedman(np.ones((5, 3))) == 1.0
    # Every block ranks them alike: χ² = N (k − 1) = 10, and 2 degrees of freedom.
    same = np.tile([0.3, 0.2, 0.1], (5, 1))
    assert ranks.friedman(same) == pytest.approx(np.exp(-10 / 2))


@pytest.mark.parametrize(("blocks", "competitors"), [(14, 4), (8, 3), (20, 18)])
def test_the_critical_difference_is_where_scikit_posthocs_p_value_is_alpha(
    blocks: int, competitors: int
) -> None:
    random = np.random.default_rng(blocks)
    values = random.normal(size=(blocks, competitors)) + np.linspace(0, 2, competitors)
    mean = ranks.ranks_of(values).mean(0)
    apart = np.abs(mean[:, None] - mean) > ranks.critical_difference(competitors, blocks)
    p = scikit_posthocs.posthoc_nemenyi_friedman(values).to_numpy()
    np.testing.assert_array_equal(apart, p < 0.05)
    assert 0 < apart.sum() < competitors * (competitors - 1)


def test_lower_may_be_better() -> None:
    values = [[0.1, 0.3, 0.3], [0.5, 0.2, 0.9]]
    np.testing.assert_array_equal(ranks.ranks_of(values), [[3, 1.5, 1.5], [2, 3, 1]])
    np.testing.assert_array_equal(ranks.ranks_of(values, True), [[1, 2.5, 2.5], [2, 1, 3]])


def test_wilcoxon_by_hand() -> None:
    # All six differences are on one side: of 2⁶ signs, two are as extreme.
    assert ranks.wilcoxon([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]) == pytest.approx((2 / 2**6, 1.0))
    assert ranks.wilcoxon([-0.1, -0.2, -0.3]) == pytest.approx((2 / 2**3, -1.0))
    assert ranks.wilcoxon([0.0, 0.0]) == (1.0, 0.0)
    # Differences of 0 say nothing.
    assert ranks.wilcoxon([0.1, 0.0, 0.2, 0.3]) == pytest.approx((2 / 2**3, 1.0))
    # Ranks 1, 2 and 3, of which 3 is negative: as many on either side.
    assert ranks.wilcoxon([0.1, 0.2, -0.3]) == pytest.approx((1.0, 0.0))
    # Ranks 1.5, 1.5 and 3, of which 4.5 are positive: 3 of the 8 signs have as many or more.
    assert ranks.wilcoxon([0.25, -0.25, 0.5]) == pytest.approx((6 / 8, 0.5))


@pytest.mark.parametrize("seed", range(12))
def test_wilcoxon_is_scipys(seed: int) -> None:
    random = np.random.default_rng(seed)
    # Whole numbers: many are equal, and some are 0. SciPy is exact for 13 of such.
    values = random.integers(-4, 7, size=13 - seed % 4)
    scipys: Any = stats.wilcoxon(values)
    assert ranks.wilcoxon(values).p == pytest.approx(scipys.pvalue, rel=1e-12)
    # Of different ones it is exact for 50.
    many = random.normal(0.3, 1, size=50)
    scipys = stats.wilcoxon(many, method="exact")
    assert ranks.wilcoxon(many).p == pytest.approx(scipys.pvalue, rel=1e-9)


def test_wilcoxon_is_exact_where_many_are_equal() -> None:
    # 4 groups of equal ones, 15 in all: scipy approximates. Every sign is tried here.
    values = np.array([1, 1, -1, 2, 3] * 3)
    signed = stats.rankdata(np.abs(values))
    signs = np.array(list(product((0, 1), repeat=15))) @ signed
    seen = signed[values > 0].sum()
    expected = 2 * min((signs >= seen).mean(), (signs <= seen).mean())
    assert ranks.wilcoxon(values).p == pytest.approx(expected, rel=1e-12)


def test_holm_by_hand() -> None:
    # 3 · 0.01; 2 · 0.02 = 0.04; 1 · 0.03, which is raised to the one before.
    np.testing.assert_allclose(ranks.holm([0.03, 0.01, 0.02]), [0.04, 0.03, 0.04])
    np.testing.assert_allclose(ranks.holm([0.9, 0.6]), [1.0, 1.0])


@pytest.mark.parametrize(
    ("means", "difference", "groups"),
    [
        ([1.0, 2.0, 3.0, 4.0], 1.0, [[0, 1], [1, 2], [2, 3]]),
        ([4.0, 1.0, 2.0], 1.5, [[1, 2]]),
        ([1.0, 2.0, 3.0], 5.0, [[0, 1, 2]]),
        ([1.0, 4.0], 1.0, []),
        # {2.0, 2.9} is part of {1.0, 2.0, 2.9}.
        ([1.0, 2.0, 2.9, 4.5], 1.95, [[0, 1, 2], [2, 3]]),
    ],
)
def test_groups_are_the_largest(
    means: list[float], difference: float, groups: list[list[int]]
) -> None:
    assert ranks.groups_not_different(means, difference) == groups


def test_probability_of_improvement_by_hand() -> None:
    x, y = [[0.9, 0.5], [0.4, 0.7]], [[0.8, 0.6], [0.4, 0.6]]
    # Block 1: 0.9 > 0.8, 0.5 < 0.6: 1/2. Block 2: 0.4 = 0.4, 0.7 > 0.6: 3/4.
    assert ranks.probability_of_improvement(x, y) == pytest.approx(5 / 8)
    # All pairs. Block 1: 0.9 beats both, 0.5 none: 2/4. Block 2: 0.4 ties one, 0.7 beats both.
    assert ranks.probability_of_improvement_unpaired(x, y) == pytest.approx(4.5 / 8)
    # Infinite ones are compared as well: a tie and a win.
    infinite = ranks.probability_of_improvement([[np.inf, np.inf]], [[np.inf, -np.inf]])
    assert infinite == pytest.approx(3 / 4)
    missing = [[0.9, np.nan], [np.nan, np.nan]]
    assert ranks.probability_of_improvement(missing, y) == 1.0
    assert np.isnan(ranks.probability_of_improvement(np.full((2, 2), np.nan), y))


def test_the_unpaired_one_is_mann_and_whitneys() -> None:
    random = np.random.default_rng(3)
    x, y = random.integers(0, 9, (4, 7)) / 9, random.integers(2, 11, (4, 5)) / 9
    expected = np.mean([stats.mannwhitneyu(a, b).statistic / 35 for a, b in zip(x, y, strict=True)])
    assert ranks.probability_of_improvement_unpaired(x, y) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("values", [[1.0, 2.0], [[1.0, np.nan]]])
def test_ranks_are_of_whole_tables(values: list) -> None:
    with pytest.raises(ValueError, match=r"\(blocks, competitors\), without NaN"):
        ranks.ranks_of(values)


@pytest.mark.parametrize("shape", [(1, 3), (5, 2)])
def test_friedman_needs_three_in_two_blocks(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="three competitors or more in two blocks or more"):
        ranks.friedman(np.ones(shape))
