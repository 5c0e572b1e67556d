"""The distance from an earlier model, which teaches the one in training."""

import torch
from torch import Tensor

from cl_anomaly.models import Model


def distance(model: Model, teacher: Model, x: Tensor, codes: float) -> Tensor:
    """Return the distance of a model's outputs from a teacher's, ½ ‖x̂ − x̂′‖² + κ ½ ‖z − z′‖².

    Args:
        model: gives x̂, the reconstructions, and z, the codes (of a posterior, the means).
        teacher: gives x̂′ and z′; no gradients go there.
        x: (R, B, *features).
        codes: κ.

    Returns:
        (R, B).
    """
    with torch.no_grad():
        wanted = teacher.reconstruct(x)
        means, code = wanted.means, wanted.hidden[-1]
    given = model.reconstruct(x)
    result = 0.5 * (given.means - means).square().flatten(2).sum(2)
    return result + 0.5 * codes * (given.hidden[-1] - code).square().sum(2)
