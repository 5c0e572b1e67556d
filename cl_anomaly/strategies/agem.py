"""Averaged Gradient Episodic Memory."""

import torch
from torch import Tensor

from cl_anomaly.core.errors import InputError
from cl_anomaly.strategies.replay import Replay


class AGEM(Replay):
    """A-GEM: bend each step's gradient where it would raise the loss of stored samples.

    Chaudhry et al., "Efficient Lifelong Learning with A-GEM" (ICLR 2019), eq. 11: where
    gᵀ g_ref < 0, g − (gᵀ g_ref / g_refᵀ g_ref) g_ref takes the place of g. g_ref is the gradient of
    the mean loss of samples drawn from the memory. The memory is a reservoir of all seen
    (`replay`); the paper keeps as many samples of each task.

    Args:
        samples: how many each replica keeps.
        memory_bytes: how many bytes each replica keeps, in place of `samples`.
        reference: samples that are drawn for g_ref at every step.
    """

    name = "agem"

    def __init__(
        self, samples: int = 500, memory_bytes: int | None = None, reference: int = 64
    ) -> None:
        super().__init__(samples, memory_bytes, ratio=1.0)
        if reference < 1:
            raise InputError(setting="reference", expected="to be 1 or more", got=reference)
        self.reference = reference

    def extend(self, x: Tensor) -> Tensor:
        """Leave the batch as it is."""
        return x

    def after_backward(self) -> None:
        """Project the gradient of each replica, where it points against the memory's."""
        if not self.reservoir:
            return
        weights = [weight for weight in self.model.parameters() if weight.grad is not None]
        loss = self.model.loss(self._drawn(self.reference), self.random).mean(1)
        references = torch.autograd.grad(loss.sum(), weights)
        own = [weight.grad for weight in weights if weight.grad is not None]
        product = _dot(own, references)
        along = torch.where(product < 0, product / _dot(references, references), 0.0)
        for gradient, reference in zip(own, references, strict=True):
            gradient.sub_(along.view(-1, *[1] * (gradient.dim() - 1)) * reference)


def _dot(one: list[Tensor] | tuple[Tensor, ...], other: tuple[Tensor, ...]) -> Tensor:
    """Sum the products of all elements of each replica, (R,)."""
    products = [(a * b).flatten(1).sum(1) for a, b in zip(one, other, strict=True)]
    return torch.stack(products, dim=1).sum(1)
