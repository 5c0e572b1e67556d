"""Scores that compare hidden activations of samples and of what the model makes of them: RaPP.

Kim et al., "RaPP: Novelty Detection with Reconstruction along Projection Pathway" (ICLR 2020). The
sample x and its reconstruction x̂ go through the encoder; d(x) holds the differences x − x̂ of the
input, of every hidden layer's activations, and of the code.
"""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from cl_anomaly.models.base import HIDDEN, RECONSTRUCT, Reconstruction
from cl_anomaly.scores.base import LearntScore, Score


def differences(output: Reconstruction) -> Tensor:
    """Return d(x), (R, B, D): D = features of a sample, all hidden units, and the code together."""
    pairs = zip(output.hidden, output.hidden_of_means, strict=True)
    own = [(output.x - output.means).flatten(2), *((a - b).flatten(2) for a, b in pairs)]
    return torch.cat(own, dim=2)


class SAP(Score):
    """Squared distance of x and x̂ along the encoder: input, hidden activations and code (RaPP).

    Kim et al. (ICLR 2020), simple aggregation along pathway: Σₗ ‖hₗ(x) − hₗ(x̂)‖², where h₀(x) = x.
    """

    name = "sap"
    needs = frozenset({HIDDEN, RECONSTRUCT})
    is_cheap = False
    passes = 2.0

    def __call__(self, output: Any) -> Tensor:  # noqa: D102
        return differences(output).square().sum(2)


class NAP(LearntScore):
    """Distance of SAP, normalised by the training differences' singular values (RaPP).

    Kim et al. (ICLR 2020), normalised aggregation along pathway:
    ‖(d(x) − μ)ᵀ V Σ⁻¹‖², where μ is the mean of the n training differences and U Σ Vᵀ the singular
    value decomposition of their matrix about it. Here it is n times that, the squared Mahalanobis
    distance, so that it does not shrink as samples arrive. Directions in which the training
    differences have no spread that float32 could tell from none (a singular value of at most
    D · 1.2e-7 times the largest) do not count: the code, for one, is linear in the last hidden
    units. With fewer samples than D, all that lies beyond them does not count either.

    All tasks share one decomposition. A task's own joins it without past data: V, Σ, n and μ hold
    the sum of squares about the mean, and two such sums give the sum about the common mean (Chan et
    al., "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979). The
    differences of earlier tasks stay as the model gave them then.
    """

    name = "nap"
    needs = frozenset({HIDDEN, RECONSTRUCT})
    passes = 2.0
    statistics = "D² + 2 D + 1, D = features + hidden units + code"

    @torch.no_grad()
    def learn(self, batches: Iterable[tuple[Reconstruction, Tensor]]) -> None:  # noqa: D102
        count, mean, scatter = _moments(batches)
        if self._kept:
            old_count, old_mean = self._kept["count"].double(), self._kept["mean"].double()
            axes, lengths = self._kept["axes"].double(), self._kept["singular_values"].double()
            total, step = count + old_count, mean - old_mean
            scatter += (axes * lengths.square()[:, None]) @ axes.mT
            between = (count * old_count / total)[:, None, None]
            scatter += between * step[:, :, None] * step[:, None]
            mean, count = old_mean + step * (count / total)[:, None], total
        # Of a replica that has failed nothing is finite, and no decomposition would be found.
        squares, axes = torch.linalg.eigh(scatter.nan_to_num(0.0, 0.0, 0.0))
        self._kept = {
            "count": count.float(),
            "mean": mean.float(),
            "axes": axes.float().contiguous(),
            "singular_values": squares.clamp(min=0).sqrt().float(),
        }

    def __call__(self, output: Any) -> Tensor:  # noqa: D102
        lengths, mean = self._statistic("singular_values"), self._statistic("mean")
        root = self._statistic("count").sqrt()[:, None]
        # Below σ₁ D ε, `numpy.linalg.matrix_rank`'s floor, a direction is rounding. So it is below
        # √n ‖μ‖ √D ε: a float32 product rounds a row by its place in the batch, in proportion
        # to its values and not to how they vary, so that the same sample n times differs from
        # itself. Errors of D terms grow as √D ε (Higham & Mary, "A New Approach to Probabilistic
        # Rounding Error Analysis", 2019).
        size, eps = lengths.shape[1], torch.finfo(torch.float32).eps
        by_values = root * mean.norm(dim=1, keepdim=True) * math.sqrt(size)
        least = eps * torch.maximum(lengths.amax(1, keepdim=True) * size, by_values)
        scales = torch.where(lengths > least, root / lengths, 0.0)
        centred = differences(output) - mean[:, None]
        return ((centred @ self._statistic("axes")) * scales[:, None]).square().sum(2)


def _moments(batches: Iterable[tuple[Reconstruction, Tensor]]) -> tuple[Tensor, Tensor, Tensor]:
    """Return count (R,), mean (R, D), and Σ (d − mean)(d − mean)ᵀ (R, D, D), in float64."""
    sums: list[Tensor] = []
    for output, counts in batches:
        own = differences(output).double()
        replicas, _, size = own.shape
        if not sums:
            # Sums about a point near the mean lose no digits when the mean is taken off.
            shapes = (replicas,), (replicas, size), (replicas, size, size)
            sums = [own[:, :1].clone(), *map(own.new_zeros, shapes)]
        about, count, total, squares = sums
        own = (own - about) * counts[..., None]
        count += counts.sum(1)
        total += own.sum(1)
        # In place: what is added to is far larger than what is multiplied.
        squares.baddbmm_(own.mT, own)
    about, count, total, squares = sums
    shift = total / count[:, None]
    squares -= count[:, None, None] * shift[:, :, None] * shift[:, None]
    return count, about[:, 0] + shift, squares
