"""Several anomaly classes, trained side by side in one run."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cl_anomaly import RunConfig, RunFolder, run
from cl_anomaly.core.errors import InputError
from cl_anomaly.core.json_files import read_json
from cl_anomaly.plan.build import prepare
from cl_anomaly.runs.measurements import Failure
from cl_anomaly.runs.perform import write_run
from cl_anomaly.runs.run import Run
from cl_anomaly.scenarios.base import Replica, all_test_indices
from cl_anomaly.statistics.detection import auroc
from tests.support.resuming import kept

SMALL: dict[str, Any] = {
    "dataset": "digits",
    "epochs": 1,
    "batch_size": 64,
    "device": "cpu",
    "model_options": {"hidden_sizes": [16]},
}


def _run(**settings: Any) -> RunFolder:
    return run(RunConfig(**SMALL | settings))


def _tested(config: RunConfig) -> int:
    return len(all_test_indices(prepare(config).scenarios))


@pytest.fixture(scope="module")
def every_class() -> RunFolder:
    return _run(strategy="gr", seeds=[3, 7], task_order="random", anomaly_class="all")


def test_all_classes_in_one_run_are_ten_single_runs(every_class: RunFolder) -> None:
    single = [
        _run(strategy="gr", seeds=[3, 7], task_order="random", anomaly_class=own)
        for own in range(10)
    ]
    together = pd.concat([own.metrics for own in single])
    assert every_class.metrics.to_csv(index=False) == together.to_csv(index=False)
    for name, ours in every_class.scores.items():
        assert ours.tobytes() == np.concatenate([own.scores[name] for own in single]).tobytes()
        assert np.array_equal(every_class.s[name], np.concatenate([own.s[name] for own in single]))
    for name, ours in every_class.weights.items():
        assert ours.tobytes() == np.concatenate([own.weights[name] for own in single]).tobytes()
    assert every_class.replicas == [replica for own in single for replica in own.replicas]


def test_all_is_resolved_to_the_classes_that_there_are(every_class: RunFolder) -> None:
    assert every_class.config.anomaly_class == list(range(10))
    assert every_class.replicas[:3] == [
        Replica(3, 0, "random"),
        Replica(7, 0, "random"),
        Replica(3, 1, "random"),
    ]
    with pytest.raises(InputError, match=r"`anomaly_class` to be a class of digits .* got 12"):
        _run(anomaly_class=[0, 12])


def test_the_result_matrix_is_the_auroc_on_each_group(every_class: RunFolder) -> None:
    place, after, scores = 9, 4, every_class.scores["mse"]  # anomaly class 4, seed 7
    assert every_class.replicas[place] == Replica(7, 4, "random")
    labels, own = every_class.test_labels, scores[place, after]
    rows = every_class.metrics.query("anomaly_class == 4 and seed == 7 and score == 'mse'")
    order = rows.query("task > 0").drop_duplicates("task")["classes"].astype(int).tolist()
    expected = [auroc(own[labels == label], own[labels == 4]) for label in order]
    assert every_class.s["mse"][place, after].tolist() == pytest.approx(expected, abs=1e-12)
    seen = np.isin(labels, order[: after + 1])
    headline = auroc(own[seen], own[labels == 4])
    assert every_class.headline["mse"][place, after] == pytest.approx(headline, abs=1e-12)


def test_the_folder_names_the_classes(every_class: RunFolder, tmp_path: Path) -> None:
    folder = write_run(every_class, tmp_path)
    assert read_json(folder / "config.json")["anomaly_class"] == list(range(10))
    file = np.load(folder / "scores.npz")
    assert file["seeds"].tolist() == [3, 7] * 10
    assert file["anomaly_classes"].tolist() == [own for own in range(10) for _ in range(2)]
    assert file["labels"].shape == (file["recon"].shape[2],) == (540,)
    summary = pd.read_csv(folder / "summary.csv")
    assert set(summary["anomaly_class"]) == {*map(str, range(10)), "mean"}


def test_one_class_in_a_list_is_a_run_of_that_class(tmp_path: Path) -> None:
    result = _run(strategy="lower", anomaly_class=[4], task_order=[1])
    assert result.config.anomaly_class == 4
    assert "anomaly_classes" not in np.load(write_run(result, tmp_path) / "scores.npz").files


def test_classes_may_have_test_samples_of_their_own() -> None:
    # 1 and 3 are learnt by both, so neither is tested on the other's anomalies.
    settings: dict[str, Any] = {"strategy": "lower", "task_order": [3, 1]}
    both, four = _run(anomaly_class=[0, 4], **settings), _run(anomaly_class=4, **settings)
    assert set(both.test_labels) == {0, 1, 3, 4}
    of_four = both.metrics[both.metrics["anomaly_class"] == 4].reset_index(drop=True)
    pd.testing.assert_frame_equal(of_four, four.metrics)


def test_who_failed_is_named_with_seed_and_class() -> None:
    of_several = Failure(3, 2, 5, "its loss", 4)
    assert str(of_several).startswith("seed 3, anomaly class 4 failed in task 2, after step 5: its")
    assert str(Failure(3, 2, 5, "its loss")).startswith("seed 3 failed in task 2")


def test_a_replica_that_failed_is_told_by_its_class_after_a_restart(tmp_path: Path) -> None:
    config = RunConfig(**SMALL, strategy="lower", seeds="3,", anomaly_class=[0, 4], task_order=[1])
    before, after = (Run(prepare(config)).measured for _ in range(2))
    before.fail(1, {1: (2, "its loss")})
    failure = Failure(3, 1, 2, "its loss", 4)
    assert before.failures == {1: failure}
    scores = {name: np.ones((2, _tested(config)), np.float32) for name in before.score_names}
    assert len(before.add(scores)) == 1
    after.restore(kept(before.state(), tmp_path))
    assert after.failures == {1: failure}
    assert after.metrics().equals(before.metrics())
    assert set(after.metrics()["anomaly_class"]) == {0}


def test_replicas_of_one_seed_fail_apart() -> None:
    # At a rate that is too high for any.
    settings: dict[str, Any] = {"strategy": "lower", "seeds": "3,", "learning_rate": 1e30}
    failed = _run(anomaly_class=[0, 4], task_order=[1, 2], **settings).failures
    assert [(own.seed, own.anomaly_class) for own in failed] == [(3, 0), (3, 4)]
    (alone,) = _run(anomaly_class=4, task_order=[1, 2], **settings).failures
    assert alone.anomaly_class is None
