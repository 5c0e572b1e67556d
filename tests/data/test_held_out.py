"""A held-out part of the training set in place of the test set."""

import numpy as np
import pytest
import torch

from cl_anomaly.api import run
from cl_anomaly.core.errors import InputError
from cl_anomaly.data.datasets import Dataset
from cl_anomaly.data.held_out import held_out
from cl_anomaly.plan.build import prepare
from cl_anomaly.settings.run_config import RunConfig


def rows_of(x: torch.Tensor) -> set[bytes]:
    return {row.tobytes() for row in x.numpy()}


def test_a_share_of_each_class_is_held_out_and_the_test_set_is_gone(digits: Dataset) -> None:
    own = held_out(digits, 0.2)
    counts, before = (np.bincount(x) for x in (own.test_labels, digits.train_labels))
    np.testing.assert_array_equal(counts, np.round(0.2 * before))
    assert len(own.train) + len(own.test) == len(digits.train)
    assert rows_of(own.train.stored) | rows_of(own.test.stored) == rows_of(digits.train.stored)
    assert not rows_of(own.train.stored) & rows_of(own.test.stored)
    assert not rows_of(own.test.stored) & rows_of(digits.test.stored)
    assert own.sha256 not in (digits.sha256, held_out(digits, 0.3).sha256)


def test_a_run_is_scored_by_it_alone(digits: Dataset) -> None:
    asked = {"strategy": "lower", "model": "gaussians", "dataset": "digits", "held_out": 0.2}
    result = run(RunConfig(**asked, anomaly_class=[0, 4], task_order="ascending"))
    plan = prepare(RunConfig(**asked, anomaly_class=[0, 4]))
    tested = held_out(digits, 0.2).test
    for scenario in plan.scenarios:
        assert rows_of(scenario.dataset.test.stored) == rows_of(tested.stored)
        anomalies = scenario.dataset.test.stored[scenario.all_anomalies]
        # Training samples of the anomaly class, which nothing is trained on.
        assert rows_of(anomalies) <= rows_of(digits.train.stored)
        trained = torch.cat([task.indices for task in scenario.tasks])
        assert not rows_of(anomalies) & rows_of(scenario.dataset.train.stored[trained])
    assert (result.headline["least"][:, -1] > 0.9).all()


def test_anomalies_without_training_samples_are_refused(tmp_path: object) -> None:
    np.savez(f"{tmp_path}/table.npz", X=np.arange(60.0).reshape(30, 2), y=np.repeat([0, 1], 15))
    config = RunConfig(strategy="lower", dataset=f"{tmp_path}/table.npz", held_out=0.2)
    with pytest.raises(InputError, match="but 1 of table has none. Choose options on another"):
        prepare(config)
