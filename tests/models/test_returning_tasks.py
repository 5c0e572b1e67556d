"""Which tasks are taken for the return of an earlier one, and which are not."""

from itertools import combinations
from typing import Any

import pytest
import torch
from torch import Tensor

from cl_anomaly.data.datasets import load_dataset
from cl_anomaly.models.gaussians import Gaussians
from tests.models.gaussian_tasks import distances_of, learnt, task


@pytest.fixture(scope="module")
def digits() -> list[Tensor]:
    """The training samples of each class."""
    dataset = load_dataset("digits")
    x, labels = dataset.train.batch(torch.arange(len(dataset.train))), dataset.train_labels
    return [x[labels == label] for label in range(10)]


@pytest.mark.parametrize("components", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "features",
    [
        {},
        {"rank": 64, "curvatures": 4},
        {"features": "pixels"},
        {"features": "random", "width": 50},
        {"grid": 2, "directions": 8},
    ],
    ids=str,
)
def test_no_part_of_a_class_of_digits_joins_another_class(
    components: int, features: dict[str, Any], digits: list[Tensor]
) -> None:
    model = learnt(digits, components=components, **features)
    own = model.concepts.tasks[0].tolist()
    assert sorted(set(own)) == list(range(1, 11))
    counts = model.concepts.counts[0]
    for number, x in enumerate(digits, 1):
        assert counts[[place == number for place in own]].sum() == len(x)


@pytest.mark.parametrize("components", [1, 3])
@pytest.mark.parametrize("count", [60, 200, 2000])
def test_two_halves_of_a_kind_coincide_and_neighbours_do_not(count: int, components: int) -> None:
    one, half, neighbour = task(1, count, 1, 40), task(1, count, 2, 40), task(1.3, count, 3, 40)
    model = learnt([one, half, neighbour], components=components)
    assert set(model.concepts.tasks[0].tolist()) == {1, 3}
    assert model.concepts.tasks_joined(0) == [1, 1, 3]
    used = model.concepts.counts[0][model.concepts.tasks[0] == 1]
    assert used.sum() == 2 * count and len(used) <= components


def test_no_more_samples_than_features_are_too_few_to_say_that_a_task_returned() -> None:
    model = learnt([task(1, 40, 1, 40), task(1, 40, 2, 40)])
    assert model.concepts.tasks_joined(0) == [1, 2]


@pytest.mark.parametrize(("times", "expected"), [(2.4, [1, 1]), (2.6, [1, 2])])
def test_chance_is_bounded(times: float, expected: list[int]) -> None:
    # Six samples of five features with the covariance I, and with `times` as much: as many times
    # farther. Two and a half is the most, where 1 + 0.5 + 1.5 · 5 / 6 would be 2.75.
    numbers = torch.Generator().manual_seed(0)
    columns = torch.cat([torch.ones(6, 1), torch.randn(6, 5, generator=numbers)], dim=1)
    x = torch.linalg.qr(columns).Q[:, 1:] * 6**0.5
    model = learnt([x, x * times**0.5], shrinkage=1e-4, stored="float32")
    assert model.concepts.tasks_joined(0) == expected


@pytest.mark.parametrize("components", [1, 3])
def test_what_returns_in_parts_takes_no_more_memory(components: int) -> None:
    first, again = (torch.cat([task(1, 150, s), task(2, 150, s)]) for s in (1, 2))
    model = learnt([first, task(3)], components=components)
    before = model.concepts.counts.shape[1]
    model.learn(0, [again], anew=False)
    assert model.concepts.counts.shape[1] == before
    x = task(1, 50, seed=5)
    found = distances_of(model, x)[0]
    at_once = learnt([torch.cat([first, again]), task(3)], components=components)
    expected = distances_of(at_once, x)[0]
    torch.testing.assert_close(found[:, 0].median(), expected[:, 0].median(), rtol=0.2, atol=0)


@pytest.mark.parametrize("rank", [0, 2])
@pytest.mark.parametrize("value", [0.0, 0.3, 7e3])
def test_a_constant_task_returns_and_another_constant_does_not(value: float, rank: int) -> None:
    constant = torch.full((20, 4), value)
    other, varied = constant * 1.1 + 0.5, task(1)
    model = learnt([constant, varied, other, constant[:7]], rank=rank)
    assert model.concepts.tasks_joined(0) == [1, 2, 3, 1]
    found = distances_of(model, torch.cat([constant, other, varied]))[0, :, :3]
    assert bool(found.isfinite().all())
    assert bool((found[:20, 0] < 1e-3).all() and (found[20:40, 2] < 1e-3).all())


def test_tasks_of_one_sample_return() -> None:
    samples = [torch.full((1, 4), value) for value in (0.2, 0.4, 0.2)]
    model = learnt([*samples, task(1)])
    assert model.concepts.tasks_joined(0) == [1, 2, 1, 4]
    assert bool(distances_of(model, task(1, 30, seed=5))[0, :, [0, 1, 3]].isfinite().all())


def test_tasks_that_are_to_be_apart_stay_apart() -> None:
    model = learnt([task(1, seed=1), task(1, seed=2)], merge=0.0)
    assert model.concepts.counts.tolist() == [[200, 200]]


def test_what_was_learnt_anew_is_no_return() -> None:
    model = learnt([task(1)])
    model.learn(0, [torch.cat([task(1), task(2)])], anew=True)
    assert model.concepts.tasks_joined(0) == [0, 2]


def test_which_task_each_joined_is_kept_with_the_weights() -> None:
    model = learnt([task(1, seed=1), task(2), task(1, seed=2)], (0, 1))
    again = Gaussians((4,), [0, 1])
    again.load_state_dict({name: own.clone() for name, own in model.state_dict().items()})
    assert [again.concepts.tasks_joined(replica) for replica in (0, 1)] == [[1, 2, 1]] * 2
    again.learn(0, [task(2, seed=3)], anew=False)
    assert again.concepts.tasks_joined(0) == [1, 2, 1, 2]
    assert again.concepts.tasks_joined(1) == [1, 2, 1, 0]


def test_apart_classes_of_digits_are_far_apart_in_every_pair(digits: list[Tensor]) -> None:
    # Halves of a class are too few to be told from chance with 64 features: both stay.
    for one, other in combinations((1, 3, 8, 9), 2):
        halves = [digits[one][::2], digits[one][1::2], digits[other]]
        model = learnt(halves, features="pixels")
        assert model.concepts.tasks_joined(0) == [1, 2, 3]
