"""Comparison of runs: means with intervals, ranks, and which runs are different.

Replicas are paired across runs: the same dataset, anomaly class, seed and order. A block is an
anomaly class of a dataset.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cl_anomaly.statistics import ranks
from cl_anomaly.statistics.aurocs import HEADLINE
from cl_anomaly.statistics.intervals import (
    RESAMPLES,
    Interval,
    bootstrap_interval,
    interquartile_mean,
    mean_of_blocks,
)
from cl_anomaly.statistics.pair_tests import (
    BETTER,
    NOT_DIFFERENT,
    WORSE,
    Named,
    every_pair,
    tested,
    too_few,
)
from cl_anomaly.statistics.pairing import (
    by_block,
    has_blocks,
    ignores_its_seed,
    in_words,
    units,
    values_of,
)

_ALPHA = 0.05


@dataclass(frozen=True, eq=False)
class Comparison:
    """Several runs on the same scenarios, as far as their replicas are paired.

    Attributes:
        metric: what is compared, after the last task.
        score: by which it was measured.
        alpha: of the tests; the intervals' confidence is 1 − alpha.
        table: a row for each run, in their order: run, mean, sd (of the units), low, high, iqm,
            iqm_low, iqm_high, rank (mean, 1 is the best), replicas, missing, not_different_from
            (names with ", ", from the pairs that are tested). Means and ranks are of the replicas
            that all runs with results have; those of a run without any result are empty.
        pairs: a row for each two runs: run, other, difference (of the means), low, high,
            probability_of_improvement (paired), unpaired (the same), observations (of the test),
            p_wilcoxon, rank_biserial (whose sign says who is better), family ("named", "best" or
            empty), p_holm (within the family) and decision: `run` is better, worse, not different,
            or not tested. All are of the replicas that these two have.
        units: what the tests are over: "blocks", or "seeds" where there is only one block.
        count: how many of these all runs have.
        best: the run with the best mean; None where no run has one.
        named: pairs that were named in advance.
        friedman: the p-value that all runs are the same, beside the picture of mean ranks; it
            decides nothing. None for fewer than three.
        critical_difference: of two mean ranks (Nemenyi), for the same picture.
        remarks: a sentence for each result that is missing and each test without power.
    """

    metric: str
    score: str
    alpha: float
    table: pd.DataFrame
    pairs: pd.DataFrame
    units: str
    count: int
    best: str | None
    named: Named
    friedman: float | None
    critical_difference: float | None
    remarks: tuple[str, ...]

    @property
    def better_than_every_other(self) -> str | None:
        """The run that is better than every other by the tests; None if none is."""
        others = [run for run in self.table.dropna(subset="mean")["run"] if run != self.best]
        if self.best is None or not others:
            return None
        is_better = all(self.decision(self.best, run) == BETTER for run in others)
        return self.best if is_better else None

    def decision(self, run: str, other: str) -> str:
        """Return whether one run is better than another, worse, not different, or not tested."""
        for one, two, turned in (
            (run, other, {}),
            (other, run, {BETTER: WORSE, WORSE: BETTER}),
        ):
            pair = self.pairs[(self.pairs["run"] == one) & (self.pairs["other"] == two)]
            if len(pair):
                decision = str(pair["decision"].iloc[0])
                return turned.get(decision, decision)
        raise ValueError(f"Expected two runs with results, but got {run!r} and {other!r}.")


def compare_runs(
    metrics: pd.DataFrame,
    score: str,
    metric: str = HEADLINE,
    *,
    named: Named = (),
    lower_is_better: bool = False,
    alpha: float = _ALPHA,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Compare runs by a metric after the last task.

    Two are different if Wilcoxon's signed-rank test says so, adjusted by Holm's method within the
    pairs named in advance, or within those of the best run with each other one. Other pairs are not
    tested. The tests are over the anomaly classes and datasets, each the mean of its seeds, or over
    the seeds if there is only one such block.

    Args:
        metrics: of all runs in tidy form; rows with one name in the column `run` are one
            competitor, perhaps on several datasets.
        score: by which they are measured.
        metric: that is compared.
        named: pairs of runs that are tested, whichever run is the best.
        lower_is_better: as of a false-positive rate.
        alpha: of the tests; the intervals' confidence is 1 − alpha.
        resamples: of the intervals.

    Raises:
        ValueError: no run has that metric by that score, or one has it twice for a replica.
    """
    values = values_of(metrics, score, metric)
    return _Work(values, metric, score, named, lower_is_better, alpha, resamples).comparison()


class _Work:
    """The intermediate numbers of a comparison."""

    def __init__(
        self,
        values: pd.DataFrame,
        metric: str,
        score: str,
        named: Named,
        lower_is_better: bool,
        alpha: float,
        resamples: int,
    ) -> None:
        self._values, self._metric, self._score, self._named = values, metric, score, named
        self._lower_is_better, self._alpha, self._resamples = lower_is_better, alpha, resamples
        self._runs = [run for run in values.columns if values[run].notna().any()]
        self._paired = values[values[self._runs].notna().all(axis=1)]
        self._units = "blocks" if has_blocks(values[self._runs].dropna(how="all")) else "seeds"
        self._ranked = units(self._paired[self._runs], self._units == "blocks")
        self._ranks = (
            ranks.ranks_of(self._ranked, lower_is_better).mean(0)
            if len(self._ranked)
            else np.full(len(self._runs), np.nan)
        )
        self._friedman, self._difference = self._of_three_or_more()

    def comparison(self) -> Comparison:
        table = self._table()
        pairs = self._pairs(table)
        not_different = [_not_different(pairs, run) for run in table["run"]]
        is_ranked = table["mean"].notna()
        return Comparison(
            metric=self._metric,
            score=self._score,
            alpha=self._alpha,
            table=table.assign(
                not_different_from=pd.Series(not_different, dtype=object).where(is_ranked)
            ),
            pairs=pairs,
            units=self._units,
            count=len(self._ranked),
            best=_best(table, self._lower_is_better),
            named=tuple(self._named),
            friedman=self._friedman,
            critical_difference=self._difference,
            remarks=(
                *self._about_missing(),
                *self._about_seeds(),
                *too_few(pairs, self._named, self._units, self._alpha),
            ),
        )

    def _of_three_or_more(self) -> tuple[float | None, float | None]:
        if len(self._runs) < 3 or len(self._ranked) < 2:
            return None, None
        size = len(self._runs), len(self._ranked)
        return ranks.friedman(self._ranked), ranks.critical_difference(*size, self._alpha)

    def _table(self) -> pd.DataFrame:
        rows = []
        for run in self._values.columns:
            has = int(self._values[run].notna().sum())
            row = {"run": run, "replicas": has, "missing": len(self._values) - has}
            if run in self._runs and len(self._paired):
                row |= self._numbers(run)
            rows.append(row)
        columns = "run mean sd low high iqm iqm_low iqm_high rank replicas missing"
        return pd.DataFrame(rows, columns=columns.split())

    def _numbers(self, run: str) -> dict[str, float]:
        table = by_block(self._paired[run])
        mean, middle = self._interval(table), self._interval(table, is_middle=True)
        observed = units(self._paired[[run]], self._units == "blocks")
        return {
            "mean": float(mean_of_blocks(table)),
            "sd": float(observed.std(ddof=1)) if len(observed) > 1 else float("nan"),
            "low": mean.low,
            "high": mean.high,
            "iqm": float(interquartile_mean(table)),
            "iqm_low": middle.low,
            "iqm_high": middle.high,
            "rank": float(self._ranks[self._runs.index(run)]),
        }

    def _interval(self, table: NDArray[np.float64], is_middle: bool = False) -> Interval:
        statistic = interquartile_mean if is_middle else mean_of_blocks
        return bootstrap_interval(table, statistic, 1 - self._alpha, self._resamples)

    def _pairs(self, table: pd.DataFrame) -> pd.DataFrame:
        pairs = every_pair(
            self._values[self._runs], self._lower_is_better, 1 - self._alpha, self._resamples
        )
        best = _best(table, self._lower_is_better)
        return tested(pairs, best, self._named, self._alpha, self._lower_is_better)

    def _about_missing(self) -> list[str]:
        remarks = []
        for run in self._values.columns:
            missing = self._values.index[self._values[run].isna()]
            if len(missing) == len(self._values):
                remarks.append(f"{run} has no results: it is in no statistic.")
            elif len(missing):
                remarks.append(f"{run} has no result for {in_words(missing)}.")
        without = len(self._values) - len(self._paired)
        if remarks and len(self._runs) > 1:
            remarks.append(
                f"Means and ranks are of the {len(self._paired)} replicas that all others have; "
                f"{without} are left out."
                if without
                else "Means and ranks are of all replicas of the others."
            )
        return remarks

    def _about_seeds(self) -> list[str]:
        same = [run for run in self._runs if ignores_its_seed(self._values[run])]
        if not same:
            return []
        return [
            f"{', '.join(same)}: all seeds give the same result, so that they are one observation, "
            f"and so is a pair of such runs."
        ]


def _best(table: pd.DataFrame, lower_is_better: bool) -> str | None:
    known = table.dropna(subset="mean").sort_values(
        "mean", ascending=lower_is_better, kind="stable"
    )
    return None if known.empty else known["run"].iloc[0]


def _not_different(pairs: pd.DataFrame, run: str) -> str:
    equal = pairs[pairs["decision"] == NOT_DIFFERENT]
    couples = zip(equal["run"], equal["other"], strict=True)
    names = [b if a == run else a for a, b in couples if run in (a, b)]
    return ", ".join(map(str, names))
