"""Residuals of real samples, added to recalled ones, as these are means of a decoder."""

from collections.abc import Iterable

import torch
from torch import Tensor

from cl_anomaly.core.randomness import Draws
from cl_anomaly.models.base import Reconstruction

_LEVELS = 101
_TINY = 1e-12


class Residuals:
    """Differences of real samples from their reconstructions, learnt from each task.

    Decoder means are smoother than real samples and score lower. A residual is drawn for each:
    e = ρ σ u, with u a direction of N(0, I) with a mean square of 1, σ² the mean squares of each
    feature's residuals over all tasks, and ρ drawn from the tasks' own root mean squares of e / σ,
    of which quantiles are kept. Real residuals have far heavier tails than N(0, σ²), and thresholds
    depend on tails.

    Attributes:
        kept: `squares`, (R, *features), the mean over the tasks; and `radii`, (R, T, 101),
            quantiles of each task's ρ. Empty for none.
    """

    def __init__(self) -> None:
        self.kept: dict[str, Tensor] = {}

    def learn(self, batches: Iterable[tuple[Reconstruction, Tensor]]) -> None:
        """Learn from samples kept aside of a task that has just been learnt, see `Score.learn`."""
        parts = [(output.x - output.means, counts) for output, counts in batches]
        residuals, counts = (torch.cat(part, dim=1) for part in zip(*parts, strict=True))
        of_replicas = [e[counted] for e, counted in zip(residuals, counts, strict=True)]
        squares = torch.stack([e.square().mean(0) for e in of_replicas])
        radii = self.kept.get("radii", squares.new_zeros(len(squares), 0, _LEVELS))
        tasks = radii.shape[1]
        if tasks:
            before = self.kept["squares"]
            squares = (tasks * before + squares) / (tasks + 1)
            # σ has changed; the residuals of earlier tasks keep their size.
            ratios = before / squares.clamp(min=_TINY)
            radii = radii * ratios.flatten(1).mean(1).sqrt()[:, None, None]
        scales = squares.clamp(min=_TINY).sqrt()
        levels = torch.linspace(0, 1, _LEVELS, device=squares.device)
        new = [
            (e / scale).flatten(1).square().mean(1).sqrt().quantile(levels)
            for e, scale in zip(of_replicas, scales, strict=True)
        ]
        radii = torch.cat([radii, torch.stack(new)[:, None]], dim=1)
        self.kept = {"squares": squares, "radii": radii}

    def added_to(self, x: Tensor, random: Draws) -> Tensor:
        """Add a residual to each of the recalled samples (R, n, *features)."""
        if not self.kept:
            return x
        radii = self.kept["radii"].flatten(1)
        drawn = radii.gather(1, random.integers(radii.shape[1], x.shape[1]))
        noise = random.normal(x.shape[1], *x.shape[2:])
        drawn = drawn / noise.flatten(2).square().mean(2).sqrt()
        noise = noise * self.kept["squares"].sqrt()[:, None]
        return x + noise * drawn.view(*drawn.shape, *[1] * (x.dim() - 2))
