"""Layers with a replica axis: R independent sets of weights in one tensor and one call."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cl_anomaly.core.products import affine, product


class Linear(nn.Module):
    """R affine maps side by side: y = x W + b.

    Weights are initialised as in PyTorch's `nn.Linear`, uniform in ±1/√(number of inputs).

    Args:
        generators: one for each replica, which draw its initial weights.

    Attributes:
        weight: (R, inputs, outputs).
        bias: (R, 1, outputs).
    """

    weight: nn.Parameter
    bias: nn.Parameter

    def __init__(self, inputs: int, outputs: int, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        weight = torch.empty(len(generators), inputs, outputs)
        bias = torch.empty(len(generators), 1, outputs)
        for replica, numbers in enumerate(generators):
            weight[replica].uniform_(-bound, bound, generator=numbers)
            bias[replica].uniform_(-bound, bound, generator=numbers)
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map (R, B, inputs) to (R, B, outputs)."""
        return affine(self.bias, x, self.weight)

    def squared_gradients(self, x: Tensor, output_gradients: Tensor) -> dict[str, Tensor]:
        """Sum the squares of each sample's gradient over the batch, by parameter name.

        The gradient of a sample with respect to the weights is the outer product of its input and
        its output's gradient, so the sum of the squares is one matrix product of the squares.

        Args:
            x: (R, B, inputs), the layer's input.
            output_gradients: (R, B, outputs), gradients of each sample's loss.
        """
        return self._sums(x.square(), output_gradients.square())

    def absolute_gradients(self, x: Tensor, output_gradients: Tensor) -> dict[str, Tensor]:
        """Sum the absolute values of each sample's gradient, see `squared_gradients`."""
        return self._sums(x.abs(), output_gradients.abs())

    def _sums(self, x: Tensor, output_gradients: Tensor) -> dict[str, Tensor]:
        weight = product(x.transpose(1, 2), output_gradients)
        return {"weight": weight, "bias": output_gradients.sum(1, keepdim=True)}


def mlp(sizes: Sequence[int], generators: Sequence[torch.Generator]) -> nn.Sequential:
    """Stack linear layers with ReLU between them, and none after the last.

    Args:
        sizes: features at the input, after each hidden layer, and at the output.
        generators: one for each replica, which draw its initial weights.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in zip(sizes, sizes[1:], strict=False):
        layers += [Linear(inputs, outputs, generators), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
