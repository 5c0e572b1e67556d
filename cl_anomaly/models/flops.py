"""How many floating-point operations a model takes."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from cl_anomaly.models.base import Model
from cl_anomaly.randomness import ReplicaRandom

PASSES = 3
"""Forward passes that a training step costs: its own, and a backward pass, which is two."""


def forward_flops(model: Model) -> int | None:
    """Count the floating-point operations of the loss of one sample in one replica.

    Those of matrix products and convolutions: a multiplication and an addition are two. All others
    are few beside them. A sample trained on is taken for three times as many (Kaplan et al.,
    "Scaling Laws for Neural Language Models", 2020, section 2.1: backward is twice forward).

    Args:
        model: on the processor.

    Returns:
        The number; None of a model that cannot take two samples of zeros.
    """
    x = torch.zeros(model.replicas, 2, *model.features)
    random = ReplicaRandom([0] * model.replicas, "flops")
    try:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model.loss(x, random)
    except Exception:  # of a model from outside; no run fails by what it is known to cost
        return None
    return counter.get_total_flops() // (2 * model.replicas)
