"""Two runs against each other: the differences of their replicas, and tests of these.

Benavoli, Corani & Mangili, "Should We Really Use Post-Hoc Tests Based on Mean-Ranks?" (JMLR 2016):
a test of two runs' mean ranks depends on which other runs are in the table. So two are tested by
the signed ranks of their own differences, and p-values are adjusted by Holm's method within a
family of pairs: those named in advance, or those of the best run with each other one.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from cl_anomaly.statistics import ranks
from cl_anomaly.statistics.intervals import bootstrap_interval, mean_of_blocks
from cl_anomaly.statistics.pairing import by_block, has_blocks, units

NOT_DIFFERENT, BETTER, WORSE = "not different", "better", "worse"
NOT_TESTED = "not tested"
NAMED, BEST = "named", "best"
"""The families."""

Named = Sequence[tuple[str, str]]
"""Pairs of runs that are named in advance."""

_COLUMNS = (
    "run other difference low high probability_of_improvement unpaired observations p_wilcoxon "
    "rank_biserial"
)


def every_pair(
    values: pd.DataFrame, lower_is_better: bool, confidence: float, resamples: int
) -> pd.DataFrame:
    """Compare every two runs on the replicas that both have.

    Args:
        values: a row for each replica, a column for each run with results.
        lower_is_better: as of a false-positive rate.
        confidence: of the intervals.
        resamples: of the intervals.

    Returns:
        Columns as in `comparison.Comparison.pairs`, up to rank_biserial.
    """
    rows = [
        _pair(values, one, other, lower_is_better, confidence, resamples)
        for one, other in combinations(values.columns, 2)
    ]
    return pd.DataFrame(rows, columns=_COLUMNS.split())


def _pair(
    values: pd.DataFrame,
    run: str,
    other: str,
    lower_is_better: bool,
    confidence: float,
    resamples: int,
) -> dict[str, object]:
    both = values[values[[run, other]].notna().all(axis=1)]
    row: dict[str, object] = {"run": run, "other": other, "observations": 0}
    if both.empty:
        return row
    table = by_block(both[run] - both[other])
    sides = [by_block(both[name]) for name in (run, other)]
    better = sides[::-1] if lower_is_better else sides
    interval = bootstrap_interval(table, confidence=confidence, resamples=resamples)
    observed = units(both[[run, other]], has_blocks(values.dropna(how="all")))
    test = ranks.wilcoxon(observed[:, 0] - observed[:, 1])
    return row | {
        "difference": float(mean_of_blocks(table)),
        "low": interval.low,
        "high": interval.high,
        "probability_of_improvement": ranks.probability_of_improvement(*better),
        "unpaired": ranks.probability_of_improvement_unpaired(*better),
        "observations": len(observed),
        "p_wilcoxon": test.p,
        "rank_biserial": test.balance,
    }


def tested(
    pairs: pd.DataFrame, best: str | None, named: Named, alpha: float, lower_is_better: bool
) -> pd.DataFrame:
    """Add to each pair its family, the p-value that is adjusted within it, and the decision.

    Args:
        pairs: run, other, p_wilcoxon and rank_biserial of every two runs with results.
        best: the run whose pairs with all others are the family "best"; None for no such family.
        named: the pairs of the family "named", which are not in the other one. Those without
            results count in its size as if their p-value were 1.
        alpha: of the tests, for each family.
        lower_is_better: as of a false-positive rate.

    Returns:
        A new table with the columns family (empty for a pair in none), p_holm and decision.
    """
    table = pairs.assign(family="", p_holm=np.nan, decision=NOT_TESTED)
    couples = [{run, other} for run, other in zip(table["run"], table["other"], strict=True)]
    named_couples = [set(pair) for pair in named]
    is_named = np.array([couple in named_couples for couple in couples], dtype=bool)
    is_of_best = np.array([best in couple for couple in couples], dtype=bool) & ~is_named
    for family, is_member in ((NAMED, is_named), (BEST, is_of_best)):
        p = table.loc[is_member, "p_wilcoxon"].fillna(1.0).to_numpy(dtype=np.float64)
        missing = len(named) - len(p) if family == NAMED else 0
        table.loc[is_member, "family"] = family
        table.loc[is_member, "p_holm"] = ranks.holm([*p, *[1.0] * missing])[: len(p)]
    decisions = [_decided(row, alpha, lower_is_better) for row in table.to_dict("records")]
    return table.assign(decision=np.array(decisions, dtype=object))


def _decided(pair: dict, alpha: float, lower_is_better: bool) -> str:
    if not pair["family"] or np.isnan(pair["p_wilcoxon"]):
        return NOT_TESTED
    if pair["p_holm"] >= alpha:
        return NOT_DIFFERENT
    return BETTER if (pair["rank_biserial"] > 0) != lower_is_better else WORSE


def too_few(pairs: pd.DataFrame, named: Named, units: str, alpha: float) -> list[str]:
    """Name the families in which no difference, however large, could reach significance.

    The smallest p-value of n signed ranks is 2^(1 - n), and Holm multiplies the smallest of m by m.
    """
    sentences = []
    for family in (NAMED, BEST):
        of_family = pairs[(pairs["family"] == family) & (pairs["observations"] > 0)]
        if of_family.empty:
            continue
        count = int(of_family["observations"].max())
        most = len(named) if family == NAMED else len(of_family)
        if most * 2.0 ** (1 - count) < alpha:
            continue
        runs = {*pairs["run"], *pairs["other"]}
        one_of = f"none of the {most} pairs named in advance can" if most > 1 else ""
        subject = {
            NAMED: one_of or "no difference of the pair named in advance can",
            BEST: f"no difference between {len(runs)} runs can",
        }[family]
        sentences.append(f"With {counted(count, units)}, {subject} reach significance.")
    return sentences


def counted(count: int, units: str) -> str:
    """Write a number of observations with its unit, such as "1 seed"."""
    name = {"blocks": "anomaly classes and datasets", "seeds": "seeds"}[units]
    return f"{count} {name.removesuffix('s') if units == 'seeds' and count == 1 else name}"
