"""Sums of squared or absolute gradients of single samples, by layer."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from cl_anomaly.core.errors import RunError
from cl_anomaly.core.randomness import Draws
from cl_anomaly.data.datasets import Samples
from cl_anomaly.models.base import Model

_CHUNK = 256


def fisher_diagonal(
    model: Model, samples: Samples, indices: Sequence[Tensor], random: Draws
) -> dict[str, Tensor]:
    """Compute the diagonal Fisher information: the mean of single samples' squared gradients.

    The gradient is that of the model's loss with one draw. The square of a batch's gradient would
    be another number, which depends on the batch size.

    Args:
        indices: R tensors (n_r,), int64, each replica's samples; none may be empty.

    Returns:
        By parameter name, in the parameter's shape, float32.
    """
    return mean_over_samples(
        samples,
        indices,
        lambda x, real: squared_gradients(model, x, _WholeChunks(random), real),
    )


def mean_over_samples(
    samples: Samples,
    indices: Sequence[Tensor],
    sums: Callable[[Tensor, Tensor], dict[str, Tensor]],
) -> dict[str, Tensor]:
    """Compute means over each replica's samples from sums over batches.

    Args:
        indices: R tensors (n_r,), int64, each replica's samples; none may be empty.
        sums: from a batch (R, B, *features) and its mask (R, B) to sums by parameter name, in the
            parameter's shape.

    Returns:
        By parameter name, in the parameter's shape.
    """
    counts = torch.tensor([len(places) for places in indices], device=samples.stored.device)
    total: dict[str, Tensor] = {}
    for x, real in samples.padded_batches(indices, _CHUNK):
        for name, value in sums(x, real).items():
            total[name] = total[name] + value if name in total else value
    return {
        name: value / counts.view(-1, *[1] * (value.dim() - 1)) for name, value in total.items()
    }


class _WholeChunks:
    """Draw for whole chunks, so that a seed's draws do not depend on longer tasks beside it."""

    def __init__(self, random: Draws) -> None:
        self._random = random

    def normal(self, count: int, *size: int) -> Tensor:
        return self._random.normal(_CHUNK, *size)[:, :count]

    def integers(self, high: int, count: int, *size: int) -> Tensor:
        return self._random.integers(high, _CHUNK, *size)[:, :count]


def squared_gradients(model: Model, x: Tensor, random: Draws, weights: Tensor) -> dict[str, Tensor]:
    """Sum the squares of each sample's gradient of the loss over the batch.

    Args:
        model: R replicas, all of whose parameters belong to layers of `layers` or `conv_layers`.
        x: (R, B, *features).
        weights: (R, B), weight of each sample's gradient.

    Returns:
        By parameter name, in the parameter's shape, float32.

    Raises:
        RunError: a parameter belongs to another layer, or a layer is used twice.
    """
    return _summed(model, "squared_gradients", lambda: model.loss(x, random) * weights)


def absolute_gradients(model: Model, values: Callable[[], Tensor]) -> dict[str, Tensor]:
    """Sum the absolute values of each sample's gradient over a batch.

    Args:
        model: R replicas, all of whose parameters belong to layers of `layers` or `conv_layers`.
        values: passes the batch through the model, and returns the number to differentiate for
            each sample, (R, B).

    Returns:
        By parameter name, in the parameter's shape, float32.

    Raises:
        RunError: a parameter belongs to another layer, or a layer is used twice.
    """
    return _summed(model, "absolute_gradients", values)


def _summed(model: Model, method: str, values: Callable[[], Tensor]) -> dict[str, Tensor]:
    """Sum each layer's gradients of samples by one of its methods."""
    passes: dict[str, tuple[Any, Tensor, Tensor]] = {}

    def remember(name: str, layer: nn.Module) -> torch.utils.hooks.RemovableHandle:
        def hook(_: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
            if name in passes:
                raise RunError(
                    f"Expected layer {name} once in the model's loss, but it came twice."
                )
            passes[name] = (layer, inputs[0].detach(), output)

        return layer.register_forward_hook(hook)

    with ExitStack() as hooks:
        for name, layer in model.named_modules():
            if hasattr(layer, method):
                hooks.callback(remember(name, layer).remove)
        total = values().sum()
    gradients = torch.autograd.grad(total, [output for *_, output in passes.values()])
    result: dict[str, Tensor] = {}
    for (name, (layer, inputs, _)), gradient in zip(passes.items(), gradients, strict=True):
        for parameter, summed in getattr(layer, method)(inputs, gradient).items():
            result[f"{name}.{parameter}"] = summed.float()
    missing = {name for name, _ in model.named_parameters()} - set(result)
    if missing:
        raise RunError(
            f"Expected every parameter in a layer of cl_anomaly.models.shared.layers, with "
            f"`{method}`, but these are not: {', '.join(sorted(missing))}."
        )
    return result
