"""Intervals by resampling whole seeds and whole anomaly classes, and robust means.

Replicas with the same seed, or of the same anomaly class, have something in common: to resample
them one by one would give intervals that are too narrow. Values stand in a table, (B, S): B blocks,
each an anomaly class of a dataset, and S seeds; NaN where a replica has no result.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 2000

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Of tables (..., B, S), a number each (...,); passes over NaN."""


class Interval(NamedTuple):
    """Confidence intervals of a statistic by resampling."""

    low: float
    high: float


def mean_of_blocks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take the mean over blocks of the mean over seeds: every anomaly class counts the same.

    From (..., B, S) to (...,). NaN does not count, nor does a block without any number.
    """
    return mean_of_numbers(mean_of_numbers(values))


def interquartile_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take the mean of the middle half of all replicas: ⌊n / 4⌋ on either side are left out.

    Agarwal et al., "Deep Reinforcement Learning at the Edge of the Statistical Precipice" (NeurIPS
    2021), section 4.3; equal to `scipy.stats.trim_mean(values, 0.25)`. From (..., B, S) to (...,);
    NaN does not count.
    """
    ascending = np.sort(values.reshape(*values.shape[:-2], -1), axis=-1)  # NaN last
    count = (~np.isnan(ascending)).sum(-1, keepdims=True)
    place, cut = np.arange(ascending.shape[-1]), count // 4
    inner = (place >= cut) & (place < count - cut)
    return mean_of_numbers(np.where(inner, ascending, np.nan))


def bootstrap_interval(
    values: ArrayLike,
    statistic: Statistic = mean_of_blocks,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Resample seeds and blocks, each with replacement, and take percentiles of the statistic.

    Rows and columns are drawn apart from each other, and a resample holds every drawn seed of every
    drawn block: the pigeonhole bootstrap of Owen, "The pigeonhole bootstrap" (Annals of Applied
    Statistics 2007), section 3. One block, or one seed, is kept as it is. Of few seeds and classes
    the interval is too narrow, as every bootstrap's; the draws are the same for every table of the
    same shape, so that runs that are paired are resampled as pairs.

    Args:
        values: (B, S), of one run, or the differences of two that are paired.
        statistic: of a table.
        confidence: above 0 and below 1.
        resamples: how many.
        seed: of the draws.

    Returns:
        NaN and NaN for fewer than two observations. Seeds of an only block that all give the same
        number, as those of a closed form do, are one observation.

    Raises:
        ValueError: the values are no table, or the confidence is out of range.
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or not 0 < confidence < 1:
        raise ValueError(
            f"Expected values of shape (blocks, seeds) and a confidence between 0 and 1, but got "
            f"the shape {table.shape} and {confidence}."
        )
    known = table[~np.isnan(table)]
    if len(known) < 2 or (len(table) == 1 and (known == known[0]).all()):
        return Interval(float("nan"), float("nan"))
    random = np.random.default_rng(seed)
    blocks, seeds = (random.integers(0, size, (resamples, size)) for size in table.shape)
    resampled = statistic(table[blocks[:, :, None], seeds[:, None, :]])
    outside = (1 - confidence) / 2
    low, high = np.nanquantile(resampled, [outside, 1 - outside])
    return Interval(float(low), float(high))


def mean_of_numbers(values: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
    """Take the mean over an axis of the numbers that are not NaN; NaN without any."""
    count = (~np.isnan(values)).sum(axis)
    return np.where(count, np.nansum(values, axis) / np.maximum(count, 1), np.nan)
