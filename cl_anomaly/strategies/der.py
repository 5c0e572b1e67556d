"""Dark Experience Replay."""

import torch
from torch import Tensor

from cl_anomaly.models.base import RECONSTRUCT
from cl_anomaly.models.shared.autoencoder import check_weight
from cl_anomaly.strategies.replay import Replay

# Samples whose outputs are computed at once, to be stored.
_CHUNK = 250


class DER(Replay):
    """DER++: stored samples should give what they gave when they were stored, and a low loss.

    Buzzega et al., "Dark Experience for General Continual Learning" (NeurIPS 2020), eq. 6: the loss
    of the new samples + α ‖h(x′) − z′‖² + β ℓ(x″), with x′, z′ and x″ drawn from a reservoir, z′
    the output that was stored with x′. Outputs are reconstructions, stored as float32. The
    reservoir is filled when a task ends, with the outputs of the model of then; in the paper while
    it trains.

    Args:
        samples: how many each replica keeps, with their outputs.
        memory_bytes: how many bytes each replica keeps, in place of `samples`.
        alpha: α, weight of the distance to the stored outputs, summed over the features.
        beta: β, weight of the stored samples' own loss.
    """

    name = "der"
    needs = frozenset({RECONSTRUCT})
    needs_boundaries = False

    def __init__(
        self,
        samples: int = 500,
        memory_bytes: int | None = None,
        alpha: float = 1.0,
        beta: float = 1.0,
    ) -> None:
        super().__init__(samples, memory_bytes, ratio=1.0)
        check_weight("alpha", alpha)
        check_weight("beta", beta)
        self.alpha, self.beta = alpha, beta

    def _bytes_each(self) -> int:
        return super()._bytes_each() + 4 * self.samples.stored[0].numel()

    def extend(self, x: Tensor) -> Tensor:
        """Leave the batch as it is."""
        return x

    def penalty(self, x: Tensor) -> Tensor | float:
        """Return α ‖h(x′) − z′‖² + β ℓ(x″) of each replica, for as many of each as x has."""
        if not self.reservoir:
            return 0.0
        slots = self.reservoir.draw(x.shape[1], self.random)
        stored = self.samples.scaled(self.reservoir.take("samples", slots))
        distance = self.model.reconstruct(stored).means - self.reservoir.take("outputs", slots)
        others = self.model.loss(self._drawn(x.shape[1]), self.random)
        distances = distance.square().flatten(2).sum(2).mean(1)
        return self.alpha * distances + self.beta * others.mean(1)

    @torch.no_grad()
    def _store(self, places: Tensor, is_new: Tensor) -> None:
        """Store samples with what the model makes of them."""
        super()._store(places, is_new)
        parts = [self.samples.batch(part) for part in places.split(_CHUNK, dim=1)]
        means = torch.cat([self.model.reconstruct(x).means for x in parts], dim=1)
        self.reservoir.put("outputs", means, is_new)
