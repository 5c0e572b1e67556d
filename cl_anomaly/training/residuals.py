"""What a decoder's means leave out of real samples, so that what is recalled can be like these."""

from collections.abc import Iterable

import torch
from torch import Tensor

from cl_anomaly.core.randomness import Draws
from cl_anomaly.models.base import Reconstruction

_LEVELS = 101
_TINY = 1e-12


class Residuals:
    """How real samples differ from their reconstructions, of each task while it is there.

    Decoder means are smoother than real samples and score lower. A residual is drawn for each:
    e = ρ σ u, where u is a direction of N(0, I) with a mean square of 1, σ² are the mean squares of
    each feature's residuals over all tasks, and ρ is drawn from the tasks' own root mean squares of
    e / σ, of which quantiles are kept. Real residuals have far heavier tails than N(0, σ²), and
    tails are what thresholds are made of.

    Attributes:
        kept: `squares`, (R, *features), the mean over the tasks; and `radii`, (R, T, 101),
            quantiles of each task's ρ. Empty for none.
    """

    def __init__(self) -> None:
        self.kept: dict[str, Tensor] = {}

    def learn(self, batches: Iterable[tuple[Reconstruction, Tensor]]) -> None:
        """Keep those of a task that has just been learnt.

        Args:
            batches: of samples that were kept aside of it, see `Score.learn`.
        """
        parts = [(output.x - output.means, counts) for output, counts in batches]
        residuals, counts = (torch.cat(own, dim=1) for own in zip(*parts, strict=True))
        each = [own[which] for own, which in zip(residuals, counts, strict=True)]
        squares = torch.stack([own.square().mean(0) for own in each])
        radii = self.kept.get("radii", squares.new_zeros(len(squares), 0, _LEVELS))
        tasks = radii.shape[1]
        if tasks:
            before = self.kept["squares"]
            squares = (tasks * before + squares) / (tasks + 1)
            # σ is another now; the residuals of earlier tasks stay as large as they were.
            ratios = before / squares.clamp(min=_TINY)
            radii = radii * ratios.flatten(1).mean(1).sqrt()[:, None, None]
        scales = squares.clamp(min=_TINY).sqrt()
        levels = torch.linspace(0, 1, _LEVELS, device=squares.device)
        own = [
            (e / scale).flatten(1).square().mean(1).sqrt().quantile(levels)
            for e, scale in zip(each, scales, strict=True)
        ]
        self.kept = {
            "squares": squares,
            "radii": torch.cat([radii, torch.stack(own)[:, None]], dim=1),
        }

    def added_to(self, x: Tensor, random: Draws) -> Tensor:
        """Return recalled samples (R, n, *features) with a residual for each."""
        if not self.kept:
            return x
        radii = self.kept["radii"].flatten(1)
        drawn = radii.gather(1, random.integers(radii.shape[1], x.shape[1]))
        noise = random.normal(x.shape[1], *x.shape[2:])
        drawn = drawn / noise.flatten(2).square().mean(2).sqrt()
        noise = noise * self.kept["squares"].sqrt()[:, None]
        return x + noise * drawn.view(*drawn.shape, *[1] * (x.dim() - 2))
