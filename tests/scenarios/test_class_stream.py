import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.datasets import Dataset
from cl_anomaly.scenarios.base import Label, Replica, Scenario, Task, all_test_indices
from cl_anomaly.scenarios.by_replica import scenario_of
from cl_anomaly.scenarios.class_stream import anomaly_classes, build_scenario
from tests.support.helpers import labelled


def classes(scenario: Scenario) -> list[tuple[Label, ...]]:
    return [task.classes for task in scenario.tasks]


@pytest.fixture
def small() -> Dataset:
    """Classes 0 to 3, mixed, so that places and labels cannot be taken for each other."""
    return labelled([2, 0, 1, 3, 2, 1], [3, 1, 0, 2, 1])


def test_by_default_class_0_is_the_anomaly_and_tasks_1_to_9_follow(digits: Dataset) -> None:
    scenario = build_scenario(digits)
    assert scenario.anomaly_class == 0
    assert [task.number for task in scenario.tasks] == list(range(1, 10))
    assert classes(scenario) == [(label,) for label in range(1, 10)]


def test_a_task_has_its_class_and_nothing_else(small: Dataset) -> None:
    scenario = build_scenario(small)
    assert [task.indices.tolist() for task in scenario.tasks] == [[2, 5], [0, 4], [3]]
    assert all(task.indices.dtype == torch.int64 for task in scenario.tasks)


@pytest.mark.parametrize("anomaly_class", range(10))
@pytest.mark.parametrize("task_order", ["ascending", "random"])
@pytest.mark.parametrize("classes_per_task", [1, 4])
def test_tasks_hold_every_sample_once_but_none_of_the_anomaly_class(
    digits: Dataset, anomaly_class: int, task_order: str, classes_per_task: int
) -> None:
    scenario = build_scenario(digits, anomaly_class, task_order, classes_per_task)
    indices = torch.cat([task.indices for task in scenario.tasks])
    normal = (digits.train_labels != anomaly_class).nonzero().squeeze(1)
    assert torch.equal(indices.sort().values, normal)
    for task in scenario.tasks:
        assert set(digits.train_labels[task.indices].tolist()) == set(task.classes)


def test_tasks_come_in_the_given_order(small: Dataset) -> None:
    scenario = build_scenario(small, 1, [3, 0, 2])
    assert classes(scenario) == [(3,), (0,), (2,)]
    assert [task.indices.tolist() for task in scenario.tasks] == [[3], [1], [0, 4]]


def test_a_class_left_out_of_the_order_is_not_tested_on(small: Dataset) -> None:
    scenario = build_scenario(small, 0, [3, 1])
    assert classes(scenario) == [(3,), (1,)]
    assert scenario.test_indices.tolist() == [0, 1, 2, 4]
    assert scenario.test_labels.tolist() == [3, 1, 0, 1]


def test_the_test_set_has_the_anomaly_class_and_all_normal_ones(digits: Dataset) -> None:
    scenario = build_scenario(digits, 4)
    assert scenario.test_indices.tolist() == list(range(540))
    assert torch.equal(scenario.test_labels, digits.test_labels)


def test_a_random_order_belongs_to_its_seed(digits: Dataset) -> None:
    orders = [classes(build_scenario(digits, 3, "random", seed=seed)) for seed in range(20)]
    again = [classes(build_scenario(digits, 3, "random", seed=seed)) for seed in range(20)]
    assert orders == again
    normal = [(label,) for label in range(10) if label != 3]
    assert all(sorted(order) == normal for order in orders)
    # Of 362,880 orders, twenty drawn at random are all different, and none is the ascending one.
    assert len({tuple(order) for order in [normal, *orders]}) == 21


def test_the_test_set_does_not_depend_on_the_order(digits: Dataset) -> None:
    # Replicas with orders of their own are scored on one test set.
    first, second = (build_scenario(digits, 3, "random", seed=seed) for seed in (0, 1))
    assert classes(first) != classes(second)
    assert torch.equal(first.test_indices, second.test_indices)


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, [(1,), (2,), (3,), (4,), (5,), (6,), (7,), (8,), (9,)]),
        (3, [(1, 2, 3), (4, 5, 6), (7, 8, 9)]),
        (4, [(1, 2, 3, 4), (5, 6, 7, 8), (9,)]),
        (9, [(1, 2, 3, 4, 5, 6, 7, 8, 9)]),
    ],
)
def test_several_classes_arrive_together(
    digits: Dataset, count: int, expected: list[tuple[int, ...]]
) -> None:
    assert classes(build_scenario(digits, classes_per_task=count)) == expected


def test_several_classes_arrive_together_in_the_given_order(small: Dataset) -> None:
    scenario = build_scenario(small, 0, [3, 1, 2], classes_per_task=2)
    assert classes(scenario) == [(3, 1), (2,)]
    assert scenario.tasks[0].indices.tolist() == [2, 3, 5]


def test_a_task_has_the_test_samples_of_its_classes(small: Dataset) -> None:
    scenario = build_scenario(small, 0, [3, 1, 2], classes_per_task=2)
    groups = [
        {label: places.tolist() for label, places in task.group.normal.items()}
        for task in scenario.tasks
    ]
    assert groups == [{3: [0], 1: [1, 4]}, {2: [3]}]
    # All groups share the anomalies.
    assert scenario.anomalies is not None
    assert scenario.anomalies.tolist() == scenario.all_anomalies.tolist() == [2]
    for task in scenario.tasks:
        assert scenario.anomalies_of(task).tolist() == [2]


def test_tasks_may_bring_anomalies_of_their_own(small: Dataset) -> None:
    shared = build_scenario(small, 0, [3, 1])
    first, second = (
        replace(task, group=replace(task.group, anomalies=torch.tensor(places)))
        for task, places in zip(shared.tasks, ([3], [2]), strict=True)
    )
    scenario = replace(shared, tasks=(first, second), anomalies=None)
    assert scenario.all_anomalies.tolist() == [2, 3]
    assert scenario.anomalies_of(first).tolist() == [3]
    assert not scenario.is_anomalous(0)
    assert shared.is_anomalous(0)


def test_by_default_nothing_is_kept_aside(digits: Dataset) -> None:
    scenario = build_scenario(digits)
    assert all(not len(task.calibration) for task in scenario.tasks)
    own = scenario.tasks[0]
    assert not len(Task(1, own.classes, own.indices, own.group).calibration)


@pytest.mark.parametrize("classes_per_task", [1, 4])
def test_a_share_of_each_class_is_kept_aside_and_never_trained_on(
    digits: Dataset, classes_per_task: int
) -> None:
    whole = build_scenario(digits, 4, classes_per_task=classes_per_task)
    scenario = build_scenario(digits, 4, classes_per_task=classes_per_task, calibration=0.1)
    for task, before in zip(scenario.tasks, whole.tasks, strict=True):
        together = torch.cat([task.indices, task.calibration])
        assert torch.equal(together.sort().values, before.indices)
        counts = digits.train_labels[before.indices].bincount(minlength=10)
        kept = digits.train_labels[task.calibration].bincount(minlength=10)
        assert torch.equal(kept, (counts * 0.1).ceil().long())


def test_what_is_kept_aside_belongs_to_the_seed_and_not_to_the_order(digits: Dataset) -> None:
    def kept(order: str, seed: int) -> list[int]:
        tasks = build_scenario(digits, 4, order, seed=seed, calibration=0.1).tasks
        return sorted(torch.cat([task.calibration for task in tasks]).tolist())

    assert kept("ascending", 3) == kept("random", 3) != kept("ascending", 7)


@pytest.mark.parametrize(
    ("share", "said"),
    [(1.0, "from 0 up to 1, but got 1.0"), (-0.1, "but got -0.1"), (0.5, "class 3 .* all of them")],
)
def test_a_share_that_leaves_nothing_is_refused(small: Dataset, share: float, said: str) -> None:
    with pytest.raises(InputError, match=f"`calibration`.*{said}"):
        build_scenario(small, calibration=share)


def test_the_anomaly_classes_of_a_run(small: Dataset) -> None:
    assert anomaly_classes(small, "all") == [0, 1, 2, 3]
    assert anomaly_classes(small, [3, 1]) == [3, 1]
    assert anomaly_classes(small, 2) == [2]
    with pytest.raises(InputError, match=r"`anomaly_class`.*0, 1, 2, 3\), but got 5"):
        anomaly_classes(small, [0, 5])


def test_a_replica_has_its_own_scenario(digits: Dataset) -> None:
    replica = Replica(7, 4, "random")
    ours, theirs = scenario_of(digits, replica, 2), build_scenario(digits, 4, "random", 2, 7)
    assert classes(ours) == classes(theirs)
    assert ours.anomaly_class == 4


def test_replicas_share_one_test_set(small: Dataset) -> None:
    scenarios = [scenario_of(small, Replica(0, own, (3, 1))) for own in (0, 2)]
    assert [own.test_indices.tolist() for own in scenarios] == [[0, 1, 2, 4], [0, 1, 3, 4]]
    assert all_test_indices(scenarios).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("anomaly_class", [-1, 4, 10])
def test_an_anomaly_class_that_does_not_exist(small: Dataset, anomaly_class: int) -> None:
    said = rf"`anomaly_class`.*made-up \(0, 1, 2, 3\), but got {anomaly_class}\."
    with pytest.raises(InputError, match=said):
        build_scenario(small, anomaly_class)


@pytest.mark.parametrize(
    ("task_order", "said"),
    [
        ([1, 7], "`task_order`.*from 1, 2, 3, but got 7"),
        ([1, 0, 2], "without the anomaly class 0.*got 1, 0, 2"),
        ("descending", "`task_order`.*'descending'"),
    ],
)
def test_an_order_that_is_none(small: Dataset, task_order: str | Sequence[int], said: str) -> None:
    with pytest.raises(InputError, match=said):
        build_scenario(small, 0, task_order)


def test_more_classes_per_task_than_there_are(small: Dataset) -> None:
    with pytest.raises(InputError, match="`classes_per_task`.*3, but got 4"):
        build_scenario(small, classes_per_task=4)


def test_a_dataset_of_the_anomaly_class_alone() -> None:
    with pytest.raises(InputError, match="made-up to have a class beside the anomaly class"):
        build_scenario(labelled([0, 0], [0]))


@pytest.mark.parametrize("classes_per_task", [1, 2])
def test_a_class_without_training_samples_is_named_with_its_task(classes_per_task: int) -> None:
    dataset = labelled([0, 1, 2], [0, 1, 2, 3])
    task = {1: 3, 2: 2}[classes_per_task]
    with pytest.raises(InputError, match=re.escape(f"class 3 (task {task}) of made-up")):
        build_scenario(dataset, classes_per_task=classes_per_task)


@pytest.mark.parametrize(("test_labels", "missing"), [([0, 1], 2), ([1, 2], 0)])
def test_a_class_without_test_samples_is_named(test_labels: list[int], missing: int) -> None:
    with pytest.raises(InputError, match=f"class {missing} of made-up to have test samples"):
        build_scenario(labelled([0, 1, 2], test_labels))


def test_the_anomaly_class_needs_no_training_samples() -> None:
    scenario = build_scenario(labelled([1, 2], [0, 1, 2]))
    assert classes(scenario) == [(1,), (2,)]
