"""Features that are never trained, against NumPy and SciPy."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.signal import correlate2d

from cl_anomaly.core.errors import InputError
from cl_anomaly.models.shared.feature_maps import Histograms, Pixels, Pooling
from cl_anomaly.models.shared.random_maps import RandomConvolutions, RandomUnits

Array = NDArray[np.float64]
_SHAPES = [(28, 28), (8, 8), (12, 20), (3, 32, 32)]


def _images(shape: tuple[int, ...], count: int = 3) -> torch.Tensor:
    return torch.rand(count, *shape, generator=torch.Generator().manual_seed(0))


def _pooling(side: int, grid: int) -> Array:
    cell = side / grid
    sigma = 3.2 / 5.6 * cell
    centres = cell * (np.arange(grid) + 0.5) - 0.5
    away = np.arange(side)[None] - centres[:, None]
    return np.exp(-(away**2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))


def _histograms(image: Array, grid: int, directions: int, curvatures: int = 0) -> Array:
    """The recipe for one image (C, H, W), pixel by pixel."""
    taps = np.arange(-3, 4)
    g = np.exp(-(taps**2) / 2)
    g /= g.sum()
    dg = -taps * g
    u, v = (
        np.stack([correlate2d(own, kernel, mode="same") for own in image])
        for kernel in (np.outer(g, dg), np.outer(dg, g))
    )
    strongest = (u**2 + v**2).argmax(0)[None]
    u, v = (np.take_along_axis(own, strongest, 0)[0] for own in (u, v))
    m = np.sqrt(u**2 + v**2) + 1e-3
    rows, columns = (_pooling(side, grid) for side in image.shape[1:])
    features = []
    for j in range(directions):
        theta = 2 * math.pi * j / directions
        own = (np.maximum(u * math.cos(theta) + v * math.sin(theta), 0) / m) ** 2 * m
        features.append(rows @ own @ columns.T)
    features += _lines(image, grid, curvatures)
    return np.stack(features).reshape(-1) ** 0.35


def _lines(image: Array, grid: int, curvatures: int) -> list[Array]:
    """Second derivatives along directions of the half circle, dark ends first."""
    taps = np.arange(-3, 4)
    g = np.exp(-(taps**2) / 2)
    g /= g.sum()
    dg, ddg = -taps * g, (taps**2 - 1) * g
    kernels = (np.outer(g, ddg), np.outer(ddg, g), np.outer(dg, dg))
    xx, yy, xy = (
        np.stack([correlate2d(own, kernel, mode="same") for own in image]) for kernel in kernels
    )
    strongest = (xx**2 + yy**2 + 2 * xy**2).argmax(0)[None]
    xx, yy, xy = (np.take_along_axis(own, strongest, 0)[0] for own in (xx, yy, xy))
    m = np.sqrt(xx**2 + yy**2 + 2 * xy**2) + 1e-3
    rows, columns = (_pooling(side, grid) for side in image.shape[1:])
    features = []
    for sign in (-1, 1):
        for j in range(curvatures):
            cos, sin = math.cos(math.pi * j / curvatures), math.sin(math.pi * j / curvatures)
            own = sign * (cos**2 * xx + sin**2 * yy + 2 * cos * sin * xy)
            features.append(rows @ ((np.maximum(own, 0) / m) ** 2 * m) @ columns.T)
    return features


@pytest.mark.parametrize("shape", _SHAPES, ids=str)
def test_histograms_of_gradients_are_those_of_the_recipe(shape: tuple[int, ...]) -> None:
    x, own = _images(shape), Histograms(shape, 5, 16)
    found = own(x, 0)
    assert own.size == 400 and found.shape == (3, 400) and found.dtype == torch.float32
    images = x.double().numpy().reshape(3, -1, *shape[-2:])
    expected = np.stack([_histograms(image, 5, 16) for image in images])
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("shape", _SHAPES, ids=str)
def test_lines_are_second_derivatives(shape: tuple[int, ...]) -> None:
    x, own = _images(shape), Histograms(shape, 5, 8, 4)
    found = own(x, 0)
    assert own.size == 400 and found.shape == (3, 400)
    images = x.double().numpy().reshape(3, -1, *shape[-2:])
    expected = np.stack([_histograms(image, 5, 8, 4) for image in images])
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-4)


def test_an_edge_is_seen_in_its_own_direction() -> None:
    # Bright on the left, dark on the right: by −t g, the direction is from bright to dark, θ = 0.
    x = torch.zeros(1, 28, 28)
    x[:, :, :14] = torch.linspace(0, 1, 14)
    x[:, :, 14:] = 0
    right, down, left, up = Histograms((28, 28), 1, 4)(x, 0)[0]
    assert right > left > 0
    torch.testing.assert_close(up, down)


def test_pooling_over_a_whole_map_of_ones_sums_its_weights() -> None:
    weights = _pooling(12, 3).sum(1), _pooling(20, 3).sum(1)
    found = Pooling(12, 20, 3)(torch.ones(12, 20))
    np.testing.assert_allclose(found, np.outer(*weights).reshape(-1), rtol=1e-5)


@pytest.mark.parametrize("shape", _SHAPES, ids=str)
def test_random_convolutions_are_scipys(shape: tuple[int, ...]) -> None:
    x, own = _images(shape, 2), RandomConvolutions(shape, 3, 40, [3, 7])
    assert own.size == 4 * 9
    found = own(x, 1)
    images = x.double().numpy().reshape(2, -1, *shape[-2:])
    rows, columns = (_pooling(side, 3) for side in shape[-2:])
    for image, features in zip(images, found, strict=True):
        for place, kernel in enumerate(own.filters[1].double().numpy()):
            pairs = zip(image, kernel, strict=True)
            summed = np.sum([correlate2d(a, b, mode="same") for a, b in pairs], axis=0)
            expected = (rows @ np.maximum(summed, 0) @ columns.T).reshape(-1) ** 0.35
            np.testing.assert_allclose(
                features[9 * place : 9 * place + 9], expected, rtol=2e-3, atol=2e-3
            )


@pytest.mark.parametrize(("wanted", "filters"), [(40, 4), (50, 6), (1, 1)])
def test_random_convolutions_come_near_to_the_size_that_is_wanted(
    wanted: int, filters: int
) -> None:
    own = RandomConvolutions((6, 6), 3, wanted, [3])
    assert (own.size, own(_images((6, 6)), 0).shape[1]) == (9 * filters, 9 * filters)


def test_random_filters_have_mean_0_and_length_1() -> None:
    filters = RandomConvolutions((3, 8, 8), 5, 600, [0]).filters[0]
    torch.testing.assert_close(filters.sum((1, 2, 3)), torch.zeros(24), atol=1e-5, rtol=0)
    torch.testing.assert_close(filters.square().sum((1, 2, 3)), torch.ones(24))


def test_random_units_are_rectified_and_of_each_seed() -> None:
    x = torch.rand(4, 6, generator=torch.Generator().manual_seed(0))
    both, alone = RandomUnits((6,), 50, [3, 7]), RandomUnits((6,), 50, [7])
    assert torch.equal(both(x, 1), alone(x, 0)) and not torch.equal(both(x, 0), both(x, 1))
    expected = np.maximum(x.numpy() @ alone.weights[0].numpy() + alone.biases[0].numpy(), 0)
    np.testing.assert_allclose(alone(x, 0), expected, rtol=1e-5, atol=1e-6)


def test_random_units_have_the_variances_of_the_docs() -> None:
    # W ~ N(0, 1/d), here d = 12, and b ~ N(0, 1/4).
    own = RandomUnits((3, 4), 20_000, [3])
    assert float(own.weights.var()) == pytest.approx(1 / 12, rel=0.02)
    assert float(own.biases.var()) == pytest.approx(1 / 4, rel=0.05)
    assert float(own.weights.mean()) == pytest.approx(0, abs=0.005)
    assert float(own.biases.mean()) == pytest.approx(0, abs=0.02)


def test_nothing_of_a_map_is_kept() -> None:
    shape = (6, 6)
    maps = [Pixels(shape), Histograms(shape, 2, 4, 2), RandomUnits(shape, 9, [3])]
    assert [own.state_dict() for own in (*maps, RandomConvolutions(shape, 2, 8, [3]))] == [{}] * 4


def test_pixels_are_as_they_are() -> None:
    x = _images((3, 4, 4))
    assert torch.equal(Pixels((3, 4, 4))(x, 0), x.reshape(3, -1))


def test_histograms_of_what_is_no_image_are_refused() -> None:
    with pytest.raises(InputError, match="Expected images"):
        Histograms((20,), 5, 16)
