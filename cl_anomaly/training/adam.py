"""Adam that rounds every number alike, wherever it lies in a tensor."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.optim.adam import adam

from cl_anomaly.core.errors import RunError

# A processor's Adam computes in vectors of up to 16 numbers. The rest, at the end of a tensor or of
# a thread's share, takes instructions that round otherwise. PyTorch cuts shares at multiples of 16.
_VECTOR = 16


class Adam:
    """Adam with PyTorch's fused kernels, whose result for a replica is that of the replica alone.

    Kingma and Ba, "Adam: A Method for Stochastic Optimization" (ICLR 2015), with its own β₁ = 0.9,
    β₂ = 0.999 and ε = 1e-8. Weights, (R, ...) each, without a gradient stay as they are.

    On a processor, the end of a parameter that would not fill a vector is copied to one filled up
    with zeros. Which replica's numbers lie there depends on how many replicas there are. Built on
    the function, as `torch.optim.Adam` imports a compiler that takes seconds to load.
    """

    def __init__(self, weights: Sequence[Tensor], learning_rate: float) -> None:
        self._weights = [_Weight(own) for own in weights]
        self._learning_rate = learning_rate

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for own in self._weights:
            own.weight.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Make a step along the gradients."""
        stepped = [own for own in self._weights if own.weight.grad is not None]
        if not stepped:
            return
        uneven = [own for own in stepped if len(own.rest)]
        _copy_each([own.filled for own in uneven], [own.rest for own in uneven])
        gradients = [part for own in stepped for part in own.gradients()]
        pieces = [piece for own in stepped for piece in own.pieces]
        adam(
            [piece.values for piece in pieces],
            gradients,
            [piece.mean for piece in pieces],
            [piece.square for piece in pieces],
            [],
            [piece.steps for piece in pieces],
            fused=True,
            # Count steps on the device, which repeats them without Python.
            capturable=pieces[0].values.device.type == "cuda",
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self._learning_rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )
        _copy_each([own.rest for own in uneven], [own.filled for own in uneven])

    def state(self) -> dict[str, Tensor]:
        """Return, by PLACE.NAME, each weight's PyTorch state: `step`, `exp_avg`, `exp_avg_sq`."""
        states = enumerate(own.state() for own in self._weights)
        return {f"{place}.{name}": own for place, of in states for name, own in of.items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Restore what `state` returned.

        Raises:
            ValueError: it belongs to other weights.
        """
        if state.keys() != self.state().keys():
            raise ValueError
        for place, own in enumerate(self._weights):
            own.restore({name: state[f"{place}.{name}"] for name in own.state()})


def _copy_each(to: list[Tensor], of: list[Tensor]) -> None:
    if to:
        torch._foreach_copy_(to, of)  # pyright: ignore[reportPrivateImportUsage]


class _Piece:
    """Numbers that fill vectors whole, with their moments."""

    def __init__(self, values: Tensor, mean: Tensor, square: Tensor) -> None:
        self.values, self.mean, self.square = values, mean, square
        self.steps = torch.zeros((), device=values.device)


class _Weight:
    """A parameter as Adam takes it: numbers that fill vectors in place, and a copy of the rest.

    Attributes:
        rest: its last numbers, which do not fill a vector; perhaps none.
        filled: their place in a vector filled up with zeros.
        pieces: the tensors that Adam takes.
    """

    def __init__(self, weight: Tensor) -> None:
        if not weight.is_contiguous():
            raise RunError(
                f"Expected weights whose numbers lie one after another in memory, but got a tensor "
                f"{tuple(weight.shape)} with strides {weight.stride()}. Use `.contiguous()`."
            )
        self.weight, flat = weight, weight.detach().view(-1)
        count, vector = len(flat), _VECTOR if weight.device.type == "cpu" else 1
        self._whole = count - count % vector
        self._mean, self._square = (flat.new_zeros(-(-count // vector) * vector) for _ in range(2))
        self.rest, copy = flat[self._whole :], flat.new_zeros(vector)
        self.filled, self._gradient = copy[: len(self.rest)], torch.zeros_like(copy)
        self._filled_gradient = self._gradient[: len(self.rest)]
        self.pieces = [
            _Piece(values, self._mean[part], self._square[part])
            for values, part in (
                (flat[: self._whole], slice(self._whole)),
                (copy, slice(self._whole, None)),
            )
            if len(self._mean[part])
        ]

    def gradients(self) -> list[Tensor]:
        """Return the gradient of each piece."""
        if self.weight.grad is None:
            raise TypeError("Expected a weight with a gradient.")
        flat = self.weight.grad.reshape(-1)
        if not len(self.rest):
            return [flat]
        self._filled_gradient.copy_(flat[self._whole :])
        return [flat[: self._whole], self._gradient] if self._whole else [self._gradient]

    def state(self) -> dict[str, Tensor]:
        count, shape = self.weight.numel(), self.weight.shape
        return {
            "step": self.pieces[0].steps,
            "exp_avg": self._mean[:count].view(shape),
            "exp_avg_sq": self._square[:count].view(shape),
        }

    def restore(self, moments: Mapping[str, Tensor]) -> None:
        own = self.state()
        for name in ("exp_avg", "exp_avg_sq"):
            if moments[name].shape != own[name].shape:
                raise ValueError
            own[name].copy_(moments[name])
        for piece in self.pieces:
            piece.steps.copy_(moments["step"])
