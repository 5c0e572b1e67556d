"""What a run's metrics hold beside the AUROCs, against scikit-learn; and what a run cost."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from cl_anomaly import RunConfig, RunFolder, read_run, run
from cl_anomaly.core.progress import Progress
from cl_anomaly.models.vae import VAE
from cl_anomaly.plan.build import prepare
from cl_anomaly.runs.run import Run
from cl_anomaly.statistics.transfer import transfer_of
from cl_anomaly.store.metrics import METRICS_COLUMNS

SETTINGS = {"dataset": "digits", "device": "cpu", "epochs": 1, "task_order": [3, 1, 2]}
SETTINGS |= {"strategy": "gr", "seeds": [3, 7], "calibration": 0.2, "score": ["mse", "nap"]}


def _config(**settings: object) -> RunConfig:
    return RunConfig(**(SETTINGS | settings))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return run(_config(), out=tmp_path_factory.mktemp("run"))


def value(result: RunFolder, seed: int, task: int, score: str, metric: str) -> float:
    table = result.metrics
    found = table[
        (table["seed"] == seed)
        & (table["task"] == task)
        & (table["score"] == score)
        & (table["metric"] == metric)
    ]
    (only,) = found["value"]
    return only


def test_task_0_is_the_detector_with_its_first_weights(result: RunFolder) -> None:
    plan = prepare(_config())
    labels = result.test_labels
    x = plan.dataset.test.batch(torch.from_numpy(result.test_indices))
    for place, seed in enumerate([3, 7]):
        model = VAE((8, 8), [seed])
        with torch.no_grad():
            means = model.reconstruct(x[None]).means
        errors = (means - x).flatten(2).square().mean(2)[0].numpy()
        for task, label in enumerate([3, 1, 2], 1):
            among = np.isin(labels, [0, label])
            expected = float(roc_auc_score(labels[among] == 0, errors[among]))
            found = value(result, seed, 0, "mse", f"auroc_untrained_task_{task}")
            assert found == pytest.approx(expected, abs=1e-3), "rounded otherwise"
            assert result.untrained["mse"][place, task - 1] == found
    # The column says whose group it is; a score that keeps statistics has none before a task.
    rows = result.metrics.query("task == 0")
    pairs = set(zip(rows["metric"], rows["classes"], strict=True))
    assert pairs == {(f"auroc_untrained_task_{n}", str(c)) for n, c in enumerate((3, 1, 2), 1)}
    assert "nap" not in set(rows["score"]) and "nap" in set(result.metrics["score"])


def test_to_measure_it_changes_no_other_number(
    result: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Run, "_measure_untrained", lambda self: None)
    without = Run(prepare(_config())).execute(Progress())
    rows = result.metrics.query("task > 0 and metric != 'forward_transfer'")
    assert rows.to_csv(index=False) == without.metrics.to_csv(index=False)
    for name, own in without.weights.items():
        np.testing.assert_array_equal(own, result.weights[name])


def test_rows_of_aurocs_come_first_as_they_always_did(result: RunFolder) -> None:
    assert tuple(result.metrics.columns) == METRICS_COLUMNS
    is_auroc = result.metrics["metric"].str.match("auroc_(seen|class_)")
    first = is_auroc.to_numpy().nonzero()[0]
    assert first.tolist() == list(range(len(first)))
    assert not result.metrics.duplicated(["seed", "task", "score", "metric"]).any()


@pytest.mark.parametrize("task", [1, 3])
def test_what_is_seen_is_what_scikit_learn_sees(result: RunFolder, task: int) -> None:
    labels = result.test_labels
    seen = np.isin(labels, [0, *[3, 1, 2][:task]])
    anomalous = labels[seen] == 0
    weights = np.where(anomalous, 0.1 / anomalous.sum(), 0.9 / (~anomalous).sum())
    for place, seed in enumerate([3, 7]):
        scores = result.scores["nap"][place, task - 1, seen]
        expected = float(average_precision_score(anomalous, scores, sample_weight=weights))
        found = value(result, seed, task, "nap", "average_precision_0.1_seen")
        assert found == pytest.approx(expected, abs=1e-12)
        false, true, _ = roc_curve(anomalous, scores, drop_intermediate=False)
        found = value(result, seed, task, "nap", "fpr_at_tpr_0.95_seen")
        assert found == pytest.approx(float(false[np.argmax(true >= 0.95)]), abs=1e-12)


def test_realised_rates_are_those_of_all_tasks_so_far(result: RunFolder) -> None:
    table = result.threshold_tables["false_positive_rates.csv"]
    counts = {label: (result.test_labels == label).sum() for label in (1, 2, 3)}
    for target in (0.01, 0.05):
        for task in (1, 2, 3):
            own = table.query(
                f"seed == 7 and score == 'mse' and target_fpr == {target} and task == {task}"
            )
            sizes = [counts[int(label)] for label in own["classes"]]
            expected = np.average(own["false_positive_rate"], weights=sizes)
            found = value(result, 7, task, "mse", f"fpr_at_threshold_{target}_seen")
            assert found == pytest.approx(expected, abs=1e-12)


def test_numbers_of_the_result_matrix_stand_at_the_last_task(result: RunFolder) -> None:
    for place, seed in enumerate([3, 7]):
        expected = transfer_of(result.s["mse"][place], result.untrained["mse"][place])
        assert len(expected) == 12
        for name, number in expected.items():
            assert value(result, seed, 3, "mse", name) == number
    rows = result.metrics.query("metric == 'forward_transfer'")
    assert set(rows["task"]) == {3} and "nap" not in set(rows["score"])


def test_all_of_it_is_read_back(result: RunFolder) -> None:
    assert result.folder is not None
    kept = read_run(result.folder)
    assert kept.cost == result.cost
    assert kept.untrained.keys() == result.untrained.keys()
    for score, own in result.untrained.items():
        np.testing.assert_array_equal(kept.untrained[score], own)
    assert kept.seen.keys() == result.seen.keys()
    for metric, by_score in result.seen.items():
        for score, own in by_score.items():
            np.testing.assert_array_equal(kept.seen[metric][score], own)
    np.testing.assert_allclose(kept.s["mse"], result.s["mse"], rtol=1e-15)


def test_the_summary_has_their_means(result: RunFolder) -> None:
    assert result.folder is not None
    summary = pd.read_csv(result.folder / "summary.csv")
    names = ["forward_transfer", "pyclad_backward_transfer", "average_precision_0.1_seen"]
    for name in [*names, "fpr_at_threshold_0.05_seen"]:
        row = summary.query(f"score == 'mse' and task == 3 and metric == {name!r}").iloc[0]
        own = [value(result, seed, 3, "mse", name) for seed in (3, 7)]
        assert row["mean"] == pytest.approx(np.mean(own))
        assert row["sd"] == pytest.approx(np.std(own, ddof=1))


def test_cost_says_what_was_computed_and_kept(result: RunFolder) -> None:
    cost = result.cost
    assert cost["replicas"] == 2
    assert cost["samples"] == result.timing["samples"]
    # 64 → 400 → 400 → 16 and log σ² of 16, and back; each weight is multiplied and added.
    forward = 2 * (2 * (64 * 400 + 400 * 400) + 400 * 32 + 16 * 400)
    assert cost["forward_flops"] == forward
    assert cost["training_flops"] == 3 * forward * cost["samples"]
    assert cost["training_seconds"] == pytest.approx(result.timing["training_seconds"])
    # A decoder of each replica in float32: 16 → 400 → 400 → 64, with biases.
    decoder = 16 * 400 + 400 + 400 * 400 + 400 + 400 * 64 + 64
    # To set thresholds, the residuals of 64 features, and 101 quantiles of them for each task.
    kept = [2 * 4 * (decoder + 64 + 101 * task) for task in (1, 2, 3)]
    assert cost["strategy_bytes"] == kept[-1]
    assert cost["score_bytes"] == result.timing["score_bytes"]
    assert [task["strategy_bytes"] for task in cost["tasks"]] == kept


def test_cost_of_closed_form_is_that_of_one_pass() -> None:
    own = run(_config(strategy="lower", model="gaussians", score=None, task_order=[1, 2])).cost
    # 400 features of 8×8 pixels, see tests/models/test_flops.py.
    features, covariance, factors = 20736, 2 * 400**2, 4 * 400**3 // 3
    assert own["forward_flops"] == features + 2 * covariance
    gaussians = own["replicas"] * 2
    assert own["training_flops"] == own["samples"] * (features + covariance) + gaussians * factors


def test_who_keeps_nothing_costs_no_bytes() -> None:
    own = run(_config(strategy="lower", seeds=[3], task_order=[1], score="mse"))
    assert own.cost["strategy_bytes"] == 0
    assert own.cost["stores_samples"] is False
    # One task has nothing to transfer, and so no row of it.
    assert not own.metrics["metric"].str.contains("transfer|forgetting").any()
    assert np.isfinite(own.metrics["value"]).all()
