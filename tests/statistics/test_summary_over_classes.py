"""Summaries of runs of several anomaly classes, and what they are made from."""

import numpy as np
import pandas as pd
import pytest

from cl_anomaly.statistics import summary as statistics
from cl_anomaly.statistics.aurocs import aurocs_by_class, read_aurocs
from cl_anomaly.statistics.summary import t_interval
from tests.statistics.test_summary import rows, summarise


def three_classes() -> pd.DataFrame:
    """Anomaly classes 0, 4 and 7, of two seeds each."""
    ends = {0: (0.8, 0.9), 4: (0.6, 0.7), 7: (0.7, 0.8)}
    matrix = [[0.9, 0.5], [0.7, 0.9]]
    return pd.concat(
        [
            rows("gr", seed, [0.9, end], matrix).assign(anomaly_class=anomaly_class)
            for anomaly_class, own in ends.items()
            for seed, end in enumerate(own)
        ],
        ignore_index=True,
    )


def test_several_anomaly_classes_have_their_own_rows_and_the_mean_over_them() -> None:
    table = summarise(three_classes())
    last = table[(table["metric"] == "auroc_seen") & (table["task"] == 2)]
    assert last["anomaly_class"].tolist() == [0, 4, 7, "mean"]
    assert last["mean"].tolist() == pytest.approx([0.85, 0.65, 0.75, 0.75])
    mean = last.iloc[-1]
    assert (mean["seeds"], mean["anomaly_classes"]) == (6, "0 4 7")
    # Of the classes' means, and not of the six replicas. Student's t of 2 degrees: 4.302653.
    assert mean["sd"] == pytest.approx(0.1)
    margin = 4.302653 * 0.1 / np.sqrt(3)
    assert (mean["low"], mean["high"]) == pytest.approx((0.75 - margin, 0.75 + margin))
    transfer = table[(table["metric"] == "backward_transfer")]
    assert transfer["anomaly_class"].tolist() == [0, 4, 7, "mean"]
    assert transfer["mean"].tolist() == pytest.approx([-0.2] * 4)


def test_rows_of_a_class_are_as_in_a_run_of_that_class_alone() -> None:
    metrics = three_classes()
    table = summarise(metrics)
    for anomaly_class in (0, 4, 7):
        alone = summarise(metrics[metrics["anomaly_class"] == anomaly_class])
        own = table[table["anomaly_class"] == anomaly_class]
        assert own[alone.columns].to_csv(index=False) == alone.to_csv(index=False)


def test_gap_closed_over_classes_is_between_means_over_the_same_classes() -> None:
    def run(strategy: str, ends: dict[int, float]) -> pd.DataFrame:
        parts = [
            rows(strategy, 0, [0.9, end], [[0.9, 0.5], [0.7, 0.9]]).assign(anomaly_class=c)
            for c, end in ends.items()
        ]
        return pd.concat(parts)

    runs = [run("lower", {0: 0.5, 4: 0.3}), run("upper", {0: 0.9, 4: 0.7})]
    table = summarise(pd.concat([*runs, run("gr", {0: 0.8, 4: 0.4})]))
    # Means 0.4, 0.8 and 0.6; by class (0.8 − 0.5) / 0.4 and (0.4 − 0.3) / 0.4.
    gaps = table[(table["metric"] == "gap_closed") & (table["run"] == "gr")]
    assert gaps.set_index("anomaly_class")["mean"].to_dict() == pytest.approx(
        {0: 0.75, 4: 0.25, "mean": 0.5}
    )
    others = summarise(pd.concat([*runs, run("gr", {0: 0.8, 7: 0.4})]))
    of_means = others[(others["metric"] == "gap_closed") & (others["anomaly_class"] == "mean")]
    assert set(of_means["run"]) == {"lower", "upper"}


def test_aurocs_are_read_back_as_they_were() -> None:
    replicas = [(own, seed) for own in (0, 4) for seed in (3, 7)]
    random = np.random.default_rng(0)
    headline, s = {"recon": random.random((4, 2))}, {"recon": random.random((4, 2, 2))}
    tables = [
        rows("gr", seed, headline["recon"][place], s["recon"][place]).assign(  # type: ignore[arg-type]
            anomaly_class=label
        )
        for place, (label, seed) in enumerate(replicas)
    ]
    found = read_aurocs(pd.concat(tables))
    expected = aurocs_by_class("gr", "digits", replicas, headline, s)
    assert [own.anomaly_class for own in found] == [0, 4]
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.seeds == theirs.seeds == [3, 7]
        np.testing.assert_array_equal(ours.headline["recon"], theirs.headline["recon"])
        np.testing.assert_array_equal(ours.s["recon"], theirs.s["recon"])
    pd.testing.assert_frame_equal(statistics.summarise(found), statistics.summarise(expected))


def test_tasks_that_no_replica_came_to_are_left_out() -> None:
    headline = np.array([[0.9, 0.8, np.nan], [0.9, np.nan, np.nan]])
    s = np.full((2, 3, 3), np.nan)
    s[0, :2], s[1, :1] = 0.7, 0.7
    (own,) = aurocs_by_class("gr", "digits", [(0, 3), (0, 7)], {"r": headline}, {"r": s})
    assert own.headline["r"].shape == (2, 2)
    table = statistics.summarise([own])
    assert table.loc[table["metric"] == "auroc_seen", "seeds"].tolist() == [2, 1]
    assert table.loc[table["metric"] == "average", "task"].tolist() == [2]


def test_tasks_that_one_score_alone_came_to_are_kept() -> None:
    headline = {"mse": np.array([[0.9, np.nan]]), "recon": np.array([[0.9, 0.8]])}
    s = {name: np.full((1, 2, 2), 0.7) for name in headline}
    for scores in (headline, dict(reversed(headline.items()))):
        (own,) = aurocs_by_class("gr", "digits", [(0, 3)], scores, s)
        assert own.headline["recon"].tolist() == [[0.9, 0.8]]


def test_runs_are_read_back_by_name_and_class() -> None:
    metrics = three_classes()
    found = read_aurocs(pd.concat([metrics.assign(run="a"), metrics.assign(run="b")]))
    keys = [(own.run, own.strategy, own.dataset, own.anomaly_class) for own in found]
    assert keys == [(run, "gr", "digits", label) for run in "ab" for label in (0, 4, 7)]
    assert {type(own.anomaly_class) for own in found} == {int}


def test_a_seed_that_was_not_measured_before_the_first_task_takes_nothing_from_the_other() -> None:
    metrics = three_classes().query("anomaly_class == 0")
    first = metrics.query("seed == 0 and metric == 'auroc_class_1'").iloc[:1]
    before = [
        first.assign(task=0, metric=f"auroc_untrained_task_{task}", value=value)
        for task, value in ((1, 0.4), (2, 0.3))
    ]
    (own,) = read_aurocs(pd.concat([metrics, *before]))
    np.testing.assert_array_equal(own.untrained["recon"], [[0.4, 0.3], [np.nan, np.nan]])
    # (S[1, 2] - S[0, 2]) of the one seed: 0.5 - 0.3.
    table = statistics.summarise([own])
    forward = table[table["metric"] == "forward_transfer"]
    assert forward[["mean", "seeds"]].to_numpy().tolist() == [pytest.approx([0.2, 1])]


def test_the_interval_is_students() -> None:
    # Of scipy.stats.t.interval(0.95, 9, 0, 0.1 / √10) for ten values of standard deviation 0.1.
    values = np.array([-1, 1] * 5) * 0.1 * np.sqrt(0.9)
    assert t_interval(values) == pytest.approx(2.262157 * 0.1 / np.sqrt(10))
    assert np.isnan(t_interval([0.5]))
