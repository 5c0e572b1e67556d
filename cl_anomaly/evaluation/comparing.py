"""Runs compared: means with intervals, ranks, and which of them are different from which.

Replicas are paired across runs: the same dataset, anomaly class, seed and order. A block is an
anomaly class of a dataset.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cl_anomaly.evaluation import ranks
from cl_anomaly.evaluation.aurocs import HEADLINE
from cl_anomaly.evaluation.intervals import (
    RESAMPLES,
    Interval,
    bootstrap_interval,
    interquartile_mean,
    mean_of_blocks,
)
from cl_anomaly.evaluation.pairing import by_block, has_blocks, named, units, values_of

_ALPHA = 0.05
NOT_DIFFERENT, BETTER, WORSE = "not different", "better", "worse"


@dataclass(frozen=True, eq=False)
class Decided:
    """What the tests of a comparison gave, which takes longest by far; see `Comparison`."""

    pairs: pd.DataFrame
    friedman: float | None
    critical_difference: float | None


@dataclass(frozen=True, eq=False)
class Comparison:
    """Several runs on the same scenarios, as far as their replicas are paired.

    Attributes:
        metric: what is compared, after the last task.
        score: by which it was measured.
        alpha: of the tests; the intervals' confidence is 1 − alpha.
        values: a row for each replica (dataset, anomaly_class, seed), a column for each run; NaN
            where it has no result.
        table: a row for each run, in their order: run, mean, low, high, iqm, iqm_low, iqm_high,
            rank (mean, 1 is the best), replicas, missing, not_different_from (names with ", ").
            Means and ranks are of the replicas that all runs with results have; those of a run
            without any result are empty.
        pairs: a row for each two runs: run, other, difference (of the means), low, high,
            probability_of_improvement (paired), unpaired (the same), p_wilcoxon, p_holm, p_nemenyi
            (empty for two runs) and decision: `run` is better, worse or not different.
        units: what the tests are over: "blocks", or "seeds" where there is only one block.
        count: how many of these all runs have.
        friedman: the p-value that all runs are the same; None for fewer than three.
        critical_difference: of two mean ranks; None for fewer than three.
        remarks: a sentence for each thing that is missing, and for what the numbers cannot show.
    """

    metric: str
    score: str
    alpha: float
    values: pd.DataFrame
    table: pd.DataFrame
    pairs: pd.DataFrame
    units: str
    count: int
    friedman: float | None
    critical_difference: float | None
    remarks: tuple[str, ...]

    def decision(self, run: str, other: str) -> str:
        """Say whether one run is better than another, worse, or not different."""
        for one, two, said in (
            (run, other, {}),
            (other, run, {BETTER: WORSE, WORSE: BETTER}),
        ):
            own = self.pairs[(self.pairs["run"] == one) & (self.pairs["other"] == two)]
            if len(own):
                found = str(own["decision"].iloc[0])
                return said.get(found, found)
        raise ValueError(f"Expected two runs with results, but got {run!r} and {other!r}.")


def compare_runs(
    metrics: pd.DataFrame,
    score: str,
    metric: str = HEADLINE,
    *,
    lower_is_better: bool = False,
    alpha: float = _ALPHA,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Compare runs by a metric after the last task.

    Three runs or more are different where Friedman's test says that not all are the same, and
    Nemenyi's that these two are not; two runs where Wilcoxon's says so. The tests are over the
    anomaly classes and datasets, each the mean of its seeds; over the seeds where there is only one
    such block.

    Args:
        metrics: of all runs in tidy form, with a column `run` that says what is compared: runs of
            one name are one competitor, on several datasets perhaps.
        score: by which score.
        metric: which.
        lower_is_better: as of a false-positive rate.
        alpha: of the tests; intervals are of 1 − alpha.
        resamples: of the intervals.

    Raises:
        ValueError: no run has that metric by that score, or one has it twice for a replica.
    """
    values = values_of(metrics, score, metric)
    return _Work(values, metric, score, lower_is_better, alpha, resamples, None).comparison()


def compare_values(values: pd.DataFrame, score: str, decided: Decided | None = None) -> Comparison:
    """Compare runs by their headline AUROC, as `compare_runs` does.

    Args:
        values: as `values_of` gives them.
        score: that they are by.
        decided: what an earlier comparison of the same values gave, which is not computed again.
    """
    return _Work(values, HEADLINE, score, False, _ALPHA, RESAMPLES, decided).comparison()


class _Work:
    """The numbers of a comparison, on the way."""

    def __init__(
        self,
        values: pd.DataFrame,
        metric: str,
        score: str,
        lower_is_better: bool,
        alpha: float,
        resamples: int,
        decided: Decided | None,
    ) -> None:
        self._values, self._metric, self._score = values, metric, score
        self._lower_is_better, self._alpha, self._resamples = lower_is_better, alpha, resamples
        self._runs = [run for run in values.columns if values[run].notna().any()]
        self._paired = values[values[self._runs].notna().all(axis=1)]
        self._ranked = np.empty((0, len(self._runs)))
        if len(self._paired):
            self._ranked = np.stack([units(self._paired[run]) for run in self._runs], axis=1)
        self._ranks = (
            ranks.ranks_of(self._ranked, lower_is_better).mean(0)
            if len(self._ranked)
            else np.full(len(self._runs), np.nan)
        )
        self._known = decided
        if decided is None:
            self._friedman, self._difference = self._of_three_or_more()
        else:
            self._friedman, self._difference = decided.friedman, decided.critical_difference

    def comparison(self) -> Comparison:
        pairs = self._pairs() if self._known is None else self._known.pairs
        return Comparison(
            metric=self._metric,
            score=self._score,
            alpha=self._alpha,
            values=self._values,
            table=self._table(pairs),
            pairs=pairs,
            units="blocks" if has_blocks(self._paired) else "seeds",
            count=len(self._ranked),
            friedman=self._friedman,
            critical_difference=self._difference,
            remarks=(*self._about_missing(), *self._about_power()),
        )

    def _of_three_or_more(self) -> tuple[float | None, float | None]:
        if len(self._runs) < 3 or len(self._ranked) < 2:
            return None, None
        size = len(self._runs), len(self._ranked)
        return ranks.friedman(self._ranked), ranks.critical_difference(*size, self._alpha)

    def _table(self, pairs: pd.DataFrame) -> pd.DataFrame:
        rows = []
        for run in self._values.columns:
            has = int(self._values[run].notna().sum())
            row = {"run": run, "replicas": has, "missing": len(self._values) - has}
            if run in self._runs and len(self._paired):
                row |= self._numbers(run) | {"not_different_from": _not_different(pairs, run)}
            rows.append(row)
        columns = "run mean low high iqm iqm_low iqm_high rank replicas missing not_different_from"
        return pd.DataFrame(rows, columns=columns.split())

    def _numbers(self, run: str) -> dict[str, float]:
        table = by_block(self._paired[run])
        mean, middle = self._interval(table), self._interval(table, is_middle=True)
        return {
            "mean": float(mean_of_blocks(table)),
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

    def _pairs(self) -> pd.DataFrame:
        rows = [self._pair(one, other) for one, other in combinations(self._runs, 2)]
        columns = (
            "run other difference low high probability_of_improvement unpaired p_wilcoxon p_holm "
            "p_nemenyi decision"
        )
        table = pd.DataFrame(rows, columns=columns.split())
        table["p_holm"] = ranks.holm(table["p_wilcoxon"].fillna(1.0).to_numpy())
        if self._difference is not None:
            p = ranks.nemenyi(self._ranks, len(self._ranked))
            places = [[self._runs.index(run) for run in table[name]] for name in ("run", "other")]
            table["p_nemenyi"] = p[tuple(places)]
        table["decision"] = [self._decided(row) for row in table.to_dict("records")]
        return table

    def _pair(self, run: str, other: str) -> dict[str, object]:
        """Compare two runs on all that these two have."""
        both = self._values[self._values[[run, other]].notna().all(axis=1)]
        row: dict[str, object] = {"run": run, "other": other}
        if both.empty:
            return row
        table = by_block(both[run] - both[other])
        sides = [by_block(both[name]) for name in (run, other)]
        better = sides[::-1] if self._lower_is_better else sides
        interval = self._interval(table)
        return row | {
            "difference": float(mean_of_blocks(table)),
            "low": interval.low,
            "high": interval.high,
            "probability_of_improvement": ranks.probability_of_improvement(*better),
            "unpaired": ranks.probability_of_improvement_unpaired(*better),
            "p_wilcoxon": ranks.wilcoxon(units(both[run] - both[other])),
        }

    def _decided(self, pair: dict) -> str:
        if self._friedman is not None:
            one, other = (self._ranks[self._runs.index(pair[key])] for key in ("run", "other"))
            is_different = self._friedman < self._alpha and pair["p_nemenyi"] < self._alpha
            is_better = one < other
        else:
            is_different = len(self._runs) == 2 and pair["p_wilcoxon"] < self._alpha
            is_better = (pair["difference"] < 0) == self._lower_is_better
        return (BETTER if is_better else WORSE) if is_different else NOT_DIFFERENT

    def _about_missing(self) -> list[str]:
        said = []
        for run in self._values.columns:
            missing = self._values.index[self._values[run].isna()]
            if len(missing) == len(self._values):
                said.append(f"{run} has no results: it is in no statistic.")
            elif len(missing):
                said.append(f"{run} has no result for {named(missing)}.")
        without = len(self._values) - len(self._paired)
        if said and len(self._runs) > 1:
            said.append(
                f"Means and ranks are of the {len(self._paired)} replicas that all others have; "
                f"{without} are left out."
                if without
                else "Means and ranks are of all replicas of the others."
            )
        return said

    def _about_power(self) -> list[str]:
        count, runs = len(self._ranked), len(self._runs)
        most = 2.0 ** (1 - count) if runs == 2 else 0.0  # the smallest p of Wilcoxon's test
        is_hopeless = runs > 2 and (self._difference is None or self._difference > runs - 1)
        if runs < 2 or not (is_hopeless or most >= self._alpha):
            return []
        what = "anomaly classes and datasets" if has_blocks(self._paired) else "seeds"
        return [
            f"{count} {what} are too few: no difference of {runs} runs, however large, could be "
            f"shown at the level {self._alpha:g}."
        ]


def _not_different(pairs: pd.DataFrame, run: str) -> str:
    own = pairs[(pairs["decision"] == NOT_DIFFERENT)]
    names = [
        b if a == run else a for a, b in zip(own["run"], own["other"], strict=True) if run in (a, b)
    ]
    return ", ".join(map(str, names))
