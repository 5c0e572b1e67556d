"""Codes of samples, and what is kept of their distribution."""

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from cl_anomaly.core.errors import RunError
from cl_anomaly.core.randomness import Draws
from cl_anomaly.data.dataset import Samples
from cl_anomaly.models import Model
from cl_anomaly.models.base import Posterior, Reconstruction
from cl_anomaly.scores.scoring import reconstructed

_CHUNK = 1024

Counted = tuple[Posterior, Tensor]
"""What became of a batch, and what of it counts, (R, B), bool."""


def posteriors(
    model: Model, samples: Samples, indices: Sequence[Tensor]
) -> Iterator[tuple[Posterior, Tensor]]:
    """Pass each replica's own samples through the model, see `evaluation.scoring.reconstructed`."""
    for output, real in reconstructed(model, samples, indices):
        yield posterior_of(output), real


def posterior_of(output: Reconstruction) -> Posterior:
    """Take a reconstruction by a model with the ability `posterior` as one.

    Raises:
        RunError: it is none.
    """
    if not isinstance(output, Posterior):
        raise RunError(f"Expected a Posterior from the model, but got a {type(output).__name__}.")
    return output


def posterior_codes(outputs: Sequence[Posterior], random: Draws) -> Tensor:
    """Draw a code of each sample's posterior, (R, n, code).

    Args:
        outputs: n samples of each replica, in batches.
        random: draws for full chunks, so that a replica sees the same beside longer tasks.
    """
    mean = torch.cat([output.mean for output in outputs], dim=1)
    deviation = torch.cat([(0.5 * output.log_variance).exp() for output in outputs], dim=1)
    count, size = mean.shape[1:]
    noise = [random.normal(_CHUNK, size) for _ in range(0, count, _CHUNK)]
    return mean + deviation * torch.cat(noise, dim=1)[:, :count]


def aggregate_posterior(parts: Iterable[Counted]) -> tuple[Tensor, Tensor]:
    """Mean and covariance of the aggregate posterior 1/N Σ_n q(z|x_n).

    The covariance is that of the posteriors' means + the mean of their variances.

    Args:
        parts: N samples of each replica, in batches.

    Returns:
        (R, code) and (R, code, code), float64.
    """
    count, total, products = torch.tensor(0), torch.tensor(0.0), torch.tensor(0.0)
    for output, real in parts:
        mean, counted = output.mean.double(), real[..., None].double()
        variance = (output.log_variance.double().exp() * counted).sum(1)
        count = count + real.sum(1)[:, None].to(mean)
        total = total + (mean * counted).sum(1)
        products = products + (mean * counted).transpose(1, 2) @ mean + variance.diag_embed()
    mean = total / count
    return mean, products / count[..., None] - mean[..., None] * mean[..., None, :]
