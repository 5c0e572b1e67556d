"""What is said of runs of which a part is missing: of a score, a replica, a row, a block."""

import numpy as np
import pandas as pd
import pytest

from cl_anomaly.statistics import ranks
from cl_anomaly.statistics.aurocs import aurocs_by_class, read_aurocs
from cl_anomaly.statistics.comparison import compare_runs
from cl_anomaly.statistics.summary import summarise
from tests.statistics.test_comparison import metrics_of
from tests.statistics.test_summary import cell, rows


def test_a_score_that_fails_early_takes_no_task_from_the_others() -> None:
    headline = {"nll": np.array([[0.9, np.nan, np.nan]]), "mse": np.array([[0.9, 0.8, np.nan]])}
    s = {name: np.full((1, 3, 3), 0.7) for name in headline}
    (own,) = aurocs_by_class("gr", "digits", [(0, 3)], headline, s)
    assert own.headline["mse"].tolist() == [[0.9, 0.8]]
    assert own.s["mse"].shape == (1, 2, 2)
    assert np.isnan(own.headline["nll"][0, 1])


def test_forward_transfer_is_of_the_replicas_that_know_it() -> None:
    # Of seed 3 it is 0.5 − 0.2; of seed 7, nobody looked before the first task.
    known = rows("gr", 3, [0.9, 0.8], [[0.9, 0.5], [0.8, 0.9]])
    before = known.query("task == 1 and metric == 'auroc_seen'")
    untrained = [
        before.assign(metric=f"auroc_untrained_task_{task}", value=value)
        for task, value in ((1, 0.4), (2, 0.2))
    ]
    unknown = rows("gr", 7, [0.9, 0.8], [[0.9, 0.7], [0.8, 0.9]])
    table = summarise(read_aurocs(pd.concat([known, *untrained, unknown])))
    row = cell(table, "gr", 2, "forward_transfer")
    assert row["mean"] == pytest.approx(0.3)
    assert row["seeds"] == 1
    assert cell(table, "gr", 2, "backward_transfer")["seeds"] == 2


def test_a_block_with_more_seeds_weighs_no_more() -> None:
    # One is ahead by these in seven classes; class 6, in which it is behind, has five seeds.
    differences, seeds = [0.01, 0.02, 0.03, 0.05, 0.06, 0.07, -0.04], [1] * 6 + [5]
    values: dict[tuple[str, int | str, int], float] = {
        ("digits", c, s): 0.5 + difference
        for c, (difference, count) in enumerate(zip(differences, seeds, strict=True))
        for s in range(count)
    }
    found = compare_runs(
        metrics_of({"one": values, "two": dict.fromkeys(values, 0.5)}), "mse", resamples=50
    )
    pair = found.pairs.iloc[0]
    # Of the ranks 1 to 7, that of 0.04 is 4; seven of 2⁷ sums are no larger, on either side.
    assert pair["p_wilcoxon"] == pytest.approx(2 * 7 / 2**7)
    assert pair["difference"] == pytest.approx(np.mean(differences))
    assert found.count == 7


def test_infinite_values_are_compared_like_others() -> None:
    # Equal; and better than anything finite or below. The third pair has a NaN, and is none.
    x, y = [[np.inf, np.inf, np.nan]], [[np.inf, -np.inf, np.inf]]
    assert ranks.probability_of_improvement(x, y) == pytest.approx((0.5 + 1) / 2)
