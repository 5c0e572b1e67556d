"""Count the floating-point operations of a model."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from cl_anomaly.core.randomness import ReplicaRandom
from cl_anomaly.models.base import Model
from cl_anomaly.models.shared.closed_form import ClosedForm

_aten = torch.ops.aten

PASSES = 3
"""Cost of a training step in forward passes: one forward, and a backward one that counts as two."""


def forward_flops(model: Model, tasks: int = 1) -> int | None:
    """Count the floating-point operations of one sample's loss in one replica.

    Matrix products and convolutions count, with two operations for a multiplication and an
    addition; the others are few. Training on a sample takes three times as many (Kaplan et al.,
    "Scaling Laws for Neural Language Models", 2020, section 2.1: backward is twice forward). For a
    model that learns in closed form, see `ClosedForm.scoring_flops`.

    Args:
        model: on the CPU.

    Returns:
        The number; None if the model fails for two samples of zeros, or does not know it.
    """
    if isinstance(model, ClosedForm):
        return _said(lambda: model.scoring_flops(tasks))
    x = torch.zeros(model.replicas, 2, *model.features)
    random = ReplicaRandom([0] * model.replicas, "flops")
    counted = _said(lambda: products_of(lambda: model.loss(x, random)))
    return None if counted is None else counted // (2 * model.replicas)


def training_flops(model: Model, samples: Sequence[int], replicas: int) -> int | None:
    """Count the floating-point operations of training, over all replicas.

    Samples × 3 × `forward_flops`; for a model that learns in closed form, see
    `ClosedForm.learning_flops`.

    Args:
        model: on the CPU.
        samples: number of training samples in each task, of all replicas.
    """
    if isinstance(model, ClosedForm):
        return _said(lambda: model.learning_flops(samples, replicas))
    forward = forward_flops(model)
    return None if forward is None else sum(samples) * PASSES * forward


def products_of(compute: Callable[[], object]) -> int:
    """Count the operations of the matrix products and convolutions of a computation."""
    with _ProductCounter() as counter, torch.no_grad():
        compute()
    return counter.operations


class _ProductCounter(TorchDispatchMode):
    """Count the operations of products within it, by PyTorch's formulas.

    `FlopCounterMode` does the same, but imports the compiler, which takes as long as PyTorch.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        self.operations += _operations(func.overloadpacket, args, kwargs or {}, out)
        return out


# Where the two matrices stand among the arguments.
_FACTORS = {_aten.mm: (0, 1), _aten.bmm: (0, 1), _aten.addmm: (1, 2), _aten.baddbmm: (1, 2)}
_OTHER_PRODUCTS = ("mm", "conv", "attention")


def _operations(operator: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> int:
    """Count the operations of one operator, by the formulas of `torch.utils.flop_counter`.

    Its table imports Triton, which takes 0.1 s, and is asked only about products of other kinds.
    """
    if operator in _FACTORS:
        first, second = (args[place] for place in _FACTORS[operator])
        return 2 * first.numel() * second.shape[-1]
    if operator is _aten.convolution:
        x, weight, is_transposed = args[0], args[1], args[6]
        places = math.prod((x if is_transposed else out).shape[2:])
        return 2 * len(x) * places * weight.numel()
    if not any(part in operator.__name__ for part in _OTHER_PRODUCTS):
        return 0
    from torch.utils.flop_counter import flop_registry

    formula = flop_registry.get(operator)
    return 0 if formula is None else formula(*args, **kwargs, out_val=out)


def _said(count: Callable[[], int | None]) -> int | None:
    try:
        return count()
    except Exception:  # a user's model; no run fails because its cost is unknown
        return None
