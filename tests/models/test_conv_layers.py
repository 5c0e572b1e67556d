from itertools import pairwise
from typing import TypeVar

import pytest
import torch
from torch import Tensor, nn

from cl_anomaly.core.randomness import generator
from cl_anomaly.models.shared.conv_layers import Conv2d, ConvTranspose2d, halved

_Layer = TypeVar("_Layer", nn.Conv2d, nn.ConvTranspose2d)
SIZES = [(4, 4), (5, 5), (7, 8), (28, 28)]


def _generators(*seeds: int) -> list[torch.Generator]:
    return [generator(seed, "model") for seed in seeds]


def _convolution(layer: Conv2d, replica: int) -> nn.Conv2d:
    """PyTorch's own layer with one replica's weights."""
    outputs, inputs = layer.weight.shape[1:3]
    return _with_weights(nn.Conv2d(inputs, outputs, 3, 2, 1), layer, replica)


def _transposed(layer: ConvTranspose2d, replica: int, more: tuple[int, int]) -> nn.ConvTranspose2d:
    inputs, outputs = layer.weight.shape[1:3]
    own = nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, output_padding=more)
    return _with_weights(own, layer, replica)


def _with_weights(own: _Layer, layer: Conv2d | ConvTranspose2d, replica: int) -> _Layer:
    assert own.bias is not None
    with torch.no_grad():
        own.weight.copy_(layer.weight[replica])
        own.bias.copy_(layer.bias[replica])
    return own


@pytest.mark.parametrize("size", SIZES)
def test_convolution_is_pytorchs_for_each_replica(size: tuple[int, int]) -> None:
    layer, x = Conv2d(2, 5, _generators(0, 1, 2)), torch.randn(3, 4, 2, *size)
    y = layer(x)
    assert y.shape == (3, 4, 5, *halved(size))
    for replica in range(3):
        torch.testing.assert_close(y[replica], _convolution(layer, replica)(x[replica]))


@pytest.mark.parametrize("size", SIZES)
def test_transposed_convolution_is_pytorchs_for_each_replica(size: tuple[int, int]) -> None:
    layer = ConvTranspose2d(5, 2, size, _generators(0, 1, 2))
    x = torch.randn(3, 4, 5, *halved(size))
    y = layer(x)
    assert y.shape == (3, 4, 2, *size)
    more = (1 - size[0] % 2, 1 - size[1] % 2)
    for replica in range(3):
        torch.testing.assert_close(y[replica], _transposed(layer, replica, more)(x[replica]))


def test_replicas_start_from_their_seed_alone() -> None:
    for make in (
        lambda own: Conv2d(2, 3, own),
        lambda own: ConvTranspose2d(2, 3, (4, 4), own),
    ):
        among, alone = make(_generators(3, 7, 9)), make(_generators(7))
        assert torch.equal(among.weight[1], alone.weight[0])
        assert torch.equal(among.bias[1], alone.bias[0])
        for one, other in pairwise(among.weight):
            assert not torch.equal(one, other)


def test_first_weights_are_spread_as_pytorchs() -> None:
    pairs = [
        (Conv2d(16, 64, _generators(0)), nn.Conv2d(16, 64, 3)),
        (ConvTranspose2d(64, 16, (4, 4), _generators(0)), nn.ConvTranspose2d(64, 16, 3)),
    ]
    for layer, reference in pairs:
        assert layer.weight.abs().max() <= 1 / 12  # 16 channels of 3×3 in a sum
        torch.testing.assert_close(layer.weight.std(), reference.weight.std(), rtol=0.03, atol=0)
        assert 0 < layer.bias.abs().max() <= 1 / 12


def _expected(own: nn.Conv2d | nn.ConvTranspose2d, x: Tensor, upstream: Tensor) -> list[Tensor]:
    """Squares of single samples' gradients, by autograd, one sample after another."""
    assert own.bias is not None
    parameters, total = [own.weight, own.bias], [torch.zeros(()), torch.zeros(())]
    for sample, gradient in zip(x, upstream, strict=True):
        found = torch.autograd.grad(own(sample[None]), parameters, gradient[None])
        total = [so_far + more.square() for so_far, more in zip(total, found, strict=True)]
    return total


@pytest.mark.parametrize("size", [(4, 4), (7, 6)])
def test_squared_gradients_are_those_of_single_samples(size: tuple[int, int]) -> None:
    down, up = Conv2d(2, 3, _generators(0, 1)), ConvTranspose2d(3, 2, size, _generators(0, 1))
    large, small = torch.randn(2, 5, 2, *size), torch.randn(2, 5, 3, *halved(size))
    more = (1 - size[0] % 2, 1 - size[1] % 2)
    downwards, upwards = down.squared_gradients(large, small), up.squared_gradients(small, large)
    for replica in range(2):
        found = downwards["weight"][replica], downwards["bias"][replica]
        own = _convolution(down, replica)
        for one, other in zip(found, _expected(own, large[replica], small[replica]), strict=True):
            torch.testing.assert_close(one, other)
        found = upwards["weight"][replica], upwards["bias"][replica]
        own = _transposed(up, replica, more)
        for one, other in zip(found, _expected(own, small[replica], large[replica]), strict=True):
            torch.testing.assert_close(one, other)
