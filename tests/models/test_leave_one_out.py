"""Distances of samples that were left out, against models that never saw them."""

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.covariance import ShrunkCovariance
from torch import Tensor

from cl_anomaly.data.datasets import load_dataset
from cl_anomaly.models.gaussians import Gaussians
from cl_anomaly.models.shared.components import nearest_centres
from cl_anomaly.models.shared.covariances import Moments, moments_of
from cl_anomaly.models.shared.gaussian_concepts import GaussianConcepts
from cl_anomaly.models.shared.stored_covariances import Triangle
from cl_anomaly.scores.codes import CodeDistances
from cl_anomaly.scores.distances import AutoMargin
from cl_anomaly.scores.gaussian import shrunk_covariance
from tests.models.gaussian_tasks import distances_of, learnt, task


def _left_out(model: Gaussians, x: Tensor) -> Tensor:
    return model.reconstruct(x[None]).left_out[0]


@pytest.mark.parametrize("count", [3, 5, 20, 120])
@pytest.mark.parametrize("shrinkage", [0.02, 0.1, 0.7, 1.0])
def test_each_is_as_far_as_from_scikit_learns_gaussian_of_the_others(
    count: int, shrinkage: float
) -> None:
    other, x = task(2, 50, size=12), task(1, count, size=12)
    found = _left_out(learnt([other, x], shrinkage=shrinkage, stored="float32"), x)
    for place, own in enumerate(x.double().numpy()):
        others = np.delete(x.double().numpy(), place, axis=0)
        reference = ShrunkCovariance(shrinkage=shrinkage).fit(others)
        expected = reference.mahalanobis(own[None])[0]
        np.testing.assert_allclose(found[place, 1], expected, rtol=2e-3)
    # From another task's Gaussian it is as far as it was.
    expected = distances_of(learnt([other], shrinkage=shrinkage, stored="float32"), x)[0, :, 0]
    assert torch.equal(found[:, 0], expected)


def test_each_of_a_task_that_returned_is_left_out_of_both_together() -> None:
    first, again = task(1, 90, seed=1, size=6), task(1, 60, seed=2, size=6)
    model = learnt([first, task(2, size=6), again], stored="float32")
    assert model.concepts.tasks_joined(0) == [1, 2, 1]
    found = _left_out(model, again)
    assert bool(found[:, 2].isinf().all())
    for place in range(0, 60, 7):
        others = torch.cat([first, again[:place], again[place + 1 :]]).double().numpy()
        reference = ShrunkCovariance(shrinkage=0.1).fit(others)
        expected = reference.mahalanobis(again[place : place + 1].double().numpy())
        np.testing.assert_allclose(found[place, 0], expected[0], rtol=2e-3)


@pytest.mark.parametrize("pooling", [0.0, 0.5, 1.0])
def test_each_of_a_part_is_left_out_of_what_the_parts_share(pooling: float) -> None:
    x = torch.cat([task(1, 30, size=6), task(1.5, 60, size=6)])
    model = learnt([x], components=2, pooling=pooling, stored="float32")
    found, own = _left_out(model, x)[:, 0], nearest_centres(x, model.concepts.means[0])
    for place in range(0, 90, 4):
        keep = torch.arange(90) != place
        parts = [moments_of(x[keep & (own == part)]) for part in (0, 1)]
        within = sum(part.count * part.covariance for part in parts) / 89
        expected = []
        for part in parts:
            covariance = (1 - pooling) * part.covariance + pooling * within
            covariance = 0.9 * covariance + 0.1 * covariance.trace() / 6 * torch.eye(6)
            away = x[place].double() - part.mean
            expected.append(float(away @ torch.linalg.inv(covariance) @ away))
        assert float(found[place]) == pytest.approx(min(expected), rel=0.01)


def test_few_axes_are_as_far_as_from_the_axes_of_the_others() -> None:
    x = task(1, 120, size=12)
    model = learnt([x], rank=4, stored="float32")
    found, fitted = _left_out(model, x)[:, 0], distances_of(model, x)[0, :, 0]
    expected = torch.stack(
        [
            distances_of(learnt([torch.cat([x[:n], x[n + 1 :]])], rank=4, stored="float32"), own)
            for n, own in enumerate(x[:, None])
        ]
    )[:, 0, 0, 0]
    # The axes turn a little, too, which is not counted: it is a step in the right direction.
    assert float((fitted / expected).mean()) < 0.94
    assert 0.95 < float((found / expected).mean()) < 1


@pytest.mark.parametrize("count", [1, 2])
def test_of_one_or_two_samples_nothing_is_left(count: int) -> None:
    x = task(1, count)
    model = learnt([task(2), x])
    assert bool(_left_out(model, x)[:, 1].isinf().all())


def test_samples_that_are_all_the_same_are_not_far_when_left_out() -> None:
    x = torch.full((5, 4), 0.3)
    assert bool((_left_out(learnt([task(1), x]), x)[:, 1] < 1e-3).all())


def test_codes_are_left_out_of_their_gaussian() -> None:
    x = task(1, 80, size=6)
    concepts = GaussianConcepts(1, 6, 0.0, 0.5, Triangle(6, "float32"))

    def of(codes: Tensor) -> Moments:
        return Moments(len(codes), codes.double().mean(0), shrunk_covariance(codes.double()))

    concepts.add(0, 1, [of(x)])
    found = CodeDistances(x[None], concepts, 1).left_out[0, :, 0]
    for place in range(0, 80, 7):
        others = of(torch.cat([x[:place], x[place + 1 :]]))
        away = x[place].double() - others.mean
        expected = float(away @ torch.linalg.inv(others.covariance) @ away)
        # Ledoit and Wolf's shrinkage changes a little, too, which is not counted.
        assert float(found[place]) == pytest.approx(expected, rel=0.02)


def _fifth(margins: Tensor) -> float:
    return float(np.quantile(margins.numpy(), 0.2, method="inverted_cdf"))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"features": "pixels"},
        {"features": "pixels", "components": 3},
        {"components": 3},
        {"rank": 64},
        {"rank": 64, "components": 2},
    ],
    ids=str,
)
def test_the_cap_of_training_samples_is_that_of_held_out_ones(options: dict[str, Any]) -> None:
    # Each class of digits as the last task: half of its 125 samples is learnt, half is not.
    dataset = load_dataset("digits")
    x, labels = dataset.train.batch(torch.arange(len(dataset.train))), dataset.train_labels
    own, aside = [], []
    for last in range(10):
        model, score = Gaussians((8, 8), [0], **options), AutoMargin()
        for label in [*range(last), *range(last + 1, 10)]:
            model.learn(0, [model.features_of(x[labels == label], 0)], anew=False)
        fitted, held_out = x[labels == last][::2], x[labels == last][1::2]
        model.learn(0, [model.features_of(fitted, 0)], anew=False)
        output = model.reconstruct(fitted[None])
        score.learn([(output, torch.ones(1, len(fitted), dtype=torch.bool))])
        own.append(float(score.state_dict()["caps"]))
        distances = model.reconstruct(held_out[None]).distances[0]
        two = distances.sort(1).values[:, :2].log()
        aside.append(_fifth(two[:, 1] - two[:, 0]))
    assert np.mean(own) == pytest.approx(np.mean(aside), abs=0.1)
