"""Boundaries that are blurred."""

import pytest
import torch

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.datasets import Dataset
from cl_anomaly.plan.build import prepare
from cl_anomaly.scenarios.class_stream import build_scenario
from cl_anomaly.settings.run_config import RunConfig
from tests.support.learning import small_dataset


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_share_of_the_next_task_arrives_early(digits: Dataset, share: float) -> None:
    sharp, blurred = build_scenario(digits), build_scenario(digits, blur=share)
    early = 0
    for number, (before, after) in enumerate(zip(sharp.tasks, blurred.tasks, strict=True)):
        labels = digits.train_labels[after.indices]
        own = len(before.indices) - early
        assert labels.tolist().count(before.classes[0]) == own
        if number == 8:
            assert len(labels) == own
            continue
        following = sharp.tasks[number + 1]
        early = round(share * len(following.indices))
        assert labels.tolist().count(following.classes[0]) == early
        assert len(labels) == own + early


def test_every_sample_still_arrives_once(digits: Dataset) -> None:
    sharp, blurred = build_scenario(digits), build_scenario(digits, blur=0.3)
    arrived = torch.cat([task.indices for task in blurred.tasks])
    expected = torch.cat([task.indices for task in sharp.tasks])
    assert torch.equal(arrived.sort().values, expected.sort().values)
    for one, other in zip(sharp.tasks, blurred.tasks, strict=True):
        assert torch.equal(one.group.normal[one.classes[0]], other.group.normal[one.classes[0]])


def test_what_is_early_belongs_to_the_seed(digits: Dataset) -> None:
    first, again, other = (build_scenario(digits, blur=0.3, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.tasks[0].indices, again.tasks[0].indices)
    assert not torch.equal(first.tasks[0].indices, other.tasks[0].indices)


def test_without_blur_nothing_changes(digits: Dataset) -> None:
    sharp, same = build_scenario(digits), build_scenario(digits, blur=0.0)
    for one, other in zip(sharp.tasks, same.tasks, strict=True):
        assert torch.equal(one.indices, other.indices)


def test_a_task_keeps_its_last_sample_however_large_the_share() -> None:
    dataset = small_dataset((5, 6, 8, 3))
    tasks = build_scenario(dataset, blur=0.99).tasks  # of 8 and 3 samples, all but one are early
    assert [len(task.indices) for task in tasks] == [6 + 7, 1 + 2, 1]
    for task in tasks[1:]:
        assert task.classes[0] in dataset.train_labels[task.indices].tolist()


def test_a_single_task_has_no_boundary() -> None:
    config = RunConfig(strategy="lower", dataset="digits", scenario="joint", blur=0.1)
    with pytest.raises(InputError, match="a scenario of several tasks"):
        prepare(config)
