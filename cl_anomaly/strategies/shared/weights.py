"""Weights by name: copied, compared with where they were, and replaced."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call

from cl_anomaly.core.randomness import Draws
from cl_anomaly.models import Model


def weights_now(model: Model) -> dict[str, Tensor]:
    """Copy the weights by name, (R, ...)."""
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


def squared_distance(
    model: Model, anchor: Mapping[str, Tensor], importance: Mapping[str, Tensor] | None = None
) -> Tensor:
    """Sum Ω_k (θ_k − θ*_k)² over all weights k, (R,).

    Args:
        model: θ, R replicas.
        anchor: θ*, by the weights' names.
        importance: Ω, by the same. Default: 1.
    """
    terms = []
    for name, weight in model.named_parameters():
        squares = (weight - anchor[name]).square()
        weighted = squares if importance is None else importance[name] * squares
        terms.append(weighted.flatten(1).sum(1))
    return torch.stack(terms, dim=1).sum(1)


def loss_with(model: Model, weights: Mapping[str, Tensor], x: Tensor, random: Draws) -> Tensor:
    """Return each sample's loss, (R, B), for x (R, B, *features), with some weights replaced."""
    others = {f"model.{name}": own for name, own in weights.items()}
    return functional_call(_Loss(model), others, (x, random))


class _Loss(nn.Module):
    """The loss as the call of a module, which PyTorch can give other weights."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, random: Draws) -> Tensor:
        return self.model.loss(x, random)
