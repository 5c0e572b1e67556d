"""One class is normal, others are anomalous together; and all normal classes at once."""

import pytest
import torch

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.dataset import Dataset, Samples
from cl_anomaly.data.scaling import Scaling
from cl_anomaly.scenarios.base import Replica
from cl_anomaly.scenarios.by_replica import scenario_of
from cl_anomaly.scenarios.class_stream import build_scenario
from cl_anomaly.scenarios.one_class import build_one_class, one_class_replicas
from tests.support.helpers import labelled


@pytest.fixture
def small() -> Dataset:
    return labelled([2, 0, 1, 3, 2, 1], [3, 1, 0, 2, 1])


def named(train: list[int], test: list[int]) -> Dataset:
    dataset = labelled(train, test)
    return Dataset(
        "pets",
        dataset.train,
        dataset.train_labels,
        dataset.test,
        dataset.test_labels,
        "",
        ("cat", "dog", "hen"),
    )


def test_one_class_is_trained_on_and_all_others_are_anomalous(small: Dataset) -> None:
    scenario = build_one_class(small, 1)
    (task,) = scenario.tasks
    assert (task.number, task.classes, task.indices.tolist()) == (1, (1,), [2, 5])
    assert [own.tolist() for own in task.group.normal.values()] == [[1, 4]]
    assert scenario.anomaly_class == "not 1"
    assert scenario.all_anomalies.tolist() == [0, 2, 3]
    assert scenario.test_indices.tolist() == [0, 1, 2, 3, 4]
    assert [scenario.is_anomalous(label) for label in range(4)] == [True, False, True, True]


def test_the_anomalies_may_be_some_of_the_others(small: Dataset) -> None:
    scenario = build_one_class(small, 1, [3, 0])
    assert scenario.anomaly_class == "3+0"
    assert scenario.all_anomalies.tolist() == [0, 2]
    assert scenario.test_indices.tolist() == [0, 1, 2, 4]
    # Class 2 is neither normal nor anomalous.
    assert not scenario.is_anomalous(2)
    assert build_one_class(small, 1, [3]).anomaly_class == 3


def test_a_share_may_be_kept_aside(digits: Dataset) -> None:
    whole, part = build_one_class(digits, 4), build_one_class(digits, 4, calibration=0.1)
    (before,), (task,) = whole.tasks, part.tasks
    assert len(task.calibration) == -(-len(before.indices) // 10)
    assert sorted([*task.indices.tolist(), *task.calibration.tolist()]) == before.indices.tolist()


def test_classes_with_names() -> None:
    dataset = named([0, 0, 1], [0, 1, 2, 2])
    scenario = build_one_class(dataset, "cat")
    assert (scenario.anomaly_class, scenario.tasks[0].classes) == ("not cat", ("cat",))
    assert scenario.all_anomalies.tolist() == [1, 2, 3]
    assert scenario.classes_of(torch.tensor([0, 1, 2])) == [("dog", 1), ("cat", 2)]
    stream = build_scenario(dataset, "hen", ["dog", "cat"])
    assert stream.classes_of(torch.tensor([2, 1, 0])) == [("cat", 2), ("dog", 1)]
    assert [task.classes for task in stream.tasks] == [("dog",), ("cat",)]
    assert [task.indices.tolist() for task in stream.tasks] == [[2], [0, 1]]
    with pytest.raises(InputError, match=r"class of pets \(cat, dog, hen\), but got cow"):
        build_scenario(dataset, "cow")
    with pytest.raises(InputError, match=r"`normal_class` .*\(cat, dog, hen\), but got 0"):
        build_one_class(dataset, 0)


@pytest.mark.parametrize(
    ("normal", "anomalies", "said"),
    [
        (5, None, "`normal_class` to be a class of made-up"),
        (1, [5], "`anomaly_class` to be a class of made-up"),
        (1, [0, 1], "`anomaly_class` without the normal class 1, but got 0, 1"),
        (4, None, r"class 4 \(task 1\) of made-up to have training samples"),
    ],
)
def test_classes_that_are_none(normal: int, anomalies: list[int] | None, said: str) -> None:
    with pytest.raises(InputError, match=said):
        build_one_class(labelled([0, 1, 2, 3], [0, 1, 2, 3, 4]), normal, anomalies)


def test_a_class_that_could_not_be_judged() -> None:
    with pytest.raises(InputError, match="class 1 of made-up to have test samples"):
        build_one_class(labelled([0, 1], [0]), 1)
    with pytest.raises(InputError, match="test samples beside class 1"):
        build_one_class(labelled([0, 1], [1]), 1)


def test_replicas_of_several_normal_classes_are_told_apart(small: Dataset) -> None:
    replicas = one_class_replicas([3, 7], [1, 2], None)
    assert [(own.seed, own.normal_class, own.anomaly_class) for own in replicas] == [
        (3, 1, "not 1"),
        (7, 1, "not 1"),
        (3, 2, "not 2"),
        (7, 2, "not 2"),
    ]
    scenario = scenario_of(small, replicas[2])
    assert scenario.tasks[0].classes == (2,)
    assert scenario.all_anomalies.tolist() == build_one_class(small, 2).all_anomalies.tolist()
    of_zero = [own.anomaly_class for own in one_class_replicas([3], [1, 2], [0])]
    assert of_zero == ["0 beside 1", "0 beside 2"]
    assert one_class_replicas([3], [1], [0])[0].anomaly_class == 0


def test_all_normal_classes_at_once_are_one_task(small: Dataset) -> None:
    scenario = scenario_of(small, Replica(0, 2), classes_per_task=None)
    (task,) = scenario.tasks
    assert task.classes == (0, 1, 3)
    assert task.indices.tolist() == [1, 2, 3, 5]
    assert scenario.all_anomalies.tolist() == [3]


# Values of any range


def test_samples_are_scaled_by_the_first_task_alone() -> None:
    blank = labelled([0, 1, 1, 2, 2], [0, 1, 2])
    train = Samples(torch.tensor([[9.0], [2.0], [4.0], [8.0], [99.0]]), 1.0)
    test = Samples(torch.tensor([[4.0], [3.0], [-2.0]]), 1.0)
    dataset = Dataset("x", train, blank.train_labels, test, blank.test_labels, "")
    scenario = build_scenario(dataset, 0)
    # Task 1 is class 1, from 2 to 4.
    own = scenario.dataset
    expected = [[3.5], [0.0], [1.0], [3.0], [48.5]]
    assert own.train.batch(torch.arange(5)).tolist() == expected
    assert own.test.batch(torch.arange(3)).tolist() == [[1.0], [0.5], [-2.0]]
    other = build_scenario(dataset, 0, [2, 1]).dataset.train.scaling
    assert isinstance(other, Scaling) and (other.low.item(), other.high.item()) == (8.0, 99.0)
    one = build_one_class(dataset, 1).dataset.train.scaling
    assert one is not None and (one.low.item(), one.high.item()) == (2.0, 4.0)


def test_what_is_kept_aside_has_no_say_in_the_range(digits: Dataset) -> None:
    floats = Samples(digits.train.stored.flatten(1).float(), 1.0)
    dataset = Dataset("x", floats, digits.train_labels, floats, digits.train_labels, "")
    scenario = build_scenario(dataset, 0, calibration=0.5, seed=3)
    scaling, task = scenario.dataset.train.scaling, scenario.tasks[0]
    assert scaling is not None
    values = floats.stored[task.indices]
    assert torch.equal(scaling.high[0], values.amax(0))
    assert not torch.equal(scaling.high[0], floats.stored[digits.train_labels == 1].amax(0))


def test_what_lies_between_0_and_1_stays_as_it_is(digits: Dataset) -> None:
    assert build_scenario(digits).dataset is digits
