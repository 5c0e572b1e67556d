"""The Weibull distribution of the largest distances."""

import torch
from torch import Tensor

_ITERATIONS = 50
_SMALLEST, _LARGEST = 1e-2, 1e4  # shapes; beyond them, all values are the same or nothing alike


def fit_weibull(values: Tensor, counted: Tensor) -> Tensor:
    """Fit a Weibull distribution that begins at 0, by maximum likelihood.

    The shape k solves Σ xᵏ ln x / Σ xᵏ − 1/k = mean of ln x, by Newton's steps; the scale is
    (mean of xᵏ)^(1/k). Rinne, "The Weibull Distribution" (2008), section 11.2.

    Args:
        values: x, (..., n), 0 or more; below 1e-12 they count as 1e-12.
        counted: (..., n), bool, which of them are fitted; one or more in each row.

    Returns:
        Shape and scale, (..., 2), float64.
    """
    number = counted.sum(-1, keepdim=True).double()
    # In units of the largest, so that no power overflows.
    x = values.double().clamp(min=1e-12)
    unit = torch.where(counted, x, 0.0).amax(-1, keepdim=True)
    logs = torch.where(counted, (x / unit).log(), 0.0)
    mean = logs.sum(-1, keepdim=True) / number
    spread = (
        torch.where(counted, (logs - mean).square(), 0.0).sum(-1, keepdim=True) / number
    ).sqrt()
    shape = (1.2825 / spread).clamp(_SMALLEST, _LARGEST)  # π/√6, by moments
    for _ in range(_ITERATIONS):
        powers = torch.where(counted, (shape * logs).exp(), 0.0)
        total = powers.sum(-1, keepdim=True)
        first = (powers * logs).sum(-1, keepdim=True) / total
        second = (powers * logs.square()).sum(-1, keepdim=True) / total
        step = (first - 1 / shape - mean) / (second - first.square() + 1 / shape.square())
        shape = torch.maximum(shape - step, shape / 2).clamp(_SMALLEST, _LARGEST)
    powers = torch.where(counted, (shape * logs).exp(), 0.0)
    scale = unit * (powers.sum(-1, keepdim=True) / number) ** (1 / shape)
    return torch.cat([shape, scale], dim=-1)


def tail_of(codes: Tensor, counted: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Fit a Weibull distribution to the largest distances of codes from their mean.

    Args:
        codes: (R, n, code).
        counted: (R, n), bool, which of them count; one or more of each replica.
        share: of the distances, those that are fitted, rounded up.

    Returns:
        The mean, (R, code), and the shape and scale, (R, 2), float32.
    """
    number = counted.sum(1, keepdim=True)
    mean = (codes * counted[..., None]).sum(1) / number
    distances = (codes - mean[:, None]).norm(dim=2).masked_fill(~counted, -1)
    rank = distances.argsort(dim=1, descending=True).argsort(dim=1)
    return mean, fit_weibull(distances, rank < (share * number).ceil()).float()


def weibull_cdf(values: Tensor, shape: Tensor, scale: Tensor) -> Tensor:
    """Return 1 − exp(−(x / scale)^shape), of the values' shape."""
    return -torch.expm1(-((values / scale) ** shape))
