"""Concepts that bring their own anomalies, and files of them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from cl_anomaly.api import run
from cl_anomaly.core.errors import InputError
from cl_anomaly.data.datasets import load_dataset
from cl_anomaly.scenarios.concepts import build_concepts, is_of_concepts
from cl_anomaly.settings.run_config import RunConfig
from cl_anomaly.statistics.aurocs import read_aurocs
from tests.support.helpers import labelled


def arrays(concepts: int = 3, features: int = 4) -> dict[str, Any]:
    """Concepts at places of their own; the anomalies of each are a little aside."""
    numbers, found = np.random.default_rng(0), {}
    for k in range(concepts):
        normal = numbers.normal(k, 0.1, size=(60 + k, features)).astype(np.float32)
        anomalies = numbers.normal(k + 0.5, 0.1, size=(5 + k, features)).astype(np.float32)
        found[f"train_x_{k}"] = normal[:40]
        found[f"test_x_{k}"] = np.concatenate([anomalies, normal[40:]])
        found[f"test_y_{k}"] = np.repeat([1, 0], [5 + k, 20 + k]).astype(np.uint8)
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    np.savez(tmp_path / "own.npz", **arrays())
    return tmp_path / "own.npz"


def test_each_concept_is_a_task_judged_by_its_own_anomalies(path: Path) -> None:
    dataset = load_dataset(f"concepts:{path}")
    scenario = build_concepts(dataset)
    assert [task.classes for task in scenario.tasks] == [
        ("concept0",),
        ("concept1",),
        ("concept2",),
    ]
    for k, task in enumerate(scenario.tasks):
        assert (task.number, len(task.indices)) == (k + 1, 40)
        assert task.group.normal[f"concept{k}"].numel() == 20 + k
        places = scenario.anomalies_of(task)
        expected = arrays()[f"test_x_{k}"][: 5 + k]
        np.testing.assert_array_equal(dataset.test.stored[places], expected)
    assert len(scenario.all_anomalies) == 5 + 6 + 7
    assert len(scenario.test_indices) == len(dataset.test)


def test_concepts_come_in_the_order_that_is_asked_for(path: Path) -> None:
    dataset = load_dataset(f"concepts:{path}")
    scenario = build_concepts(dataset, ["concept2", "concept0"])
    assert [task.classes for task in scenario.tasks] == [("concept2",), ("concept0",)]
    assert len(scenario.test_indices) == 29 + 25  # nothing of concept1


def test_the_result_matrix_is_that_of_each_concepts_own_anomalies(path: Path) -> None:
    # The scenario is found by itself.
    config = RunConfig(strategy="lower", dataset=f"concepts:{path}", epochs=1, batch_size=20)
    result = run(config, progress=False)
    labels = np.array(result.test_labels)
    for task in range(3):
        scores = result.scores["mse"][0, task]
        for k in range(3):
            own = np.isin(labels, [f"concept{k}", f"anomaly{k}"])
            expected = roc_auc_score(labels[own] == f"anomaly{k}", scores[own])
            assert result.s["mse"][0, task, k] == pytest.approx(expected)
        seen = np.isin(labels, [f"concept{k}" for k in range(task + 1)])
        anomalous = np.char.startswith(labels.astype(str), "anomaly")
        expected = roc_auc_score(anomalous[seen | anomalous], scores[seen | anomalous])
        assert result.headline["mse"][0, task] == pytest.approx(expected)
        # Anomalies of concepts that have not arrived are ranked in the headline, and not here.
        arrived = np.isin(labels, [f"anomaly{k}" for k in range(task + 1)])
        expected = roc_auc_score(arrived[seen | arrived], scores[seen | arrived])
        assert result.seen["auroc_arrived_seen"]["mse"][0, task] == pytest.approx(expected)
        row = result.metrics.query(f"metric == 'auroc_arrived_seen' and task == {task + 1}")
        assert row.set_index("score").at["mse", "value"] == pytest.approx(expected)


def test_anomalies_that_have_not_arrived_lower_the_headline_alone(path: Path) -> None:
    # To a detector of concept 0, the anomalies of concept 1 are much farther than its own.
    config = RunConfig(strategy="lower", model="gaussians", dataset=f"concepts:{path}")
    result = run(config, progress=False)
    score = result.config.shown_score
    own, arrived = result.headline[score][0], result.seen["auroc_arrived_seen"][score][0]
    assert arrived[0] == pytest.approx(result.s[score][0, 0, 0])
    assert own[-1] == pytest.approx(arrived[-1])  # all have arrived
    (read,) = read_aurocs(result.metrics.assign(run="own"))
    np.testing.assert_array_equal(read.seen["auroc_arrived_seen"][score][0], arrived)


def test_nothing_is_kept_aside_and_no_order_drawn_unless_it_is_asked_for(path: Path) -> None:
    np.savez(path, **arrays(5))
    dataset = load_dataset(f"concepts:{path}")
    scenario, asked = build_concepts(dataset), build_concepts(dataset, "ascending", 0, 0.0, 0.0)
    for one, other in zip(scenario.tasks, asked.tasks, strict=True):
        assert one.indices.tolist() == other.indices.tolist()
        assert not len(one.calibration)
    # The default seed is 0, by which a random order is drawn.
    orders = [
        [task.classes for task in build_concepts(dataset, "random", *seed).tasks]
        for seed in ([], [0], [1])
    ]
    assert orders[0] == orders[1] != orders[2]


def changed(path: Path, **arrays_by_name: Any) -> str:
    content = arrays() | arrays_by_name
    np.savez(path, **{name: own for name, own in content.items() if own is not None})
    return f"concepts:{path}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test_y_1": None}, "it has no test_y_1"),
        ({"train_x_2": np.zeros((40, 5))}, r"train_x_0 has \(4,\) and train_x_2 has \(5,\)"),
        ({"test_y_0": np.zeros(25, dtype=int)}, "both of them, but got 0"),
        ({"test_y_0": np.zeros(3, dtype=int)}, "25 samples and test_y_0 has 3 labels"),
        ({"test_y_2": np.repeat([0, 2], 15)[:29]}, "both of them, but got 0, 2"),
    ],
)
def test_a_file_that_is_none_is_refused(path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_dataset(changed(path, **change))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("concept1", "concept2", "anomaly1", "anomaly2"), True),
        (("concept1", "concept2", "anomaly1", "other"), False),
        # As clusters have it: anomalies that all concepts share.
        (("concept1", "concept2", "anomaly"), False),
    ],
)
def test_concepts_are_told_by_anomalies_of_their_own(
    names: tuple[str, ...], expected: bool
) -> None:
    dataset = replace(labelled([0, 1, 1], list(range(len(names)))), class_names=names)
    assert is_of_concepts(dataset) == expected


def test_another_dataset_has_no_concepts() -> None:
    with pytest.raises(InputError, match="concepts:FILE.npz"):
        run(RunConfig(strategy="lower", dataset="digits", scenario="concepts"), progress=False)


def test_a_single_anomaly_class_is_refused(path: Path) -> None:
    config = RunConfig(
        strategy="lower", dataset=f"concepts:{path}", scenario="concepts", anomaly_class="anomaly1"
    )
    with pytest.raises(InputError, match="each concept has anomalies of its own"):
        run(config, progress=False)
