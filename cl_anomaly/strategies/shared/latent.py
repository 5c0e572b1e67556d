"""Codes of samples, and moments of their distribution."""

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
"""The posterior of a batch, and which of its samples count, (R, B), bool."""


def posteriors(model: Model, samples: Samples, indices: Sequence[Tensor]) -> Iterator[Counted]:
    """Yield the posteriors of each replica's own samples, see `scores.scoring.reconstructed`."""
    for output, real in reconstructed(model, samples, indices):
        yield posterior_of(output), real


def posterior_of(output: Reconstruction) -> Posterior:
    """Return a reconstruction by a model with the ability `posterior`, or raise RunError."""
    if not isinstance(output, Posterior):
        raise RunError(f"Expected a Posterior from the model, but got a {type(output).__name__}.")
    return output


def posterior_codes(outputs: Sequence[Posterior], random: Draws) -> Tensor:
    """Draw a code from each sample's posterior, (R, n, code), for batches of n samples in all.

    Numbers are drawn for full chunks, so that a replica sees the same beside longer tasks.
    """
    mean = torch.cat([output.mean for output in outputs], dim=1)
    deviation = torch.cat([(0.5 * output.log_variance).exp() for output in outputs], dim=1)
    count, size = mean.shape[1:]
    noise = [random.normal(_CHUNK, size) for _ in range(0, count, _CHUNK)]
    return mean + deviation * torch.cat(noise, dim=1)[:, :count]


def aggregate_posterior(parts: Iterable[Counted]) -> tuple[Tensor, Tensor]:
    """Return mean and covariance of the aggregate posterior 1/N Σ_n q(z|x_n) of N samples.

    The covariance is that of the posteriors' means + the mean of their variances.

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
