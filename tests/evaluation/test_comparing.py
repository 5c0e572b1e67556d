"""Runs compared: what is paired, what is missing, and what is said of each two."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from cl_anomaly.evaluation import ranks
from cl_anomaly.evaluation.comparing import Comparison, compare_runs
from cl_anomaly.evaluation.intervals import bootstrap_interval
from cl_anomaly.evaluation.pairing import values_of

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
    return compare_runs(metrics_of(three_runs()), "mse", resamples=200)


def test_what_differs_is_told_from_what_does_not(compared: Comparison) -> None:
    assert compared.decision("upper", "lower") == "better"
    assert compared.decision("lower", "upper") == "worse"
    assert compared.decision("gr", "gr-too") == compared.decision("gr-too", "gr") == "not different"
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
    assert pair["p_nemenyi"] == pytest.approx(ranks.nemenyi(mean_ranks, 10)[0, 1])
    assert pair["p_wilcoxon"] == pytest.approx(ranks.wilcoxon(means[:, 0] - means[:, 1]))
    assert pair["difference"] == pytest.approx((means[:, 0] - means[:, 1]).mean())
    # Paired, the difference of 0.05 is told from the classes' own spread of 0.05.
    assert pair["low"] > 0.04 and pair["high"] < 0.06
    assert pair["probability_of_improvement"] == pair["unpaired"] == 1.0
    same = compared.pairs.query("run == 'gr' and other == 'gr-too'").iloc[0]
    assert 0.3 < same["probability_of_improvement"] < 0.7 and 0.3 < same["unpaired"] < 0.7
    np.testing.assert_allclose(compared.pairs["p_holm"], ranks.holm(compared.pairs["p_wilcoxon"]))


def test_two_runs_are_compared_by_wilcoxon() -> None:
    runs = {name: three_runs()[name] for name in ("upper", "gr")}
    two = compare_runs(metrics_of(runs), "mse", resamples=50)
    assert two.friedman is None and two.critical_difference is None
    assert two.pairs["p_nemenyi"].isna().all()
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


@pytest.mark.parametrize(("seeds", "runs"), [(5, 2), (2, 3), (2, 4)])
def test_too_few_to_show_anything_is_said(seeds: int, runs: int) -> None:
    made = {f"r{n}": stream(0.9 - 0.1 * n, classes=1, seeds=seeds) for n in range(runs)}
    found = compare_runs(metrics_of(made), "mse", resamples=50)
    assert set(found.pairs["decision"]) == {"not different"}
    assert found.remarks == (
        f"{seeds} seeds are too few: no difference of {runs} runs, however large, could be shown "
        f"at the level 0.05.",
    )


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
    assert found.values["lower"].isna().to_dict()["digits", 7, 1]
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
    found = compare_runs(pd.concat(tables), "mse", resamples=50)
    assert (found.units, found.count) == ("blocks", 6)
    assert found.table["mean"].iloc[0] == pytest.approx(0.905)
    assert found.decision("one", "three") == "better"
    # Two is equal to one on the last dataset.
    assert found.table["rank"].tolist() == pytest.approx([6.5 / 6, 11.5 / 6, 3.0])


def test_nothing_in_common_is_no_statistic() -> None:
    runs: dict[str, Values] = {"a": {("digits", 0, 0): 0.9}, "b": {("digits", 1, 0): 0.8}}
    found = compare_runs(metrics_of(runs), "mse")
    assert found.table["mean"].isna().all() and found.count == 0
    assert found.pairs["decision"].tolist() == ["not different"]
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
