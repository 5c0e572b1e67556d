"""Any table with labelled anomalies as a stream."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler

from cl_anomaly.config import RunConfig
from cl_anomaly.data.datasets import Dataset, load_dataset
from cl_anomaly.errors import InputError
from cl_anomaly.runs.build import prepare
from cl_anomaly.scenarios.class_stream import build_scenario
from cl_anomaly.scenarios.clusters import clustered

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
    return clustered(load_dataset(str(table)), (1,), 3)


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
    assert "1 had too few samples" in str(plan.config.dataset_note)


@pytest.mark.parametrize("concepts", [1, 40, 200])
def test_too_few_samples_for_the_concepts_are_refused(table: Path, concepts: int) -> None:
    with pytest.raises(InputError, match="concepts"):
        clustered(load_dataset(str(table)), (1,), concepts)


def test_anomalies_that_nobody_has_named_are_asked_for() -> None:
    config = RunConfig(strategy="lower", dataset="digits", scenario="clusters")
    with pytest.raises(InputError, match="Name them with `--anomaly-class`"):
        prepare(config)


def test_concepts_without_clusters_are_refused() -> None:
    config = RunConfig(strategy="lower", dataset="digits", scenario="class-stream", concepts=3)
    with pytest.raises(InputError, match="Expected `concepts` with the scenario clusters"):
        prepare(config)
