"""The estimator, as scikit-learn and its users expect one to be."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from cl_anomaly import ContinualAnomalyDetector
from cl_anomaly.core.errors import InputError
from cl_anomaly.data.datasets import load_dataset

SMALL: dict[str, Any] = {"model_options": {"hidden_sizes": [16], "latent_size": 2}}


def _made(**settings: Any) -> ContinualAnomalyDetector:
    return ContinualAnomalyDetector(**{**SMALL, "epochs": 3, "random_state": 0, **settings})


def _digits(*classes: int) -> np.ndarray:
    train, labels = load_dataset("digits").train, load_dataset("digits").train_labels
    rows = np.isin(labels.numpy(), classes)
    return train.stored.numpy()[rows].reshape(rows.sum(), -1).astype(float)


def _anomalous() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 17, (40, 64)).astype(float)


@pytest.mark.parametrize("strategy", ["gr", "upper", "ewc", "lower"])
def test_scikit_learns_own_checks_pass(strategy: str) -> None:
    results = check_estimator(_made(strategy=strategy, epochs=1), on_fail=None, on_skip=None)  # type: ignore[arg-type]
    left = {result["check_name"]: result["exception"] for result in results if not _passed(result)}
    # It needs another array library than NumPy, and an environment variable set.
    assert set(left) <= {"check_array_api_input"}, left
    assert len(results) > 40


def _passed(result: dict[str, Any]) -> bool:
    return result["status"] == "passed"


@pytest.mark.parametrize("strategy", ["gr", "upper", "ewc", "lower", "replay", "joint", "gr-evt"])
def test_a_task_is_learnt_after_another(strategy: str) -> None:
    first, second = _digits(1), _digits(7)
    detector = _made(strategy=strategy, epochs=30).fit(first)
    before = detector.score_samples(second).mean()
    detector.partial_fit(second)
    assert detector.n_tasks_ == 2
    assert detector.score_samples(second).mean() > before
    scores = np.concatenate([detector.score_samples(own) for own in (second, _anomalous())])
    labels = np.repeat([1, 0], [len(second), 40])
    assert roc_auc_score(labels, scores) > 0.95


def test_upper_sees_the_past_again_and_the_others_keep_none_of_it() -> None:
    first, second = _digits(1), _digits(7)
    upper, lower = (
        _made(strategy=name, epochs=40).fit(first).partial_fit(second)
        for name in ("upper", "lower")
    )
    assert upper.score_samples(first).mean() > lower.score_samples(first).mean()
    assert sum(len(own) for own in upper._learnt.past) == len(first) + len(second)
    for name in ("gr", "ewc", "lower"):
        kept = _made(strategy=name, epochs=1).fit(first).partial_fit(second)._learnt
        assert kept.past == []
        assert not any(own.shape[:1] == (len(first),) for own in kept.tensors.values()), name


def test_one_in_twenty_normal_samples_is_an_alarm_by_default() -> None:
    x = np.random.default_rng(0).normal(size=(4000, 3))
    detector = _made(epochs=2).fit(x[:2000])
    rate = (detector.predict(x[2000:]) == -1).mean()
    assert 0 < rate < 0.12  # 100 samples kept aside give a standard deviation of 0.022


def test_contamination_is_the_share_of_alarms_in_training() -> None:
    x = np.random.default_rng(0).normal(size=(200, 3))
    detector = _made(contamination=0.1).fit(x)
    assert (detector.predict(x) == -1).sum() == 20
    np.testing.assert_allclose(
        detector.decision_function(x), detector.score_samples(x) - detector.offset_
    )


def test_it_works_in_a_pipeline_in_cross_validation_and_as_a_clone() -> None:
    normal, anomalous = _digits(3), _anomalous()
    x, y = np.concatenate([normal, anomalous]), np.repeat([1, -1], [len(normal), len(anomalous)])
    piped = make_pipeline(StandardScaler(), _made(epochs=10))
    assert piped.fit(normal).predict(anomalous).mean() < -0.8
    scores = cross_val_score(
        clone(_made(epochs=10)), x, y, cv=StratifiedKFold(3), scoring="roc_auc"
    )
    assert scores.min() > 0.7


def test_the_same_seed_gives_the_same_and_another_another() -> None:
    x = _digits(1)
    one, same, other = (_made(random_state=seed).fit(x).score_samples(x) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    one, other = (_made(random_state=None).fit(x).score_samples(x) for _ in range(2))
    assert (one != other).any()


def test_a_samples_score_is_its_own() -> None:
    x = _digits(1, 2, 3)
    detector = _made().fit(x)
    alone = np.concatenate([detector.score_samples(own[None]) for own in x[:30]])
    np.testing.assert_allclose(alone, detector.score_samples(x)[:30], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("strategy", ["gr", "upper", "ewc", "replay", "joint", "vcl", "si"])
def test_it_goes_on_learning_after_pickle_and_after_load(strategy: str, tmp_path: Path) -> None:
    first, second = _digits(1), _digits(7)
    fitted = _made(strategy=strategy).fit(first)
    fitted.save(tmp_path / "kept")
    copies = [pickle.loads(pickle.dumps(fitted)), type(fitted).load(tmp_path / "kept")]  # noqa: S301
    expected = fitted.partial_fit(second).decision_function(first)
    for copy in copies:
        assert copy.n_tasks_ == 1
        np.testing.assert_array_equal(copy.partial_fit(second).decision_function(first), expected)


def test_what_is_saved_holds_no_pickle_and_is_not_written_over(tmp_path: Path) -> None:
    table = pd.DataFrame(_digits(1)[:, :3], columns=["a", "b", "c"])
    fitted = _made(anomaly_score="mahalanobis").fit(table)
    fitted.save(tmp_path / "kept")
    assert {own.suffix for own in (tmp_path / "kept").iterdir() if own.name[0] != "."} == {
        ".json",
        ".safetensors",
    }
    loaded = ContinualAnomalyDetector.load(tmp_path / "kept")
    assert loaded.get_params() == fitted.get_params()
    np.testing.assert_array_equal(loaded.predict(table), fitted.predict(table))
    with pytest.raises(ValueError, match="feature names"):
        loaded.predict(table.rename(columns={"a": "z"}))
    with pytest.raises(InputError, match="holds something"):
        fitted.save(tmp_path / "kept")
    with pytest.raises(InputError, match="no estimator.json"):
        ContinualAnomalyDetector.load(tmp_path)
    damaged = tmp_path / "kept" / "learnt.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    with pytest.raises(InputError):
        ContinualAnomalyDetector.load(tmp_path / "kept")


def test_a_row_may_hold_an_image() -> None:
    x = _digits(1)
    detector = _made(model="conv-vae", model_options=None, sample_shape=(8, 8), epochs=1).fit(x)
    assert detector.score_samples(x).shape == (len(x),)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"strategy": "nix"}, "strategy.*'nix'"),
        ({"strategy": "avalanche:EWC"}, "a strategy that learns from arrays"),
        ({"model": "nix"}, "a model from vae|model.*nix"),
        ({"model": "ae"}, "generate samples, which the strategy gr needs"),
        ({"anomaly_score": "nix"}, "score from recon"),
        ({"model_options": {"depth": 3}}, "depth"),
        ({"strategy_options": {"ratio": -1.0}}, "ratio"),
        ({"contamination": 0.6}, "`contamination`"),
        ({"contamination": "often"}, "`contamination`"),
        ({"epochs": 0}, "`epochs`"),
        ({"sample_shape": (9, 9)}, "with 81 columns"),
        ({"learning_rate": 1e30}, "finite numbers in training"),
    ],
)
def test_a_mistake_is_a_value_error_in_words(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        _made(**settings).fit(_digits(1))


def test_gaussians_are_learnt_task_by_task(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    tasks = [random.normal(place, 1, (400, 4)) for place in (0, 20, 0)]
    made = ContinualAnomalyDetector(
        "lower", model="gaussians", anomaly_score="log-margin", random_state=0
    )
    for task in tasks:
        made.partial_fit(task)
    between = np.full((5, 4), 10.0) + random.normal(0, 1, (5, 4))
    assert (made.predict(between) == -1).all()
    assert all((made.predict(task) == 1).mean() > 0.85 for task in tasks)
    made.save(tmp_path / "kept")
    loaded = ContinualAnomalyDetector.load(tmp_path / "kept")
    np.testing.assert_array_equal(loaded.score_samples(between), made.score_samples(between))
    assert (loaded.partial_fit(tasks[1]).predict(tasks[1]) == 1).mean() > 0.85


def test_it_says_which_task_a_sample_is_nearest_to() -> None:
    first, second = _digits(1), _digits(7)
    gaussians: dict[str, Any] = {
        "strategy": "lower",
        "model": "gaussians",
        "anomaly_score": "least",
    }
    options = {"features": "pixels"}
    detector = _made(**gaussians, model_options=options).fit(first).partial_fit(second)
    nearest = detector.nearest_tasks(np.concatenate([first, second]))
    truth = np.repeat([1, 2], [len(first), len(second)])
    assert nearest.shape == (len(truth), 2)
    assert (nearest[:, 0] == truth).mean() > 0.99
    assert (nearest.sum(1) == 3).all()
    with pytest.raises(InputError, match="whose score knows the distance from each task"):
        _made(epochs=1).fit(first).nearest_tasks(first)


def test_what_is_kept_aside_does_not_scale_the_samples() -> None:
    x = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    learnt = _made(strategy="upper", epochs=1).fit(x)._learnt
    trained = np.delete(x, learnt.aside[0], axis=0)
    assert len(trained) == 190
    # Were the largest and the least of them kept aside, the range would be another.
    x[learnt.aside[0][0]] = 50.0
    scaling = _made(strategy="upper", epochs=1).fit(x)._learnt.blueprint["scaling"]
    np.testing.assert_array_equal(scaling["low"], [trained.min(0)])
    np.testing.assert_array_equal(scaling["high"], [trained.max(0)])


def test_a_batch_holds_no_more_than_a_task_has_and_no_more_than_was_asked_for() -> None:
    x = np.random.default_rng(0).normal(size=(40, 3))
    all_at_once, more, fewer = (
        _made(contamination=0.1, batch_size=size).fit(x).score_samples(x) for size in (40, 900, 10)
    )
    np.testing.assert_array_equal(all_at_once, more)
    assert (all_at_once != fewer).all()


@pytest.mark.parametrize("score", ["least", "auto-margin"])
def test_each_task_of_gaussians_has_its_own_offset_after_load_too(
    score: str, tmp_path: Path
) -> None:
    numbers = np.random.default_rng(0)
    wide, narrow = numbers.normal(0, 5, (400, 4)), numbers.normal(90, 0.1, (400, 4))
    settings: dict[str, Any] = {"strategy": "lower", "model": "gaussians", "anomaly_score": score}
    made = _made(**settings, model_options=None).fit(wide).partial_fit(narrow)
    assert np.isnan(made.offset_)
    for task in (wide, narrow):
        assert 0.01 < (made.predict(task) == -1).mean() < 0.15  # 20 kept aside of each
    made.save(tmp_path / "kept")
    loaded = ContinualAnomalyDetector.load(tmp_path / "kept")
    x = np.concatenate([wide, narrow])
    np.testing.assert_array_equal(loaded.decision_function(x), made.decision_function(x))
    copies = [own.partial_fit(wide[:100] - 50).decision_function(x) for own in (loaded, made)]
    np.testing.assert_array_equal(copies[0], copies[1])
