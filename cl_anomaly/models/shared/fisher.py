"""Gradients of single samples, squared or absolute, which each layer sums up by itself."""

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
    """Diagonal Fisher information: the mean over samples of each one's squared gradient.

    The gradient is that of the model's loss with one draw. The square of a
    batch's gradient would be another number, and would change with the batch size.

    Args:
        model: R replicas.
        samples: where the training samples are.
        indices: R tensors (n_r,), int64, each replica's samples; none may be empty.
        random: what the loss draws from.

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
    """Take the mean over each replica's samples of what is summed up batch by batch.

    Args:
        samples: where the training samples are.
        indices: R tensors (n_r,), int64, each replica's samples; none may be empty.
        sums: given a batch (R, B, *features) and what of it counts, (R, B), sums over it: by
            parameter name, in the parameter's shape.

    Returns:
        By parameter name, in the parameter's shape.
    """
    device = samples.stored.device
    counts = torch.tensor([len(i) for i in indices], device=device)
    # With a replica's own samples: others need not have arrived.
    longest = torch.arange(max(len(own) for own in indices))
    padded = torch.stack([own[longest % len(own)] for own in indices]).to(device)
    total: dict[str, Tensor] = {}
    for start in range(0, padded.shape[1], _CHUNK):
        chunk = padded[:, start : start + _CHUNK]
        # Padding makes the replicas' tasks equally long, and counts for nothing.
        real = torch.arange(start, start + chunk.shape[1], device=device) < counts[:, None]
        for name, own in sums(samples.batch(chunk), real).items():
            total[name] = total[name] + own if name in total else own
    return {
        name: value / counts.view(-1, *[1] * (value.dim() - 1)) for name, value in total.items()
    }


class _WholeChunks:
    """Draws for a full chunk, whatever is asked for: a seed sees the same beside longer tasks."""

    def __init__(self, random: Draws) -> None:
        self._random = random

    def normal(self, count: int, *size: int) -> Tensor:
        return self._random.normal(_CHUNK, *size)[:, :count]

    def integers(self, high: int, count: int, *size: int) -> Tensor:
        return self._random.integers(high, _CHUNK, *size)[:, :count]


def squared_gradients(model: Model, x: Tensor, random: Draws, weights: Tensor) -> dict[str, Tensor]:
    """Sum over the batch of every sample's squared gradient of the loss.

    Args:
        model: R replicas, all of whose parameters belong to layers of `layers` or
            `conv_layers`, which lie beside this file.
        x: (R, B, *features).
        random: what the loss draws from.
        weights: (R, B), what each sample's gradient is multiplied by.

    Returns:
        By parameter name, in the parameter's shape, float32.

    Raises:
        RunError: a parameter belongs to another layer, or a layer is used twice.
    """
    return _summed(model, "squared_gradients", lambda: model.loss(x, random) * weights)


def absolute_gradients(model: Model, values: Callable[[], Tensor]) -> dict[str, Tensor]:
    """Sum the absolute values of every sample's own gradient over a batch.

    Args:
        model: R replicas, all of whose parameters belong to layers of `layers` or
            `conv_layers`, which lie beside this file.
        values: passes the batch through the model, and gives one number for each sample, (R, B), of
            which the gradients are taken.

    Returns:
        By parameter name, in the parameter's shape, float32.

    Raises:
        RunError: a parameter belongs to another layer, or a layer is used twice.
    """
    return _summed(model, "absolute_gradients", values)


def _summed(model: Model, method: str, values: Callable[[], Tensor]) -> dict[str, Tensor]:
    """Let each layer sum up its samples' gradients by one of its methods."""
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
