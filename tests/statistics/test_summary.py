from typing import Any

import numpy as np
import pandas as pd
import pytest

from cl_anomaly.statistics import summary as statistics
from cl_anomaly.statistics.aurocs import read_aurocs, result_matrix
from cl_anomaly.statistics.bounds import kind_of
from cl_anomaly.statistics.transfer import OF_THE_MATRIX

COLUMNS = ["run", "strategy", "dataset", "anomaly_class", "seed", "task", "classes", "score"]


def rows(
    strategy: str,
    seed: int,
    seen: list[float],
    matrix: list[list[float]],
    run: str = "",
    score: str = "recon",
) -> pd.DataFrame:
    """Metrics of one seed whose tasks are the classes 1, 2, …, as a run writes them."""
    records: list[dict[str, Any]] = []
    for task, (headline, per_class) in enumerate(zip(seen, matrix, strict=True), start=1):
        key = [run or strategy, strategy, "digits", 0, seed, task, str(task), score]
        values = {f"auroc_class_{c}": v for c, v in enumerate(per_class, start=1)}
        for metric, value in {"auroc_seen": headline, **values}.items():
            records.append(
                {**dict(zip(COLUMNS, key, strict=True)), "metric": metric, "value": value}
            )
    return pd.DataFrame(records)


def summarise(metrics: pd.DataFrame, **models: str) -> pd.DataFrame:
    """The summary of runs of one model, but for those of which another is said, by their names."""
    runs = read_aurocs(metrics)
    kinds = {
        (own.run, own.dataset): kind_of(own.strategy, {"model": models.get(own.run, "vae")}, "")
        for own in runs
    }
    return statistics.summarise(runs, kinds)


def two_runs() -> pd.DataFrame:
    return pd.concat(
        [
            rows("gr", 0, [0.90, 0.80], [[0.90, 0.50], [0.80, 0.90]]),
            rows("gr", 5, [0.94, 0.86], [[0.94, 0.30], [0.90, 0.80]]),
            rows("lower", 0, [0.90, 0.60], [[0.90, 0.50], [0.40, 0.90]]),
            rows("lower", 5, [0.92, 0.64], [[0.92, 0.40], [0.52, 0.86]]),
        ],
        ignore_index=True,
    )


def cell(table: pd.DataFrame, run: str, task: int, metric: str, score: str = "recon") -> pd.Series:
    found = table[
        (table["run"] == run)
        & (table["task"] == task)
        & (table["metric"] == metric)
        & (table["score"] == score)
    ]
    assert len(found) == 1
    return found.iloc[0]


@pytest.mark.parametrize(
    ("run", "task", "metric", "mean", "difference"),
    [
        # The standard deviation of a sample of two is their difference / √2.
        ("gr", 1, "auroc_seen", 0.92, 0.04),  # 0.90, 0.94
        ("gr", 2, "auroc_seen", 0.83, 0.06),  # 0.80, 0.86
        ("lower", 1, "auroc_seen", 0.91, 0.02),  # 0.90, 0.92
        ("lower", 2, "auroc_seen", 0.62, 0.04),  # 0.60, 0.64
        ("gr", 2, "average", 0.85, 0.0),  # (0.80 + 0.90) / 2, (0.90 + 0.80) / 2
        ("lower", 2, "average", 0.67, 0.04),  # (0.40 + 0.90) / 2 = 0.65, (0.52 + 0.86) / 2 = 0.69
        ("gr", 2, "backward_transfer", -0.07, 0.06),  # 0.80 − 0.90 = −0.10, 0.90 − 0.94 = −0.04
        ("lower", 2, "backward_transfer", -0.45, 0.1),  # 0.40 − 0.90 = −0.5, 0.52 − 0.92 = −0.4
        # Of two tasks, forgetting is backward transfer with the other sign.
        ("gr", 2, "forgetting", 0.07, 0.06),
        ("lower", 2, "forgetting", 0.45, 0.1),
    ],
)
def test_mean_and_standard_deviation_over_seeds(
    run: str, task: int, metric: str, mean: float, difference: float
) -> None:
    row = cell(summarise(two_runs()), run, task, metric)
    assert row["mean"] == pytest.approx(mean)
    assert row["sd"] == pytest.approx(difference / np.sqrt(2), abs=1e-12)
    assert row["seeds"] == 2
    assert (row["strategy"], row["dataset"], row["anomaly_class"]) == (run, "digits", 0)


def test_the_table_has_these_rows_and_no_others() -> None:
    table = summarise(two_runs())
    assert list(table.columns) == [
        *("run", "strategy", "dataset", "anomaly_class", "score"),
        *("task", "metric", "mean", "sd", "seeds"),
    ]
    found = sorted(zip(table["run"], table["task"], table["metric"], strict=True))
    last = sorted(["auroc_seen", *OF_THE_MATRIX])
    assert found == [
        (run, task, metric)
        for run in ("gr", "lower")
        for task, metrics in ((1, ["auroc_seen"]), (2, last))
        for metric in metrics
    ]


def test_one_seed_has_no_standard_deviation() -> None:
    table = summarise(rows("gr", 3, [0.90, 0.80], [[0.90, 0.50], [0.80, 0.90]]))
    assert cell(table, "gr", 2, "auroc_seen")["mean"] == pytest.approx(0.80)
    assert table["sd"].isna().all()
    assert (table["seeds"] == 1).all()


def test_gap_closed_lies_between_the_bounds() -> None:
    upper = [
        rows("upper", 0, [0.90, 0.90], [[0.90, 0.50], [0.90, 0.90]]),
        rows("upper", 5, [0.90, 0.94], [[0.90, 0.50], [0.94, 0.94]]),
    ]
    table = summarise(pd.concat([two_runs(), *upper], ignore_index=True))
    # Means after the last task: lower 0.62, gr 0.83, upper 0.92; (0.83 − 0.62) / 0.30 = 0.7.
    for run, closed in {"lower": 0.0, "gr": 0.7, "upper": 1.0}.items():
        assert cell(table, run, 2, "gap_closed")["mean"] == pytest.approx(closed)
    gaps = table[table["metric"] == "gap_closed"]
    assert gaps["task"].tolist() == [2, 2, 2]
    # Of the means, so there is no spread to tell.
    assert gaps["sd"].isna().all()


def test_gap_closed_is_told_for_runs_by_their_strategy_not_their_name() -> None:
    matrix = [[0.9, 0.5], [0.8, 0.9]]
    metrics = pd.concat(
        [
            rows("lower", 0, [0.9, 0.5], matrix, run="fine-tuning"),
            rows("upper", 0, [0.9, 0.9], matrix, run="everything"),
            rows("gr", 0, [0.9, 0.8], matrix, run="once"),
            rows("gr", 0, [0.9, 0.6], matrix, run="twice"),
        ]
    )
    table = summarise(metrics)
    # (0.8 − 0.5) / 0.4 and (0.6 − 0.5) / 0.4
    assert cell(table, "once", 2, "gap_closed")["mean"] == pytest.approx(0.75)
    assert cell(table, "twice", 2, "gap_closed")["mean"] == pytest.approx(0.25)


def test_gap_closed_is_undefined_where_there_is_hardly_a_gap() -> None:
    matrix = [[0.9, 0.5], [0.8, 0.9]]
    metrics = pd.concat(
        [rows("lower", 0, [0.9, 0.89], matrix), rows("upper", 0, [0.9, 0.90], matrix)]
    )
    table = summarise(metrics)
    assert np.isnan(cell(table, "upper", 2, "gap_closed")["mean"])


@pytest.mark.parametrize("missing", ["lower", "upper"])
def test_without_both_bounds_there_is_no_gap(missing: str) -> None:
    matrix = [[0.9, 0.5], [0.8, 0.9]]
    names = [name for name in ("lower", "gr", "upper") if name != missing]
    metrics = pd.concat([rows(name, 0, [0.9, 0.8], matrix) for name in names])
    assert "gap_closed" not in set(summarise(metrics)["metric"])


def test_scores_are_kept_apart() -> None:
    matrix = [[0.9, 0.5], [0.8, 0.9]]
    metrics = pd.concat(
        [
            rows(strategy, 0, [0.9, after], matrix, score=score)
            for score, values in {
                "recon": {"lower": 0.5, "gr": 0.8, "upper": 0.9},
                "mse": {"lower": 0.6, "gr": 0.7, "upper": 0.8},
            }.items()
            for strategy, after in values.items()
        ]
    )
    table = summarise(metrics)
    assert cell(table, "gr", 2, "auroc_seen", "recon")["mean"] == pytest.approx(0.8)
    assert cell(table, "gr", 2, "auroc_seen", "mse")["mean"] == pytest.approx(0.7)
    assert cell(table, "gr", 2, "gap_closed", "recon")["mean"] == pytest.approx(0.75)
    assert cell(table, "gr", 2, "gap_closed", "mse")["mean"] == pytest.approx(0.5)


def test_the_result_matrix_has_a_row_for_each_time_and_a_column_for_each_task() -> None:
    s = [[0.9, 0.5, 0.1], [0.8, 0.7, 0.2], [0.6, 0.4, 0.3]]
    metrics = rows("gr", 0, [0.9, 0.8, 0.7], s)
    shuffled = metrics.sample(frac=1, random_state=0)
    assert result_matrix(shuffled) == pytest.approx(np.array(s))


def test_columns_follow_the_order_of_the_tasks() -> None:
    metrics = rows("gr", 0, [0.9, 0.8], [[0.5, 0.9], [0.7, 0.6]])
    # Class 2 is learnt first: its AUROC is the matrix's first column.
    metrics["classes"] = metrics["task"].map({1: "2", 2: "1"})
    assert result_matrix(metrics) == pytest.approx(np.array([[0.9, 0.5], [0.6, 0.7]]))


def test_several_classes_of_a_task_are_averaged() -> None:
    s = [[0.9, 0.7, 0.5], [0.6, 0.4, 0.8]]
    metrics = rows("gr", 0, [0.9, 0.8], s)
    metrics["classes"] = metrics["task"].map({1: "3 1", 2: "2"})
    # Task 1 is classes 3 and 1: (0.5 + 0.9) / 2 = 0.7, then (0.8 + 0.6) / 2 = 0.7; task 2 class 2.
    expected = np.array([[0.7, 0.7], [0.7, 0.4]])
    assert result_matrix(metrics) == pytest.approx(expected)
    # (0.7 + 0.4) / 2, and 0.7 − 0.7
    table = summarise(metrics)
    assert cell(table, "gr", 2, "average")["mean"] == pytest.approx(0.55)
    assert cell(table, "gr", 2, "backward_transfer")["mean"] == pytest.approx(0)


def test_seeds_may_have_orders_of_their_own() -> None:
    # Both seeds lose 0.3 on the class that they learnt first, which is not the same one.
    first = rows("gr", 0, [0.9, 0.8], [[0.9, 0.5], [0.6, 0.8]])
    second = rows("gr", 1, [0.9, 0.8], [[0.5, 0.9], [0.8, 0.6]])
    second["classes"] = second["task"].map({1: "2", 2: "1"})
    row = cell(summarise(pd.concat([first, second])), "gr", 2, "backward_transfer")
    assert row["mean"] == pytest.approx(-0.3)
    assert row["sd"] == pytest.approx(0)


def test_bounds_are_those_of_the_same_scenario() -> None:
    other = pd.concat(
        [
            rows("upper", 0, [0.9, 0.8], [[0.9, 0.5], [0.7, 0.9]], run="upper 4"),
            rows("lower", 0, [0.9, 0.7], [[0.9, 0.5], [0.5, 0.9]], run="lower 4"),
        ]
    ).assign(anomaly_class=4)
    upper = rows("upper", 0, [0.9, 0.9], [[0.9, 0.5], [0.9, 0.9]])
    table = summarise(pd.concat([two_runs(), upper, other], ignore_index=True))
    for run, closed in {"upper": 1.0, "lower": 0.0, "upper 4": 1.0, "lower 4": 0.0}.items():
        assert cell(table, run, 2, "gap_closed")["mean"] == pytest.approx(closed)


def test_longer_run_takes_nothing_from_the_others() -> None:
    upper = rows("upper", 0, [0.9, 0.9], [[0.9, 0.5], [0.9, 0.9]])
    longer = rows("gr", 0, [0.9] * 3, [[0.9] * 3] * 3, run="longer")
    table = summarise(pd.concat([two_runs(), upper, longer], ignore_index=True))
    # Lower ends at (0.60 + 0.64) / 2 = 0.62, gr at (0.80 + 0.86) / 2 = 0.83: 0.21 of 0.28.
    assert cell(table, "gr", 2, "gap_closed")["mean"] == pytest.approx(0.75)
    assert "gap_closed" not in set(table.loc[table["run"] == "longer", "metric"])


def test_a_mean_is_no_median() -> None:
    # 0.9, 0.9 and 0.3: mean 0.7, median 0.9; deviations 0.2, 0.2 and −0.4: √(0.24 / 2).
    first = [rows("gr", seed, [v], [[v]]) for seed, v in ((3, 0.9), (7, 0.9), (9, 0.3))]
    row = cell(summarise(pd.concat(first)), "gr", 1, "auroc_seen")
    assert row["mean"] == pytest.approx(0.7)
    assert row["sd"] == pytest.approx(np.sqrt(0.12))
    assert row["seeds"] == 3
    assert cell(summarise(pd.concat(first)), "gr", 1, "average")["mean"] == pytest.approx(0.7)


def test_bounds_are_those_of_the_same_model() -> None:
    matrix = [[0.9, 0.5], [0.8, 0.9]]
    ends = {
        **{"vae_lower": 0.5, "vae_gr": 0.45, "vae_upper": 0.9},
        **{"flow_lower": 0.7, "flow_gr": 0.75, "flow_upper": 0.8},
    }
    metrics = [
        rows(run.partition("_")[2], 0, [0.9, end], matrix, run=run) for run, end in ends.items()
    ]
    models = {run: run.partition("_")[0] for run in ends}
    table = summarise(pd.concat(metrics, ignore_index=True), **models)
    # (0.45 - 0.5) / 0.4 and (0.75 - 0.7) / 0.1; between the means of both models, 0.6 and 0.85,
    # they would be -0.6 and 0.6, and the Lower Bounds -0.4 and 0.4.
    closed = {"vae_gr": -0.125, "flow_gr": 0.5}
    closed |= {"vae_lower": 0.0, "flow_lower": 0.0, "vae_upper": 1.0, "flow_upper": 1.0}
    for run, expected in closed.items():
        assert cell(table, run, 2, "gap_closed")["mean"] == pytest.approx(expected, abs=1e-12), run
    alone = summarise(pd.concat(metrics[1:], ignore_index=True), **models)
    assert "vae_gr" not in set(alone.loc[alone["metric"] == "gap_closed", "run"])


def test_a_method_may_have_fewer_tasks_on_one_dataset_than_on_another() -> None:
    short, long = [[0.9]], [[0.9, 0.5], [0.8, 0.9]]
    metrics = [
        rows(strategy, 0, [0.9, end][-count:], matrix, run=strategy).assign(dataset=dataset)
        for strategy, end in (("lower", 0.5), ("gr", 0.8), ("upper", 0.9))
        for dataset, count, matrix in (("short", 1, short), ("long", 2, long))
    ]
    table = summarise(pd.concat(metrics, ignore_index=True))
    closed = table[table["metric"] == "gap_closed"].set_index(["run", "dataset"])["mean"]
    for dataset in ("short", "long"):
        assert closed["gr", dataset] == pytest.approx(0.75)


def test_bounds_are_those_of_the_same_dataset() -> None:
    matrix = [[0.9, 0.5], [0.8, 0.9]]
    ends = {"lower": (0.5, 0.7), "gr": (0.8, 0.8), "upper": (0.9, 0.9)}
    metrics = [
        rows(strategy, 0, [0.9, end], matrix, run=f"{strategy} {dataset}").assign(dataset=dataset)
        for strategy, own in ends.items()
        for dataset, end in zip(("digits", "mnist"), own, strict=True)
    ]
    table = summarise(pd.concat(metrics, ignore_index=True))
    assert cell(table, "gr digits", 2, "gap_closed")["mean"] == pytest.approx(0.75)
    assert cell(table, "gr mnist", 2, "gap_closed")["mean"] == pytest.approx(0.5)
