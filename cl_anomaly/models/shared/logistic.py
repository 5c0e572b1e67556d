"""The logistic function and its cross-entropy, rounded independently of the place in a tensor.

On a CPU, PyTorch's `sigmoid` computes whole vectors, and the rest by another routine whose last
digit differs: a replica's result would depend on the number of replicas, and on where threads
divide the work. Its `exp` and `log1p` pad the last vector instead.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def sigmoid(x: Tensor) -> Tensor:
    """Compute 1 / (1 + exp(−x)), elementwise, in x's type."""
    return _Sigmoid.apply(x)  # type: ignore[no-any-return]


def cross_entropy_with_logits(logits: Tensor, x: Tensor) -> Tensor:
    """Compute −x log σ(l) − (1 − x) log σ(−l), elementwise, with σ the logistic function.

    Args:
        logits: l, of any shape.
        x: of the same shape, in [0, 1].
    """
    return _CrossEntropy.apply(logits, x)  # type: ignore[no-any-return]


def _sigmoid(x: Tensor) -> Tensor:
    return torch.sigmoid(x) if x.is_cuda else x.neg().exp_().add_(1).reciprocal_()


class _Sigmoid(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return _sigmoid(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        (output,) = ctx.saved_tensors
        return gradient * output * (1 - output)


class _CrossEntropy(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(logits: Tensor, x: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(logits, x, reduction="none")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor | None]:  # type: ignore[override]
        logits, x = ctx.saved_tensors
        of_samples = -logits * gradient if ctx.needs_input_grad[1] else None
        return _sigmoid(logits).sub_(x).mul_(gradient), of_samples
