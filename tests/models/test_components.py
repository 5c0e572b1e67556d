"""The parts of a task: where they begin, how many there are, and what does not change them."""

from itertools import permutations
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from torch import Tensor

from cl_anomaly.data.datasets import load_dataset
from cl_anomaly.models.gaussians import Gaussians
from cl_anomaly.models.shared.components import components_of, k_means
from tests.models.gaussian_tasks import distances_of, learnt, task

_POOLING: list[dict[str, Any]] = [{}, {"pooling": 0.5}, {"pooling": 0.75}]


def _about(place: float, count: int) -> Tensor:
    return place + 0.01 * torch.randn(count, 2, generator=torch.Generator().manual_seed(count))


def _parts(x: Tensor, most: int) -> list[int]:
    found = components_of(x, most, 0.0, torch.Generator().manual_seed(0))
    return sorted(int(part.count) for part in found)


def test_a_part_has_ten_samples_or_more() -> None:
    x = torch.cat([_about(0, 50), _about(100, 10)])
    assert _parts(x, 2) == [10, 50]
    # Of three parts one has only five samples: two are left, and it is in the nearer one.
    assert _parts(torch.cat([x, _about(103, 5)]), 3) == [15, 50]
    # Only one of two parts is large enough: there is one.
    assert _parts(torch.cat([_about(0, 50), _about(100, 9)]), 2) == [59]


@pytest.mark.parametrize("seed", range(20))
def test_centres_begin_apart(seed: int) -> None:
    # From k-means++, ten kinds that are far apart are found at once, as scikit-learn finds them.
    x = torch.cat([_about(1000.0 * place, 12 + place) for place in range(10)])
    found = k_means(x, 10, torch.Generator().manual_seed(seed))
    reference: Any = KMeans(10, n_init="auto", random_state=0).fit(x.numpy())
    order, expected = found[:, 0].argsort(), reference.cluster_centers_[:, 0].argsort()
    np.testing.assert_allclose(found[order], reference.cluster_centers_[expected], atol=0.01)


@pytest.mark.parametrize("components", [2, 4])
def test_the_order_of_tasks_changes_no_distance(components: int) -> None:
    tasks, x = {n: task(n, size=12) for n in (1, 2, 3)}, task(2, 50, seed=5, size=12)
    options = {"components": components, "pooling": 0.3}
    expected = distances_of(learnt([*tasks.values()], **options), x)[0]
    for order in permutations(tasks):
        found = distances_of(learnt([tasks[own] for own in order], **options), x)[0]
        assert torch.equal(found, expected[:, [own - 1 for own in order]])


def test_the_order_of_classes_of_digits_changes_no_distance() -> None:
    dataset = load_dataset("digits")
    x, labels = dataset.train.batch(torch.arange(len(dataset.train))), dataset.train_labels
    tasks = [x[labels == label] for label in (1, 4, 9)]
    one, other = (
        distances_of(learnt(own, components=4), x[:300])[0] for own in (tasks, tasks[::-1])
    )
    assert torch.equal(one, other.flip(1))


def test_the_order_of_samples_changes_no_distance() -> None:
    x, new = task(1, 300, size=12), task(1, 50, seed=5, size=12)
    mixed = x[torch.randperm(300, generator=torch.Generator().manual_seed(1))]
    one, other = (distances_of(learnt([own], components=3), new) for own in (x, mixed))
    torch.testing.assert_close(one, other, rtol=1e-6, atol=0)


def test_each_seed_begins_elsewhere() -> None:
    x = task(1, 300, size=12)
    model = learnt([x], (0, 1), components=4)
    assert not torch.equal(model.concepts.means[0], model.concepts.means[1])


def test_parts_pool_half_by_default() -> None:
    tasks, new = [task(1, 300, size=12)], task(1, 50, seed=5, size=12)
    usual, half, more = (distances_of(learnt(tasks, components=3, **own), new) for own in _POOLING)
    assert torch.equal(usual, half) and not torch.equal(usual, more)


def test_histograms_are_pooled_at_five_by_five_places_by_default() -> None:
    assert Gaussians((8, 8), [0]).concepts.means.shape[2] == 5 * 5 * 16
