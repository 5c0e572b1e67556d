"""Thresholds from samples that were kept aside, as a run records them."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from cl_anomaly import Detector, RunConfig, read_run, run
from cl_anomaly.core.errors import InputError, RunError
from cl_anomaly.data.datasets import Dataset, Samples, load_dataset
from cl_anomaly.plan.build import prepare
from cl_anomaly.results.run_folder import RunFolder
from cl_anomaly.runs.checkpointing import Keeper
from cl_anomaly.scenarios.class_stream import build_scenario
from cl_anomaly.statistics.thresholds import TARGET_RATES, threshold_at
from cl_anomaly.strategies import Strategy
from tests.support.command import SMALL, cli
from tests.support.resuming import Recorder, run_from

SETTINGS = {"dataset": "digits", "device": "cpu", "task_order": [1, 2, 3], "precision": "float32"}


def _run(strategy: object, out: Path | None = None, **settings: object) -> RunFolder:
    config = SETTINGS | {"epochs": 8, "calibration": 0.2, "seeds": [3, 7]} | settings
    return run(RunConfig(strategy=strategy, **config), out=out)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return _run("lower", tmp_path_factory.mktemp("kept"))


def test_the_threshold_is_that_of_the_tasks_own_samples(kept: RunFolder) -> None:
    """Of the last task, by the trained detector, on what was kept aside."""
    detector, dataset = kept.detector(), load_dataset("digits")
    table = kept.threshold_tables["thresholds.csv"].query("task == 3 and score == 'mse'")
    for place, seed in enumerate([3, 7]):
        scenario = build_scenario(dataset, 0, [1, 2, 3], seed=seed, calibration=0.2)
        aside = scenario.tasks[2].calibration
        scores = detector.score(dataset.train.batch(aside))[place]
        own = table[table["seed"] == seed].set_index("target_fpr")
        for rate in TARGET_RATES:
            assert own["threshold"][rate] == pytest.approx(threshold_at(rate, scores), rel=1e-5)
        assert (own["set_from"] == "this task").all()


def test_rates_are_shares_of_the_test_samples_above_the_threshold(kept: RunFolder) -> None:
    thresholds, rates = kept.threshold_tables.values()
    assert sorted(set(thresholds["target_fpr"])) == [0.01, 0.05]
    assert kept.detector().rates == (0.01, 0.05)
    assert len(thresholds) == 2 * 3 * 5 * 2  # seeds, tasks, scores, target rates
    assert len(rates) == 2 * (1 + 2 + 3) * 5 * 2
    for row in thresholds.query("score == 'mse'").itertuples():
        place = [3, 7].index(int(row.seed))  # type: ignore[arg-type]
        scores = kept.scores["mse"][place, int(row.task) - 1]  # type: ignore[arg-type]
        above = scores > row.threshold
        assert row.detection_rate == pytest.approx(above[kept.test_labels == 0].mean())
        own = rates.query(
            f"seed == {row.seed} and task == {row.task} and score == 'mse' "
            f"and target_fpr == {row.target_fpr}"
        )
        assert own["of_task"].tolist() == list(range(1, int(row.task) + 1))  # type: ignore[arg-type]
        for _, one in own.iterrows():
            samples = kept.test_labels == int(one["classes"])
            assert one["false_positive_rate"] == pytest.approx(above[samples].mean())


def test_what_is_kept_aside_is_never_trained_on(kept: RunFolder) -> None:
    dataset = load_dataset("digits")
    for seed in (3, 7):
        for task in build_scenario(dataset, 0, [1, 2, 3], seed=seed, calibration=0.2).tasks:
            whole = dataset.train_labels.tolist().count(task.classes[0])
            assert len(task.indices) + len(task.calibration) == whole
            assert not set(task.indices.tolist()) & set(task.calibration.tolist())
            assert len(task.calibration) == int(np.ceil(0.2 * whole))


def test_where_they_are_set_from_depends_on_what_the_strategy_keeps() -> None:
    expected = {
        "upper": ["this task", "all tasks", "all tasks"],
        "gr": ["this task"] + 2 * ["this task and recalled samples"],
        "ewc": 3 * ["this task"],
    }
    for strategy, words in expected.items():
        table = _run(strategy, epochs=1, seeds=1).threshold_tables["thresholds.csv"]
        own = table.query("score == 'recon' and target_fpr == 0.05")
        assert own["set_from"].tolist() == words, strategy


def test_they_are_kept_with_the_detector_and_read_back(kept: RunFolder, tmp_path: Path) -> None:
    assert kept.folder
    detector = Detector.load(kept.folder)
    table = kept.threshold_tables["thresholds.csv"]
    last = table.query("task == 3 and score == 'mse' and target_fpr == 0.01")
    np.testing.assert_array_equal(detector.thresholds(0.01), last["threshold"])
    x = load_dataset("digits").test.batch(torch.arange(50))
    alarms = detector.predict(x, 0.01)
    expected = detector.score(x) > detector.thresholds(0.01)[:, None]
    np.testing.assert_array_equal(alarms, expected)
    detector.save(tmp_path / "detector")
    np.testing.assert_array_equal(
        Detector.load(tmp_path / "detector").thresholds(0.05), detector.thresholds(0.05)
    )
    for name, own in read_run(kept.folder).threshold_tables.items():
        pd.testing.assert_frame_equal(own, kept.threshold_tables[name], check_dtype=False)


def test_without_samples_kept_aside_there_is_none(tmp_path: Path) -> None:
    done = cli("run", *SMALL, "--quiet", "--out", tmp_path)
    assert not (done.last_line / "thresholds.csv").exists()
    with pytest.raises(InputError, match="this one has none. `run --calibration 0.05`"):
        Detector.load(done.last_line).predict(np.zeros((1, 8, 8), np.float32))


def test_another_rate_is_refused(kept: RunFolder) -> None:
    with pytest.raises(InputError, match="rate of 0.5, but this one has those for 0.01, 0.05"):
        kept.detector().thresholds(0.5)


class RecallsNoise(Strategy):
    """Stands for past tasks by what scores higher than any of them."""

    def recall(self, count: int) -> torch.Tensor:
        return self.random.normal(count, 8, 8).abs().clamp(0, 1).round()


def _thresholds(result: RunFolder, score: str = "mse") -> pd.DataFrame:
    table = result.threshold_tables["thresholds.csv"]
    return table[table["score"] == score]


def test_what_is_recalled_counts_by_the_share_of_the_past(kept: RunFolder) -> None:
    """Two thirds of the samples score higher than any of this task's: so does the threshold."""
    last = "task == 3 and target_fpr == 0.05"
    alone = _thresholds(kept).query(last)["threshold"].to_numpy()
    recalled = _thresholds(_run(RecallsNoise)).query(last)["threshold"].to_numpy()
    assert (recalled > alone).all()


def test_a_strategy_that_stores_samples_stores_some_that_were_kept_aside() -> None:
    """Its reservoir has room for all: they are those of all past tasks."""
    result, dataset = _run("replay", seeds=[3], strategy_options={"samples": 2000}), _digits()
    scenario = build_scenario(dataset, 0, [1, 2, 3], seed=3, calibration=0.2)
    past, own = (
        result.detector().score(dataset.train.batch(torch.cat(places)))
        for places in (
            [task.calibration for task in scenario.tasks[:2]],
            [scenario.tasks[2].calibration],
        )
    )
    table = _thresholds(result).query("task == 3").set_index("target_fpr")
    assert (table["set_from"] == "this task and stored samples").all()
    for rate in TARGET_RATES:
        expected = threshold_at(rate, np.concatenate([past, own]))  # that of all, as for `upper`
        assert table["threshold"][rate] == pytest.approx(expected, rel=1e-5)


def _digits() -> Dataset:
    return load_dataset("digits")


GAUSSIANS = {"model": "gaussians", "seeds": [3], "epochs": None}


@pytest.mark.parametrize("score", ["least", "auto-margin"])
def test_each_task_has_a_limit_that_stays_as_tasks_come(score: str) -> None:
    """An alarm is farther from its nearest task than nearly all that was kept aside of that."""
    result, dataset = _run("lower", score=score, **GAUSSIANS), _digits()
    scenario = build_scenario(dataset, 0, [1, 2, 3], seed=3, calibration=0.2)
    model = result.detector().first_replica()

    def distances(samples: Samples, places: torch.Tensor) -> np.ndarray:
        output: Any = model.reconstruct(samples.batch(places)[None])
        return output.distances[0].numpy()

    limits = []
    for number, task in enumerate(scenario.tasks):
        own = distances(dataset.train, task.calibration)[:, : number + 1]
        own = own[own.argmin(1) == number, number]
        place = int(np.ceil(0.95 * (len(own) + 1) - 1e-9))
        limits.append(np.sort(own)[min(place, len(own)) - 1])
    x = distances(dataset.test, torch.arange(len(dataset.test)))
    expected = x.min(1) > np.array(limits)[x.argmin(1)]
    alarms = result.detector().predict(dataset.test.batch(torch.arange(len(dataset.test))), 0.05)
    np.testing.assert_array_equal(alarms, expected)
    table = _thresholds(result, score).query("task == 3 and target_fpr == 0.05")
    assert table["set_from"].tolist() == ["each task"] and table["threshold"].isna().all()
    is_anomalous = result.test_labels == 0
    shown = dataset.test_labels.numpy()[result.test_indices]
    np.testing.assert_array_equal(shown, result.test_labels)
    among = expected[result.test_indices]
    assert table["detection_rate"].item() == pytest.approx(among[is_anomalous].mean())
    rates = result.threshold_tables["false_positive_rates.csv"].query(
        f"task == 3 and target_fpr == 0.05 and score == '{score}'"
    )
    for _, row in rates.iterrows():
        own = among[result.test_labels == int(row["classes"])]
        assert row["false_positive_rate"] == pytest.approx(own.mean())


def test_limits_are_kept_with_the_detector_and_by_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, x = _run("lower", tmp_path, **GAUSSIANS), _digits().test.stored[:40].numpy() / 16
    detector, folder = result.detector(), result.folder
    assert folder
    loaded = Detector.load(folder)
    np.testing.assert_array_equal(loaded.thresholds_for(x), detector.thresholds_for(x))
    with pytest.raises(InputError, match="one threshold for all samples"):
        loaded.thresholds()
    np.save(tmp_path / "x.npy", x.astype(np.float32))
    done = cli("score", folder, "--input", tmp_path / "x.npy", "--output", tmp_path / "s.csv")
    assert done.code == 0
    table = pd.read_csv(tmp_path / "s.csv")
    np.testing.assert_allclose(table["threshold"], loaded.thresholds_for(x), rtol=1e-6)
    np.testing.assert_array_equal(table["anomaly"] == "yes", loaded.predict(x))
    lines = "\n".join(json.dumps(own.flatten().tolist()) for own in x[:3].astype(float))
    monkeypatch.setattr("sys.stdin", io.StringIO(lines + "\n"))
    fed = cli("score", folder, "--input", "-")
    answers = [json.loads(line) for line in fed.out.splitlines()]
    assert [own["anomaly"] for own in answers] == loaded.predict(x[:3]).tolist()
    bytes_kept = result.timing["tasks"][-1]["strategy_bytes"]
    assert bytes_kept == 3 * (2 + 1) * 4  # two limits and a count for each task


def test_too_few_samples_kept_aside_are_said() -> None:
    few = prepare(RunConfig(strategy="lower", **SETTINGS, calibration=0.2)).config.dataset_note
    assert few and "kept aside, but a threshold needs 99 for a rate of 1 %." in few
    fewer = prepare(RunConfig(strategy="lower", **SETTINGS, calibration=0.05)).config.dataset_note
    assert fewer and "needs 99 for a rate of 1 % and 19 for a rate of 5 %." in fewer


def test_a_seed_has_the_thresholds_that_it_has_alone(kept: RunFolder) -> None:
    alone = _run("gr", epochs=2, seeds=[7]).threshold_tables["thresholds.csv"]
    among = _run("gr", epochs=2).threshold_tables["thresholds.csv"]
    theirs = among[among["seed"] == 7].reset_index(drop=True)
    np.testing.assert_allclose(alone["threshold"], theirs["threshold"], rtol=1e-4)


class TakesTestSamples(Strategy):
    """Would set its thresholds from what it was trained on."""

    def calibration_indices(self, task, seen):  # noqa: ANN001, ANN201
        return task.indices


def test_thresholds_from_training_samples_are_refused() -> None:
    with pytest.raises(RunError, match="calibration_indices to give samples that were kept aside"):
        _run(TakesTestSamples, epochs=1, seeds=1)


@pytest.mark.parametrize("share", [-0.1, 1.0, "half"])
def test_a_share_is_below_1(share: object) -> None:
    with pytest.raises(InputError, match="`calibration` to be a share"):
        RunConfig(calibration=share)  # type: ignore[arg-type]


def test_detector_json_is_json_where_a_replica_failed(tmp_path: Path) -> None:
    result = _run("lower", tmp_path, learning_rate=1e18, epochs=1, seeds=1)
    assert result.failures and result.folder
    made_from = json.loads(
        (result.folder / "detector.json").read_text(), parse_constant=pytest.fail
    )
    assert set(made_from["thresholds"]) <= {"0.01", "0.05"}


@pytest.mark.parametrize(
    "settings",
    [
        {"strategy": "replay", "strategy_options": {"samples": 50}},
        {"strategy": "gr"},
        {"strategy": "lower", "model": "gaussians", "epochs": None},
        {"strategy": "upper", "score": "mahalanobis"},
    ],
    ids=lambda settings: settings["strategy"],
)
def test_a_run_that_goes_on_sets_the_thresholds_that_it_would_have_set(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    config = SETTINGS | {"epochs": 2, "calibration": 0.2, "seeds": [3, 7]} | settings
    recorder = Recorder(tmp_path, every=1 if settings["strategy"] == "lower" else 7)
    whole = run_from(config, recorder)
    after_second = [own for own in recorder.states if own.values["learnt"]][1]
    within_last = [own for own in recorder.states if not own.values["learnt"]][-1]
    for state in (after_second, within_last):
        resumed = run_from(config, Keeper(), state)
        for name, table in whole.threshold_tables.items():
            pd.testing.assert_frame_equal(table, resumed.threshold_tables[name])
        for name, own in whole.scores.items():
            np.testing.assert_array_equal(own, resumed.scores[name])
        assert whole.made_from == resumed.made_from
