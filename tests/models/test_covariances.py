"""Moments and distances, against NumPy and scikit-learn, and cases worked out by hand."""

import numpy as np
import pytest
import torch
from sklearn.covariance import EmpiricalCovariance, ShrunkCovariance
from torch import Tensor

from cl_anomaly.models.shared.covariances import (
    Compared,
    Moments,
    moments_of,
    packed,
    shrunk,
    squared_distance,
    together,
    unlikeness,
    unpacked,
    whitening,
)


def _samples(seed: int, count: int, size: int = 5) -> Tensor:
    numbers = torch.Generator().manual_seed(seed)
    mixed = torch.randn(size, size, generator=numbers, dtype=torch.float64)
    x = torch.randn(count, size, generator=numbers, dtype=torch.float64)
    return x @ mixed + seed


def test_distance_is_scikit_learns() -> None:
    x, new = _samples(1, 200), _samples(2, 30)
    own, reference = moments_of(x), EmpiricalCovariance().fit(x.numpy())
    found = squared_distance(new, own.mean, whitening(own.covariance))
    np.testing.assert_allclose(found, reference.mahalanobis(new.numpy()), rtol=1e-9)


@pytest.mark.parametrize("shrinkage", [0.1, 0.5, 1.0])
def test_shrunk_distance_is_scikit_learns(shrinkage: float) -> None:
    x, new = _samples(1, 200), _samples(2, 30)
    reference = ShrunkCovariance(shrinkage=shrinkage).fit(x.numpy())
    own = moments_of(x)
    found = squared_distance(new, own.mean, whitening(shrunk(own, shrinkage)))
    np.testing.assert_allclose(found, reference.mahalanobis(new.numpy()), rtol=1e-4)


def test_distance_in_a_case_worked_out_by_hand() -> None:
    # Variances 4 and 1 about (1, 0): (3, 2) is one deviation away in the first, two in the second.
    white = whitening(torch.tensor([[4.0, 0.0], [0.0, 1.0]]))
    found = squared_distance(torch.tensor([[3.0, 2.0]]), torch.tensor([1.0, 0.0]), white)
    assert found.tolist() == [5.0]


def test_moments_of_parts_together_are_those_of_the_whole() -> None:
    x = torch.cat([_samples(1, 30), _samples(2, 50)])
    found, expected = together(moments_of(x[:30]), moments_of(x[30:])), moments_of(x)
    assert found.count == expected.count == 80
    torch.testing.assert_close(found.mean, expected.mean, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.covariance, np.cov(x.numpy().T, bias=True), rtol=1e-9)


def test_unlikeness_in_a_case_worked_out_by_hand() -> None:
    # In one dimension: variances 1 and 4, means 0 and 2. From the first's samples to the second's
    # Gaussian (1 + 4) / 4 in place of 1, and the other way (4 + 4) / 1 in place of 1.
    one = Moments(10, torch.zeros(1), torch.tensor([[1.0]]))
    other = Moments(10, torch.full((1,), 2.0), torch.tensor([[4.0]]))
    sides = [Compared.of(own, 0.0) for own in (one, other)]
    assert unlikeness(sides[0], sides[0]) == pytest.approx(1, abs=1e-5)
    assert unlikeness(sides[0], sides[1]) == pytest.approx(8, abs=1e-4)
    assert unlikeness(*sides) == unlikeness(*sides[::-1])


def test_unlikeness_is_by_the_mean_distance_of_samples() -> None:
    first, second = _samples(1, 200), _samples(2, 300) / 2
    sides = [Compared.of(moments_of(x), 0.1) for x in (first, second)]
    gaussians = [ShrunkCovariance(shrinkage=0.1).fit(x.numpy()) for x in (first, second)]

    def away(x: Tensor, place: int) -> float:
        return float(gaussians[place].mahalanobis(x.numpy()).mean())

    ratios = away(first, 1) / away(first, 0), away(second, 0) / away(second, 1)
    assert unlikeness(*sides) == pytest.approx(max(ratios), rel=1e-4)


@pytest.mark.parametrize(("dtype", "most"), [(torch.float32, 1e-7), (torch.float16, 5e-4)])
def test_a_triangle_holds_all_correlations(dtype: torch.dtype, most: float) -> None:
    correlations = torch.from_numpy(np.corrcoef(_samples(1, 40).numpy().T))
    kept = packed(correlations, dtype)
    assert kept.shape == (5 * 4 // 2,) and kept.dtype == dtype
    assert float((unpacked(kept, 5) - correlations).abs().max()) < most


def test_a_covariance_that_rounding_has_broken_still_has_distances() -> None:
    broken = torch.tensor([[1.0, 1.001], [1.001, 1.0]], dtype=torch.float64)
    white = whitening(broken)
    assert bool(white.isfinite().all())
    along, across = torch.tensor([1.0, 1.0]).double(), torch.tensor([1.0, -1.0]).double()
    none = torch.zeros(2, dtype=torch.float64)
    assert squared_distance(along, none, white) == pytest.approx(2 / 2.001)
    assert squared_distance(across, none, white) > 1e5
