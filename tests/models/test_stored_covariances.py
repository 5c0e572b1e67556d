"""Covariances as they are kept: distances by them, and what a change of units does to these."""

from typing import Any, Literal

import numpy as np
import pytest
import torch
from sklearn.covariance import LedoitWolf
from torch import Tensor

from cl_anomaly.models.shared.covariances import moments_of
from cl_anomaly.models.shared.stored_covariances import Axes, form_for
from cl_anomaly.scores.gaussian import shrunk_covariance
from tests.models.gaussian_tasks import distances_of, learnt, task

_SCALES = [1e-6, 1e-4, 1e-2, 1e2, 1e4, 1e6]


@pytest.mark.parametrize("scale", _SCALES)
@pytest.mark.parametrize("options", [{}, {"rank": 3}, {"components": 3}], ids=str)
def test_other_units_change_no_distance(scale: float, options: dict[str, Any]) -> None:
    tasks, x = [task(1, size=12), task(2, size=12)], task(1, 50, seed=5, size=12)
    expected = distances_of(learnt(tasks, stored="float32", **options), x)
    found = distances_of(
        learnt([own * scale for own in tasks], stored="float32", **options), x * scale
    )
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=0)


@pytest.mark.parametrize("scale", _SCALES)
def test_other_units_change_no_distance_from_what_does_not_vary(scale: float) -> None:
    tasks, x = [torch.full((5, 4), 0.2), torch.rand(1, 4)], task(1, 30)
    expected = distances_of(learnt(tasks), x)
    found = distances_of(learnt([own * scale for own in tasks]), x * scale)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=0)


@pytest.mark.parametrize("scale", _SCALES)
def test_the_covariance_of_codes_is_scikit_learns_in_all_units(scale: float) -> None:
    x = task(1, 60, size=6).double() * scale
    found, expected = shrunk_covariance(x), LedoitWolf().fit(x.numpy()).covariance_
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.trace(expected))
    np.testing.assert_allclose(
        torch.linalg.inv(found) @ torch.from_numpy(expected), np.eye(6), atol=1e-4
    )


def _inverse_distances(x: Tensor, new: Tensor, rank: int, shrinkage: float) -> Tensor:
    """Squared distances by NumPy's inverse of Tipping and Bishop's covariance, shrunk."""
    covariance = np.cov(x.double().numpy().T, bias=True)
    variances, axes = np.linalg.eigh(covariance)
    variances[:-rank] = variances[:-rank].mean()
    kept = (axes * variances) @ axes.T
    size = len(kept)
    shrunk = (1 - shrinkage) * kept + shrinkage * np.trace(kept) / size * np.eye(size)
    away = new.double().numpy() - x.double().numpy().mean(0)
    return torch.from_numpy(np.einsum("ni,ij,nj->n", away, np.linalg.inv(shrunk), away))


@pytest.mark.parametrize("rank", [1, 3, 11])
@pytest.mark.parametrize("shrinkage", [0.1, 0.6])
def test_distances_by_few_axes_are_those_by_the_whole_covariance(
    rank: int, shrinkage: float
) -> None:
    x, new = task(1, 300, size=12), task(1.1, 20, size=12)
    form, own = form_for(12, rank, "float32"), moments_of(x)
    distance = form.distance(form.keep(own.covariance), own.mean.float(), shrinkage)
    expected = _inverse_distances(x, new, rank, shrinkage).float()
    torch.testing.assert_close(distance(new), expected, rtol=2e-3, atol=0)


@pytest.mark.parametrize(("rank", "few"), [(0, False), (1, True), (11, True), (12, False)])
def test_ranks_below_the_features_keep_axes(rank: int, few: bool) -> None:
    stored: Literal["float16"] = "float16"
    assert isinstance(form_for(12, rank, stored), Axes) is few
