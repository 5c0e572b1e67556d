import torch
from torch import nn

from cl_anomaly.core.randomness import generator
from cl_anomaly.models.shared.layers import Linear, mlp


def _generators(seeds: list[int]) -> list[torch.Generator]:
    return [generator(seed, "model") for seed in seeds]


def _copy(layer: Linear, replica: int) -> nn.Linear:
    """PyTorch's own layer with one replica's weights."""
    inputs, outputs = layer.weight.shape[1:]
    copy = nn.Linear(inputs, outputs)
    with torch.no_grad():
        copy.weight.copy_(layer.weight[replica].T)
        copy.bias.copy_(layer.bias[replica, 0])
    return copy


def test_linear_is_pytorchs_linear_for_each_replica() -> None:
    layer = Linear(7, 4, _generators([0, 1, 2]))
    x = torch.randn(3, 5, 7)
    y = layer(x)
    for replica in range(3):
        torch.testing.assert_close(y[replica], _copy(layer, replica)(x[replica]))


def test_replicas_start_from_their_seed_alone() -> None:
    among = Linear(7, 4, _generators([3, 7, 9]))
    alone = Linear(7, 4, _generators([7]))
    assert torch.equal(among.weight[1], alone.weight[0])
    assert torch.equal(among.bias[1], alone.bias[0])
    assert not torch.equal(among.weight[0], among.weight[1])


def test_first_weights_are_spread_as_pytorchs() -> None:
    layer, reference = Linear(400, 300, _generators([0])), nn.Linear(400, 300)
    assert layer.weight.abs().max() <= 1 / 20
    torch.testing.assert_close(layer.weight.std(), reference.weight.std(), rtol=0.02, atol=0)
    assert layer.bias.abs().max() <= 1 / 20
    assert layer.bias.std() > 0


def test_squared_gradients_are_those_of_single_samples() -> None:
    layer = Linear(6, 3, _generators([0, 1]))
    x, upstream = torch.randn(2, 5, 6), torch.randn(2, 5, 3)
    squared = layer.squared_gradients(x, upstream)
    for replica in range(2):
        weight, bias = torch.zeros(6, 3), torch.zeros(3)
        for sample in range(5):
            copy = _copy(layer, replica)
            copy(x[replica, sample]).backward(upstream[replica, sample])
            assert copy.weight.grad is not None and copy.bias.grad is not None
            weight += copy.weight.grad.T.square()
            bias += copy.bias.grad.square()
        torch.testing.assert_close(squared["weight"][replica], weight)
        torch.testing.assert_close(squared["bias"][replica, 0], bias)


def test_mlp_has_relu_between_its_layers_and_none_at_the_end() -> None:
    layers = mlp((4, 3, 2), _generators([0]))
    assert [type(layer) for layer in layers] == [Linear, nn.ReLU, Linear]
    assert (layers(torch.randn(1, 200, 4)) < 0).any()
