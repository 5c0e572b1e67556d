"""Interquartile mean against scipy; bootstrap intervals against what is true of made-up data."""

import numpy as np
import pytest
from scipy.stats import trim_mean

from cl_anomaly.statistics.intervals import bootstrap_interval, interquartile_mean, mean_of_blocks


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (1, 4), (3, 5), (10, 3), (11, 10)])
def test_interquartile_mean_is_scipys(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(shape[1]).normal(size=shape)
    assert interquartile_mean(values) == pytest.approx(trim_mean(values.ravel(), 0.25))


def test_interquartile_mean_of_what_is_there() -> None:
    values = np.array([[5.0, np.nan, 1.0], [2.0, 100.0, np.nan]])
    assert interquartile_mean(values) == pytest.approx((2.0 + 5.0) / 2)
    assert np.isnan(interquartile_mean(np.full((2, 2), np.nan)))
    assert interquartile_mean(np.stack([values, 2 * values])).tolist() == [3.5, 7.0]


def test_every_block_counts_the_same() -> None:
    # 0.5 of one seed, and the mean 0.8 of two.
    values = np.array([[0.5, np.nan], [0.7, 0.9]])
    assert mean_of_blocks(values) == pytest.approx(0.65)
    assert mean_of_blocks(np.array([[0.5, 0.7], [np.nan, np.nan]])) == pytest.approx(0.6)


def covered(
    seeds_vary: float, blocks_vary: float, shape: tuple[int, int], resample_all: bool
) -> float:
    """How often a 95 % interval holds the true mean, 0."""
    random, hits, trials = np.random.default_rng(0), 0, 300
    for trial in range(trials):
        values = seeds_vary * random.normal(size=shape[1]) + blocks_vary * random.normal(
            size=(shape[0], 1)
        )
        values = values + 0.1 * random.normal(size=shape)
        table = values if resample_all else values.reshape(1, -1)
        low, high = bootstrap_interval(table, resamples=300, seed=trial)
        hits += low <= 0 <= high
    return hits / trials


@pytest.mark.parametrize(
    ("seeds_vary", "blocks_vary"),
    [(1.0, 0.0), (0.0, 1.0), (0.7, 0.7)],
    ids=["seeds", "blocks", "both"],
)
def test_intervals_cover_what_seeds_and_classes_have_in_common(
    seeds_vary: float, blocks_vary: float
) -> None:
    assert 0.88 < covered(seeds_vary, blocks_vary, (15, 15), resample_all=True) < 0.99
    # Replica by replica, what they have in common would be taken for many independent values.
    assert covered(seeds_vary, blocks_vary, (15, 15), resample_all=False) < 0.6


def test_of_one_block_the_seeds_are_resampled() -> None:
    random = np.random.default_rng(1)
    values = random.normal(size=(1, 40))
    low, high = bootstrap_interval(values, resamples=4000)
    margin = 1.96 * values.std() / np.sqrt(40)
    np.testing.assert_allclose([low, high], values.mean() + np.array([-margin, margin]), atol=0.03)
    assert bootstrap_interval(values.T, resamples=4000).low == pytest.approx(low, abs=0.03)


def test_pairs_are_resampled_as_pairs() -> None:
    x = np.random.default_rng(2).normal(size=(6, 4))
    # The difference is the same in all: it has no spread, however much the values themselves have.
    low, high = bootstrap_interval((x + 0.25) - x)
    assert (low, high) == (pytest.approx(0.25), pytest.approx(0.25))
    assert bootstrap_interval(x) == bootstrap_interval(x), "the same draws every time"


def test_missing_replicas_do_not_count() -> None:
    values = np.array([[0.5, np.nan, 0.7], [0.6, 0.8, np.nan]])
    low, high = bootstrap_interval(values)
    assert 0.5 <= low < mean_of_blocks(values) < high < 0.8 + 1e-12


def test_of_one_number_nothing_is_known() -> None:
    assert np.isnan(bootstrap_interval([[0.5, np.nan]])).all()


@pytest.mark.parametrize(
    ("values", "confidence"), [([0.5, 0.6], 0.95), ([[0.5, 0.6]], 1.0), ([[0.5, 0.6]], 0.0)]
)
def test_mistakes_are_named(values: list, confidence: float) -> None:
    with pytest.raises(ValueError, match=r"shape \(blocks, seeds\) and a confidence between"):
        bootstrap_interval(values, confidence=confidence)
