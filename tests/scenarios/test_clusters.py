"""Any table with labelled anomalies as a stream."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from cl_anomaly.api import run
from cl_anomaly.core.errors import InputError
from cl_anomaly.data.datasets import Dataset, load_dataset
from cl_anomaly.plan.build import prepare
from cl_anomaly.scenarios.class_stream import build_scenario
from cl_anomaly.scenarios.clusters import clustered
from cl_anomaly.settings.run_config import RunConfig

CENTRES = [(0.0, 0.0), (30.0, 1000.0), (60.0, 0.0)]
SIZES = [120, 300, 60]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Three heaps of normal samples, and anomalies far from all; features of unlike size."""
    numbers = np.random.default_rng(0)
    heaps = [
        numbers.normal(centre, (1.0, 30.0), size=(size, 2))
        for centre, size in zip(CENTRES, SIZES, strict=True)
    ]
    anomalies = numbers.normal((30, 300), (1.0, 30.0), size=(25, 2))
    order = numbers.permutation(sum(SIZES) + 25)
    x = np.concatenate([*heaps, anomalies])[order]
    y = np.repeat([0, 1], [sum(SIZES), 25])[order]
    np.savez(tmp_path / "table.npz", X=x, y=y)
    return tmp_path / "table.npz"


@pytest.fixture
def heaps(table: Path) -> Dataset:
    return clustered(load_dataset(str(table)), (1,), 3, "all")


def test_each_heap_is_a_concept_and_the_largest_is_the_first(heaps: Dataset) -> None:
    assert heaps.classes == ["concept1", "concept2", "concept3", "anomaly"]
    for code, size in enumerate(sorted(SIZES, reverse=True)):
        own = heaps.train.stored[heaps.train_labels == code]
        tested = heaps.test.stored[heaps.test_labels == code]
        assert len(own) + len(tested) == size
        centre = CENTRES[SIZES.index(size)]
        for samples in (own, tested):
            np.testing.assert_allclose(samples.mean(0), centre, rtol=0.2, atol=20)


def test_all_anomalies_are_for_the_test_and_none_is_trained_on(heaps: Dataset) -> None:
    assert int((heaps.test_labels == 3).sum()) == 25
    assert not (heaps.train_labels == 3).any()
    assert len(heaps.train) + len(heaps.test) == sum(SIZES) + 25


def test_features_are_standardised_as_scikit_learn_does(heaps: Dataset) -> None:
    raw, places = heaps.train.stored.numpy(), torch.arange(len(heaps.train))
    scaler = StandardScaler().fit(raw)
    np.testing.assert_allclose(
        heaps.train.batch(places), np.asarray(scaler.transform(raw)), atol=1e-5
    )
    test = heaps.test.batch(torch.arange(len(heaps.test)))
    expected = np.asarray(scaler.transform(heaps.test.stored.numpy()))
    np.testing.assert_allclose(test, expected, atol=1e-4)


def test_a_constant_feature_is_not_divided(table: Path) -> None:
    content = dict(np.load(table))
    x = np.column_stack([content["X"], np.where(content["y"] == 1, 8.0, 3.0)])
    np.savez(table, X=x, y=content["y"])
    found = clustered(load_dataset(str(table)), (1,), 3, "all")
    anomalies = found.test.batch((found.test_labels == 3).nonzero().squeeze(1))
    # 3 is the mean, and what lies elsewhere keeps its distance in the feature's own unit.
    assert anomalies[:, 2].tolist() == [5.0] * 25


def test_test_samples_decide_no_task(table: Path) -> None:
    dataset = load_dataset(str(table))
    is_far = dataset.test.stored[:, 0] > 45  # of the smallest heap
    assert is_far.sum() > 5
    few = torch.ones(len(dataset.test)).bool()
    few[is_far.nonzero().squeeze(1)[1:]] = False  # one is left
    thinned = replace(
        dataset,
        test=replace(dataset.test, stored=dataset.test.stored[few]),
        test_labels=dataset.test_labels[few],
    )
    whole, thin = (clustered(own, (1,), 3, "all") for own in (dataset, thinned))
    assert whole.classes == thin.classes
    assert torch.equal(whole.train_labels, thin.train_labels)
    assert (thin.test_labels == 2).sum() == 1
    assert thin.note == "concept3 has few normal test samples, 1."
    few[is_far.nonzero().squeeze(1)[0]] = False
    none = replace(
        thinned,
        test=replace(dataset.test, stored=dataset.test.stored[few]),
        test_labels=dataset.test_labels[few],
    )
    with pytest.raises(InputError, match="concept3 has none. Ask for fewer clusters"):
        clustered(none, (1,), 3, "all")


@pytest.mark.parametrize("order", ["ascending", "concept3,concept1,concept2"])
def test_a_detector_sees_features_standardised_by_its_first_task(table: Path, order: str) -> None:
    asked = RunConfig(strategy="lower", dataset=str(table), scenario="clusters", concepts=3)
    plan = prepare(replace(asked, task_order=order))
    (scenario,) = plan.scenarios
    raw, first = plan.dataset.train.stored.numpy(), scenario.tasks[0].indices
    scaler = StandardScaler().fit(raw[first.numpy()])
    seen = scenario.dataset.train.batch(torch.arange(len(raw)))
    expected = np.asarray(scaler.transform(raw))
    np.testing.assert_allclose(seen, expected.clip(-100, 101), rtol=1e-4, atol=1e-4)
    assert "standardised by task 1's training samples" in str(plan.config.dataset_note)
    assert "task 1's training samples" in plan.environment["scaling"]


def test_each_concept_brings_the_anomalies_that_are_nearest(tmp_path: Path) -> None:
    numbers = np.random.default_rng(1)
    near = [(0.0, 300.0), (30.0, 700.0), (60.0, 300.0)]
    heaps = [numbers.normal(c, (1, 30), size=(s, 2)) for c, s in zip(CENTRES, SIZES, strict=True)]
    odd = [numbers.normal(c, (0.5, 9), size=(s, 2)) for c, s in zip(near, (9, 5, 7), strict=True)]
    np.savez(
        tmp_path / "own.npz",
        X=np.concatenate([*heaps, *odd]),
        y=np.repeat([0, 1], [sum(SIZES), 21]),
    )
    file = str(tmp_path / "own.npz")
    asked = RunConfig(strategy="lower", dataset=file, scenario="clusters", concepts=3)
    plan = prepare(replace(asked, cluster_anomalies="own"))
    (scenario,) = plan.scenarios
    # The largest heap is concept1: the second of CENTRES.
    for task, place in zip(scenario.tasks, (1, 0, 2), strict=True):
        own = plan.dataset.test.stored[scenario.anomalies_of(task)]
        expected = odd[place].astype(np.float32)
        assert sorted(own.tolist()) == sorted(expected.tolist())
        (normal,) = task.group.normal.values()
        heap = {row.tobytes() for row in heaps[place].astype(np.float32)}
        assert {row.tobytes() for row in plan.dataset.test.stored[normal].numpy()} < heap
    assert scenario.anomalies is None
    told = replace(asked, cluster_anomalies="own", stream="concept-aware", model="experts")
    assert prepare(told).config.shown_score == "least"
    with pytest.raises(InputError, match="or clusters with `cluster_anomalies` own"):
        prepare(replace(told, cluster_anomalies="shared"))


def test_too_few_anomalies_for_the_concepts_are_refused(table: Path) -> None:
    content = dict(np.load(table))
    content["X"][content["y"] == 1] = [[30.0, 300.0]]
    np.savez(table, **content)
    with pytest.raises(InputError, match="for each of 3 concepts, but there are 1"):
        clustered(load_dataset(str(table)), (1,), 3, "first", True)


def test_the_first_task_does_not_scale_them_again(heaps: Dataset) -> None:
    scenario = build_scenario(heaps, "anomaly")
    assert scenario.dataset.train.scaling is heaps.train.scaling


def test_concepts_are_the_same_every_time_and_known_by_their_data(table: Path) -> None:
    one, other = (clustered.__wrapped__(load_dataset(str(table)), (1,), 3) for _ in range(2))
    assert torch.equal(one.train_labels, other.train_labels)
    assert one.sha256 == other.sha256
    assert one.sha256 != clustered(load_dataset(str(table)), (1,), 2).sha256


def test_a_named_class_is_the_anomaly_though_it_has_training_samples(digits: Dataset) -> None:
    found = clustered(digits, (3, 4), 5)
    anomalous = torch.isin(digits.train_labels, torch.tensor([3, 4])).sum()
    assert len(found.train) == len(digits.train) - anomalous
    assert len(found.test) == len(digits.test) + anomalous


def test_a_run_finds_the_anomalies_by_itself(table: Path) -> None:
    plan = prepare(RunConfig(strategy="lower", dataset=str(table), scenario="clusters", concepts=3))
    assert [task.classes for task in plan.scenarios[0].tasks] == [
        ("concept1",),
        ("concept2",),
        ("concept3",),
    ]
    assert plan.config.anomaly_classes == [1]
    assert plan.scenarios[0].anomaly_class == "anomaly"


def test_a_cluster_that_is_too_small_joins_others_and_it_is_said(table: Path) -> None:
    content = dict(np.load(table))
    far = np.full((8, 2), 5000.0) + np.arange(16).reshape(8, 2)
    np.savez(
        table, X=np.concatenate([content["X"], far]), y=np.concatenate([content["y"], [0] * 8])
    )
    found = clustered(load_dataset(str(table)), (1,), 4)
    assert found.classes == ["concept1", "concept2", "concept3", "anomaly"]
    assert len(found.train) + len(found.test) == sum(SIZES) + 25 + 8
    plan = prepare(RunConfig(strategy="lower", dataset=str(table), scenario="clusters", concepts=4))
    assert "1 had too few training samples" in str(plan.config.dataset_note)


@pytest.mark.parametrize("concepts", [1, 40, 200])
def test_too_few_samples_for_the_concepts_are_refused(table: Path, concepts: int) -> None:
    with pytest.raises(InputError, match="concepts"):
        clustered(load_dataset(str(table)), (1,), concepts)


def test_anomalies_that_nobody_has_named_are_asked_for() -> None:
    config = RunConfig(strategy="lower", dataset="digits", scenario="clusters")
    with pytest.raises(InputError, match="Name them with `--anomaly-class`"):
        prepare(config)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("concepts", 3), ("cluster_scaling", "all"), ("cluster_anomalies", "own")],
)
def test_settings_of_clusters_are_refused_without_them(setting: str, value: object) -> None:
    asked: dict[str, Any] = {"scenario": "class-stream", setting: value}
    with pytest.raises(InputError, match=f"Expected `{setting}` with the scenario clusters"):
        prepare(RunConfig(strategy="lower", dataset="digits", **asked))


def test_a_detector_that_is_told_the_concept_is_judged_by_the_concepts_own_anomalies() -> None:
    config = RunConfig(
        strategy="lower",
        model="gaussians",
        dataset="digits",
        scenario="clusters",
        anomaly_class=[0, 4],
        concepts=3,
        cluster_anomalies="own",
        stream="concept-aware",
        device="cpu",
    )
    result, plan = run(config), prepare(config)
    (scenario,) = plan.scenarios
    scores = dict(zip(result.test_indices.tolist(), result.scores["least"][0, -1], strict=True))
    for number, task in enumerate(scenario.tasks):
        (normal,) = task.group.normal.values()
        parts = normal, scenario.anomalies_of(task)
        groups = [[scores[place] for place in own.tolist()] for own in parts]
        labels = np.repeat([0, 1], [len(own) for own in groups])
        expected = roc_auc_score(labels, np.concatenate(groups))
        assert result.s["least"][0, -1, number] == pytest.approx(expected, abs=1e-6)
