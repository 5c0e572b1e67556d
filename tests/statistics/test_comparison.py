"""Runs compared: what is paired, what is missing, and what is said of each two."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cl_anomaly.statistics import ranks
from cl_anomaly.statistics.comparison import Comparison, compare_runs
from cl_anomaly.statistics.intervals import bootstrap_interval
from cl_anomaly.statistics.pairing import values_of

Values = Mapping[tuple[str, int | str, int], float]


def metrics_of(runs: Mapping[str, Values], tasks: int = 2) -> pd.DataFrame:
    """Metrics as runs write them: lower values after the tasks before the last."""
    rows = [
        (run, dataset, anomaly, seed, task, value - 0.1 * (tasks - task))
        for run, values in runs.items()
        for (dataset, anomaly, seed), value in values.items()
        for task in range(1, tasks + 1)
    ]
    columns = ["run", "dataset", "anomaly_class", "seed", "task", "value"]
    return pd.DataFrame(rows, columns=columns).assign(score="mse", metric="auroc_seen")


def p_of(differences: Any) -> float:
    """SciPy's p-value of the signed-rank test."""
    result: Any = stats.wilcoxon(differences)
    return float(result.pvalue)


def stream(
    base: float, classes: int = 10, seeds: int = 3, spread: float = 0.0, seed: int = 0
) -> Values:
    """Values of ten anomaly classes, that have something in common in all runs."""
    common = np.random.default_rng(99).normal(0, 0.05, classes)
    noise = np.random.default_rng(seed).normal(0, 1, (classes, seeds)) * spread
    return {
        ("digits", c, s): float(base + common[c] + noise[c, s])
        for c in range(classes)
        for s in range(seeds)
    }


def three_runs() -> dict[str, Values]:
    return {
        "upper": stream(0.90, spread=0.002, seed=1),
        "gr": stream(0.85, spread=0.002, seed=2),
        "gr-too": stream(0.85, spread=0.002, seed=3),
        "lower": stream(0.60, spread=0.002, seed=4),
    }


@pytest.fixture(scope="module")
def compared() -> Comparison:
    named = [("gr", "gr-too"), ("lower", "gr")]
    return compare_runs(metrics_of(three_runs()), "mse", named=named, resamples=200)


def test_what_differs_is_told_from_what_does_not(compared: Comparison) -> None:
    assert compared.decision("upper", "lower") == "better"
    assert compared.decision("lower", "upper") == "worse"
    assert compared.decision("gr", "gr-too") == compared.decision("gr-too", "gr") == "not different"
    assert compared.decision("gr", "lower") == "better"
    assert compared.decision("gr-too", "lower") == "not tested"
    table = compared.table.set_index("run")
    assert "gr-too" in table["not_different_from"]["gr"].split(", ")
    assert "lower" not in table["not_different_from"]["upper"]
    assert compared.remarks == ()
    with pytest.raises(ValueError, match="two runs with results, but got 'gr' and 'grr'"):
        compared.decision("gr", "grr")


def test_the_table_is_of_the_last_task(compared: Comparison) -> None:
    values = pd.Series(three_runs()["gr"])
    row = compared.table.set_index("run").to_dict("index")["gr"]
    assert row["mean"] == pytest.approx(values.mean())
    table = values.to_numpy().reshape(10, 3)
    assert (row["low"], row["high"]) == pytest.approx(bootstrap_interval(table, resamples=200))
    assert row["low"] < row["mean"] < row["high"]
    assert row["iqm_low"] < row["iqm"] < row["iqm_high"]
    assert (row["replicas"], row["missing"]) == (30, 0)
    assert (compared.units, compared.count) == ("blocks", 10)


def test_tests_are_over_the_means_of_the_blocks(compared: Comparison) -> None:
    means = np.stack(
        [np.reshape([*own.values()], (10, 3)).mean(1) for own in three_runs().values()], 1
    )
    mean_ranks = ranks.ranks_of(means).mean(0)
    np.testing.assert_allclose(compared.table["rank"].tolist(), mean_ranks)
    assert compared.friedman == pytest.approx(ranks.friedman(means))
    assert compared.critical_difference == pytest.approx(ranks.critical_difference(4, 10))
    pair = compared.pairs.query("run == 'upper' and other == 'gr'").iloc[0]
    assert pair["p_wilcoxon"] == pytest.approx(p_of(means[:, 0] - means[:, 1]))
    assert (pair["observations"], pair["rank_biserial"]) == (10, 1.0)
    assert pair["difference"] == pytest.approx((means[:, 0] - means[:, 1]).mean())
    # Paired, the difference of 0.05 is told from the classes' own spread of 0.05.
    assert pair["low"] > 0.04 and pair["high"] < 0.06
    assert pair["probability_of_improvement"] == pair["unpaired"] == 1.0
    same = compared.pairs.query("run == 'gr' and other == 'gr-too'").iloc[0]
    assert 0.3 < same["probability_of_improvement"] < 0.7 and 0.3 < same["unpaired"] < 0.7


def test_holm_is_over_a_family_that_is_stated(compared: Comparison) -> None:
    assert (compared.best, compared.named) == ("upper", (("gr", "gr-too"), ("lower", "gr")))
    pairs = compared.pairs.set_index(["run", "other"])
    assert pairs["family"].to_dict() == {
        ("upper", "gr"): "best",
        ("upper", "gr-too"): "best",
        ("upper", "lower"): "best",
        ("gr", "gr-too"): "named",
        ("gr", "lower"): "named",
        ("gr-too", "lower"): "",
    }
    p, adjusted = pairs["p_wilcoxon"], pairs["p_holm"]
    # All ten classes on one side: 2 / 2¹⁰, three times of the best and twice of those named.
    assert adjusted["upper"].tolist() == pytest.approx([3 * 2 / 2**10] * 3)
    assert adjusted["gr", "lower"] == pytest.approx(2 * 2 / 2**10)
    assert adjusted["gr", "gr-too"] == pytest.approx(p["gr", "gr-too"])
    assert np.isnan(adjusted["gr-too", "lower"])


def test_a_verdict_does_not_depend_on_who_else_is_in_the_table() -> None:
    two = {"replay": stream(0.80, spread=0.002, seed=1), "gr": stream(0.78, spread=0.002, seed=2)}
    others = {f"other {n}": stream(0.9 - 0.05 * n, spread=0.03, seed=9 + n) for n in range(6)}
    named = [("replay", "gr")]
    alone, among = (
        compare_runs(metrics_of(runs), "mse", named=named, resamples=50)
        for runs in (two, {**others, **two})
    )
    for found in (alone, among):
        (own,) = found.pairs.query("run == 'replay' and other == 'gr'").to_dict("records")
        assert own["p_holm"] == own["p_wilcoxon"] == pytest.approx(2 / 2**10)
        assert found.decision("replay", "gr") == "better"


def test_a_pair_that_was_named_and_has_no_results_still_counts() -> None:
    runs = {name: three_runs()[name] for name in ("upper", "gr")}
    named = [("upper", "gr"), ("upper", "gone"), ("gr", "gone")]
    found = compare_runs(metrics_of(runs), "mse", named=named, resamples=50)
    assert found.pairs["p_holm"].tolist() == pytest.approx([3 * 2 / 2**10])


def test_who_is_better_is_said_by_the_test_and_not_by_the_mean() -> None:
    lead = [0.01 * n for n in range(1, 12)] + [-0.9]
    runs: dict[str, Values] = {
        "often": {("digits", c, 0): 0.5 + own for c, own in enumerate(lead)},
        "once": {("digits", c, 0): 0.5 for c in range(12)},
    }
    found = compare_runs(metrics_of(runs), "mse", resamples=50)
    # The one lost class has rank 12 of 78: 12 against 66.
    assert found.best == "once"
    assert found.pairs["rank_biserial"].item() == pytest.approx((66 - 12) / 78)
    assert found.pairs["p_wilcoxon"].item() == pytest.approx(p_of(lead))
    assert found.decision("often", "once") == "better"


def test_seeds_of_a_closed_form_are_one_observation() -> None:
    def fixed(value: float) -> Values:
        return {("digits", 0, seed): value for seed in range(5)}

    runs = {"gaussians": fixed(0.9), "experts": fixed(0.8)}
    found = compare_runs(metrics_of(runs), "mse", resamples=50)
    assert found.pairs["observations"].item() == found.count == 1
    assert found.pairs["p_wilcoxon"].item() == 1.0
    assert found.decision("gaussians", "experts") == "not different"
    assert found.table[["low", "high"]].isna().all(axis=None)
    assert found.table["replicas"].tolist() == [5, 5]
    assert found.remarks == (
        "gaussians, experts: all seeds give the same result, so that they are one observation, and "
        "so is a pair of such runs.",
        "With 1 seed, no difference between 2 runs can reach significance.",
    )
    # Against what depends on its seed, there are as many observations as it has seeds.
    mixed = {"gaussians": fixed(0.9), "gr": stream(0.5, classes=1, seeds=5, spread=0.01)}
    assert compare_runs(metrics_of(mixed), "mse").pairs["observations"].item() == 5


def test_every_class_counts_the_same_however_many_seeds_it_has() -> None:
    # Means 0.03, 0.02, 0.01 and -0.04; sums would be 0.09, 0.02, 0.01 and -0.04, with other ranks.
    lead = {0: [0.0, 0.03, 0.06], 1: [0.02], 2: [0.01], 3: [-0.04]}
    one: dict[tuple[str, int | str, int], float] = {
        ("d", c, seed): 0.5 + v for c, own in lead.items() for seed, v in enumerate(own)
    }
    runs: dict[str, Values] = {"one": one, "two": dict.fromkeys(one, 0.5)}
    pair = compare_runs(metrics_of(runs), "mse", resamples=50).pairs.iloc[0]
    assert pair["rank_biserial"] == pytest.approx((1 + 2 + 3 - 4) / 10)
    assert pair["p_wilcoxon"] == pytest.approx(p_of([0.03, 0.02, 0.01, -0.04]))


def test_two_runs_are_compared_by_wilcoxon() -> None:
    runs = {name: three_runs()[name] for name in ("upper", "gr")}
    two = compare_runs(metrics_of(runs), "mse", resamples=50)
    assert two.friedman is None and two.critical_difference is None
    assert two.pairs["family"].tolist() == ["best"]
    assert two.pairs["p_wilcoxon"].item() == pytest.approx(2 / 2**10)
    assert two.decision("upper", "gr") == "better"
    lower = compare_runs(metrics_of(runs), "mse", lower_is_better=True, resamples=50)
    assert lower.decision("upper", "gr") == "worse"
    assert lower.table["rank"].tolist() == [2.0, 1.0]
    assert lower.pairs["probability_of_improvement"].item() == 0.0


def test_of_one_class_the_seeds_are_the_units() -> None:
    runs = {
        name: stream(base, classes=1, seeds=8, spread=0.001, seed=n)
        for n, (name, base) in enumerate({"a": 0.9, "b": 0.7, "c": 0.5}.items())
    }
    found = compare_runs(metrics_of(runs), "mse", resamples=50)
    assert (found.units, found.count) == ("seeds", 8)
    assert found.decision("a", "c") == "better"


@pytest.mark.parametrize(("seeds", "runs"), [(1, 2), (5, 2), (2, 3), (6, 3)])
def test_too_few_to_show_anything_is_said(seeds: int, runs: int) -> None:
    made = {
        f"r{n}": stream(0.9 - 0.1 * n, classes=1, seeds=seeds, spread=0.001, seed=n)
        for n in range(runs)
    }
    found = compare_runs(metrics_of(made), "mse", resamples=50)
    assert {found.decision("r0", f"r{n}") for n in range(1, runs)} == {"not different"}
    what = f"{seeds} seed{'s' * (seeds > 1)}"
    assert found.remarks == (
        f"With {what}, no difference between {runs} runs can reach significance.",
    )


def test_enough_is_not_called_too_few() -> None:
    # 2 / 2⁶ of one pair, and 2 · 2 / 2⁷ of two.
    for seeds, runs in ((6, 2), (7, 3)):
        made = {
            f"r{n}": stream(0.9 - 0.1 * n, classes=1, seeds=seeds, spread=0.001, seed=n)
            for n in range(runs)
        }
        found = compare_runs(metrics_of(made), "mse", resamples=50)
        assert {found.decision("r0", f"r{n}") for n in range(1, runs)} == {"better"}
        assert found.remarks == ()


def test_too_few_for_the_pairs_that_were_named_is_said() -> None:
    made = {
        f"r{n}": stream(0.9 - 0.1 * n, classes=1, seeds=6, spread=0.001, seed=n) for n in range(3)
    }
    named = [("r1", "r2"), ("r0", "r1")]
    found = compare_runs(metrics_of(made), "mse", named=named, resamples=50)
    assert found.remarks == (
        "With 6 seeds, none of the 2 pairs named in advance can reach significance.",
    )
    one = compare_runs(metrics_of(made), "mse", named=[("r1", "r2")], resamples=50)
    assert one.decision("r1", "r2") == "better"


def test_failed_replicas_are_shown_and_not_counted() -> None:
    runs: dict[str, dict] = {name: dict(own) for name, own in three_runs().items()}
    for seed in range(3):
        del runs["gr"]["digits", 4, seed]
    del runs["lower"]["digits", 7, 1]
    metrics = metrics_of(runs)
    # It failed after the first task.
    early = metrics.query("run == 'upper' and anomaly_class == 7 and seed == 1").iloc[:1]
    metrics = pd.concat([metrics, early.assign(run="lower")])
    found = compare_runs(metrics, "mse", resamples=50)
    table = found.table.set_index("run")
    assert table["missing"].to_dict() == {"upper": 0, "gr": 3, "gr-too": 0, "lower": 1}
    assert found.count == 9, "anomaly class 4 is in no rank"
    paired = [v for k, v in three_runs()["upper"].items() if k[1] != 4 and k != ("digits", 7, 1)]
    by_class = pd.Series(runs["upper"]).drop([("digits", 4, s) for s in range(3)])
    by_class = by_class.drop(("digits", 7, 1))
    assert len(paired) == len(by_class) == 26
    assert table["mean"]["upper"] == pytest.approx(by_class.groupby(level=1).mean().mean())
    assert found.remarks == (
        "gr has no result for digits, anomaly class 4, seed 0; digits, anomaly class 4, seed 1; "
        "digits, anomaly class 4, seed 2.",
        "lower has no result for digits, anomaly class 7, seed 1.",
        "Means and ranks are of the 26 replicas that all others have; 4 are left out.",
    )


def test_a_run_without_results_is_shown_as_missing() -> None:
    metrics = metrics_of(three_runs())
    failed = metrics.query("run == 'gr' and task == 1").assign(run="failed")
    found = compare_runs(pd.concat([metrics, failed]), "mse", resamples=50)
    row = found.table.set_index("run").to_dict("index")["failed"]
    assert (row["replicas"], row["missing"]) == (0, 30)
    assert np.isnan(row["mean"]) and np.isnan(row["rank"])
    assert "failed has no results: it is in no statistic." in found.remarks
    assert "failed" not in set(found.pairs["run"]) | set(found.pairs["other"])
    assert found.count == 10
    # The others are as they are without it.
    pd.testing.assert_frame_equal(found.pairs, compare_runs(metrics, "mse", resamples=50).pairs)


def _of_two_seeds(dataset: str, base: float) -> Values:
    return {(dataset, "x", seed): base + 0.01 * seed for seed in range(2)}


def test_datasets_are_blocks_too_and_may_have_other_numbers_of_tasks() -> None:
    tables = []
    for n, dataset in enumerate(("a", "b", "c", "d", "e", "f")):
        runs = {
            name: _of_two_seeds(dataset, base)
            for name, base in {"one": 0.9, "two": 0.8 + 0.02 * n, "three": 0.5}.items()
        }
        tables.append(metrics_of(runs, tasks=2 + n))
    named = [("one", "three")]
    found = compare_runs(pd.concat(tables), "mse", named=named, resamples=50)
    assert (found.units, found.count) == ("blocks", 6)
    assert found.table["mean"].iloc[0] == pytest.approx(0.905)
    assert found.decision("one", "three") == "better"  # 2 / 2⁶
    assert found.decision("one", "two") == "not different"  # 2 / 2⁵
    # Two is equal to one on the last dataset.
    assert found.table["rank"].tolist() == pytest.approx([6.5 / 6, 11.5 / 6, 3.0])


def test_nothing_in_common_is_no_statistic() -> None:
    runs: dict[str, Values] = {"a": {("digits", 0, 0): 0.9}, "b": {("digits", 1, 0): 0.8}}
    found = compare_runs(metrics_of(runs), "mse")
    assert found.table["mean"].isna().all() and found.count == 0
    assert found.pairs["decision"].tolist() == ["not tested"]
    assert (found.pairs["observations"].tolist(), found.best) == ([0], None)
    assert "Means and ranks are of the 0 replicas that all others have; 2 are left out." in (
        found.remarks
    )


def test_one_name_for_two_runs_of_a_scenario_is_refused() -> None:
    metrics = metrics_of({"gr": {("digits", 0, 3): 0.9}})
    with pytest.raises(
        ValueError, match="one run called gr on digits with anomaly class 0 and seed 3"
    ):
        values_of(pd.concat([metrics, metrics]), "mse")


def test_a_metric_that_no_run_has_is_refused() -> None:
    with pytest.raises(ValueError, match="`auroc_seen` by the score nap, but none has it"):
        values_of(metrics_of(three_runs()), "nap")


def test_classes_stay_the_observations_of_pairs_that_share_but_one() -> None:
    random = np.random.default_rng(0)
    rows = [
        {"run": run, "dataset": "d", "anomaly_class": place, "seed": seed, "task": 1}
        | {"score": "mse", "metric": "auroc_seen", "value": level + 0.01 * random.random()}
        for run, level, classes in (("a", 0.9, 10), ("b", 0.8, 10), ("c", 0.7, 1))
        for place in range(classes)
        for seed in range(3)
    ]
    found = compare_runs(pd.DataFrame(rows), "mse", resamples=10)
    pairs = found.pairs.set_index(["run", "other"])
    assert (found.units, found.count) == ("blocks", 1)
    assert pairs["observations"].to_dict() == {("a", "b"): 10, ("a", "c"): 1, ("b", "c"): 1}
    assert pairs.loc[("a", "c"), "p_wilcoxon"] == 1.0, "seeds of one class are one class"
