"""Ranks of several competitors, and tests on signed ranks of two.

Demšar, "Statistical Comparisons of Classifiers over Multiple Data Sets" (JMLR 2006). Values stand
in a table, (N, k): N blocks, in each of which k competitors are compared.

Functions that need SciPy's statistics import them: a page that shows recorded tests does not.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Table = NDArray[np.float64]


def ranks_of(values: ArrayLike, lower_is_better: bool = False) -> Table:
    """Rank the competitors of each block, (N, k), 1 being the best; equal ones share the mean."""
    table = _table(values)
    return pd.DataFrame(table).rank(axis=1, ascending=lower_is_better).to_numpy()


def friedman(values: ArrayLike) -> float:
    """Test whether k competitors are all the same, by their ranks; Friedman (1937).

    Returns:
        The p-value, by χ² with k − 1 degrees of freedom, corrected for ties.

    Raises:
        ValueError: there are fewer than three competitors or two blocks.
    """
    table = _table(values)
    if table.shape[0] < 2 or table.shape[1] < 3:
        raise ValueError(
            f"Expected three competitors or more in two blocks or more, but got the shape "
            f"{table.shape}."
        )
    if (table == table[:, :1]).all():
        return 1.0  # the statistic would be 0 / 0
    from scipy import stats

    return float(stats.friedmanchisquare(*table.T).pvalue)


def critical_difference(competitors: int, blocks: int, alpha: float = 0.05) -> float:
    """Compute Nemenyi's critical difference of two mean ranks.

    CD = q_α √(k(k+1) / 6N), q_α the studentised range's quantile over √2; Demšar (2006), section
    3.2.2.
    """
    from scipy import stats

    quantile = stats.studentized_range.ppf(1 - alpha, competitors, np.inf) / np.sqrt(2)
    return float(quantile * np.sqrt(competitors * (competitors + 1) / (6 * blocks)))


class SignedRanks(NamedTuple):
    """Wilcoxon's signed-rank test of paired differences.

    Attributes:
        p: for both sides.
        balance: from -1 to 1, the share of the ranks with positive differences minus that with
            negative ones (the matched-pairs rank-biserial correlation). Its sign says which is
            better.
    """

    p: float
    balance: float


def wilcoxon(differences: ArrayLike) -> SignedRanks:
    """Test whether two are different, by the signed ranks of their differences.

    Wilcoxon, "Individual Comparisons by Ranking Methods" (1945). As in `scipy.stats.wilcoxon`,
    differences of 0 are left out and equal ones share the mean of their ranks. The p-value is exact
    for any number of differences: each of the 2ⁿ signs of these ranks is equally likely.

    Args:
        differences: (N,), of one against the other in each block.

    Returns:
        p = 1 and balance = 0 where all differences are 0.
    """
    values = np.asarray(differences, dtype=np.float64)
    values = values[values != 0]
    if not len(values):
        return SignedRanks(1.0, 0.0)
    # Shared ranks are halves: doubled, all are whole numbers.
    ranks = (2 * pd.Series(np.abs(values)).rank()).to_numpy().astype(int)
    chances = np.ones(1)
    for rank in ranks:
        chances = (np.pad(chances, (rank, 0)) + np.pad(chances, (0, rank))) / 2
    positive, whole = int(ranks[values > 0].sum()), int(ranks.sum())
    tail = min(chances[: positive + 1].sum(), chances[positive:].sum())
    return SignedRanks(min(1.0, 2 * float(tail)), 2 * positive / whole - 1)


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Adjust p-values of several tests: max over the smaller ones of (m − rank + 1) · p, up to 1.

    Holm, "A Simple Sequentially Rejective Multiple Test Procedure" (1979).
    """
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    adjusted = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    result = np.empty_like(values)
    result[order] = np.minimum(adjusted, 1.0)
    return result


def groups_not_different(mean_ranks: ArrayLike, difference: float) -> list[list[int]]:
    """Find the largest groups whose mean ranks, (k,), lie no farther apart than `difference`.

    Returns:
        Places of two or more, from the best rank on; no group is part of another.
    """
    ranks = np.asarray(mean_ranks, dtype=np.float64)
    order, groups, reached = np.argsort(ranks, kind="stable"), [], 0
    for start, first in enumerate(order):
        within = ranks[order] <= ranks[first] + difference
        end = int(within.sum())
        if end - start > 1 and end > reached:
            groups.append(order[start:end].tolist())
            reached = end
    return groups


def probability_of_improvement(x: ArrayLike, y: ArrayLike) -> float:
    """Compute how often X is better than Y with the same seed in the same block.

    Mean over the blocks of mean over the seeds of [x > y] + ½ [x = y]; in [0, 1], NaN without any
    pair. Both are (B, S), and higher is better. A pair with a NaN does not count.
    """
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    wins = np.where(np.isnan(a) | np.isnan(b), np.nan, (a > b) + 0.5 * (a == b))
    return _mean([_mean(block[~np.isnan(block)]) for block in wins])


def probability_of_improvement_unpaired(x: ArrayLike, y: ArrayLike) -> float:
    """Compute how often any replica of X is better than any of Y in the same block.

    1 / B Σ_b U_b / (n_b m_b), U of Mann & Whitney; Agarwal et al., "Deep Reinforcement Learning at
    the Edge of the Statistical Precipice" (NeurIPS 2021), section 4.3. In [0, 1], NaN if no block
    has both. X is (B, S), Y is (B, T), and higher is better. NaN does not count.
    """
    shares = []
    for a, b in zip(np.asarray(x, np.float64), np.asarray(y, np.float64), strict=True):
        a, b = a[~np.isnan(a)][:, None], b[~np.isnan(b)]
        shares.append(_mean((a > b) + 0.5 * (a == b)))
    return _mean(shares)


def _mean(values: ArrayLike) -> float:
    numbers = np.asarray(values, dtype=np.float64)
    numbers = numbers[~np.isnan(numbers)]
    return float(numbers.mean()) if numbers.size else float("nan")


def _table(values: ArrayLike) -> Table:
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or np.isnan(table).any():
        raise ValueError(
            f"Expected values of shape (blocks, competitors), without NaN, but got {table.shape}."
        )
    return table
