"""Convolutions with a replica axis: R independent sets of weights."""

import math
from collections.abc import Callable, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

KERNEL, STRIDE, PADDING = 3, 2, 1


class _Convolution(nn.Module):
    """Weights of R 3×3 convolutions, initialised as PyTorch does, within ±1/√(numbers in a sum).

    Attributes:
        weight: (R, *PyTorch's shape for one replica).
        bias: (R, outputs).
    """

    weight: nn.Parameter
    bias: nn.Parameter

    def __init__(
        self, shape: tuple[int, int], outputs: int, generators: Sequence[torch.Generator]
    ) -> None:
        super().__init__()
        # PyTorch takes this from the second size of the weights, in transposed convolutions, too.
        bound = 1 / math.sqrt(shape[1] * KERNEL**2)
        weight = torch.empty(len(generators), *shape, KERNEL, KERNEL)
        bias = torch.empty(len(generators), outputs)
        for replica, numbers in enumerate(generators):
            weight[replica].uniform_(-bound, bound, generator=numbers)
            bias[replica].uniform_(-bound, bound, generator=numbers)
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)

    def absolute_gradients(self, x: Tensor, output_gradients: Tensor) -> dict[str, Tensor]:
        """Sum the absolute values of each sample's gradient, see `squared_gradients`."""
        return self._sums(x, output_gradients, torch.abs)

    def _sums(
        self, x: Tensor, output_gradients: Tensor, of_each: Callable[[Tensor], Tensor]
    ) -> dict[str, Tensor]:
        """Sum a function of each sample's gradient over the batch, one replica at a time."""
        weights = [of_each(self._single(*sample)).sum(0) for sample in _each(x, output_gradients)]
        return {
            "weight": torch.stack(weights).view_as(self.weight),
            "bias": of_each(output_gradients.sum((3, 4))).sum(1),
        }

    def _single(self, x: Tensor, output_gradients: Tensor) -> Tensor:
        """Return each sample's gradient of one replica's weights, (B, m, n).

        All places of the image contribute to the same weights.
        """
        raise NotImplementedError


class Conv2d(_Convolution):
    """R 3×3 convolutions side by side, with stride 2: each side is halved, rounded up.

    Args:
        generators: one for each replica, which draw its initial weights.

    Attributes:
        weight: (R, outputs, inputs, 3, 3).
        bias: (R, outputs).
    """

    def __init__(self, inputs: int, outputs: int, generators: Sequence[torch.Generator]) -> None:
        super().__init__((outputs, inputs), outputs, generators)

    def forward(self, x: Tensor) -> Tensor:
        """Map (R, B, inputs, H, W) to (R, B, outputs, ⌈H/2⌉, ⌈W/2⌉)."""
        return _convolved(partial(F.conv2d, stride=STRIDE, padding=PADDING), x, self)

    def squared_gradients(self, x: Tensor, output_gradients: Tensor) -> dict[str, Tensor]:
        """Sum the squares of each sample's gradient over the batch, by parameter name.

        Args:
            x: (R, B, inputs, H, W), the layer's input.
            output_gradients: (R, B, outputs, ⌈H/2⌉, ⌈W/2⌉), gradients of each sample's loss with
                respect to the layer's output.
        """
        return self._sums(x, output_gradients, torch.square)

    def _single(self, x: Tensor, output_gradients: Tensor) -> Tensor:
        return torch.bmm(output_gradients.flatten(2), _patches(x).transpose(1, 2))


class ConvTranspose2d(_Convolution):
    """R transposed 3×3 convolutions side by side, with stride 2, which mirror `Conv2d`.

    Args:
        size: output size (H, W), which `Conv2d` halves, rounded up.
        generators: one for each replica, which draw its initial weights.

    Attributes:
        weight: (R, inputs, outputs, 3, 3).
        bias: (R, outputs).
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        size: tuple[int, int],
        generators: Sequence[torch.Generator],
    ) -> None:
        super().__init__((inputs, outputs), outputs, generators)
        # An even side and the odd one below it have the same half; this tells them apart.
        self._more = [1 - side % 2 for side in size]

    def forward(self, x: Tensor) -> Tensor:
        """Map (R, B, inputs, ⌈H/2⌉, ⌈W/2⌉) to (R, B, outputs, H, W)."""
        undo = partial(
            F.conv_transpose2d, stride=STRIDE, padding=PADDING, output_padding=self._more
        )
        return _convolved(undo, x, self)

    def squared_gradients(self, x: Tensor, output_gradients: Tensor) -> dict[str, Tensor]:
        """Sum the squares of each sample's gradient over the batch, see `Conv2d`."""
        return self._sums(x, output_gradients, torch.square)

    def _single(self, x: Tensor, output_gradients: Tensor) -> Tensor:
        return torch.bmm(x.flatten(2), _patches(output_gradients).transpose(1, 2))


def halved(size: tuple[int, int]) -> tuple[int, int]:
    """Return the size (H, W) of an image after a `Conv2d`."""
    return -(-size[0] // STRIDE), -(-size[1] // STRIDE)


def _convolved(convolve: Callable[..., Tensor], x: Tensor, layer: _Convolution) -> Tensor:
    """Convolve each replica's samples with its weights, (R, B, outputs, H, W).

    On a GPU, one grouped call takes all replicas. On a CPU, the order of summation depends on the
    number of groups, and separate calls are as fast.
    """
    if not x.is_cuda:
        return torch.stack(
            [convolve(*replica) for replica in zip(x, layer.weight, layer.bias, strict=True)]
        )
    beside = x.transpose(0, 1).flatten(1, 2)
    y = convolve(beside, layer.weight.flatten(0, 1), layer.bias.flatten(), groups=len(x))
    return y.unflatten(1, (len(x), -1)).transpose(0, 1)


def _each(x: Tensor, gradients: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Pair each replica's input and gradients, because all samples' gradients would fill memory."""
    return list(zip(x.float(), gradients.float(), strict=True))


def _patches(x: Tensor) -> Tensor:
    """Return the input patches of a convolution, (B, C · 9, places), from (B, C, H, W)."""
    return F.unfold(x, KERNEL, padding=PADDING, stride=STRIDE)
