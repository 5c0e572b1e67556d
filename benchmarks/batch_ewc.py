"""EWC with the Fisher information of whole batches, as Avalanche 0.6 computes it."""

from collections.abc import Sequence

import torch

from cl_anomaly import Task
from cl_anomaly.strategies.ewc import EWC
from cl_anomaly.strategies.shared.weights import weights_now


class BatchEWC(EWC):
    """EWC with squared gradients of batches: a different number, which the batch size changes.

    Avalanche (JMLR 2023) has no ½ in its penalty: half its λ is the same.

    Args:
        lam: λ, the weight of the penalty.
        batch_size: of the batches whose gradients are squared.
    """

    name = "batch-ewc"

    def __init__(self, lam: float = 1000.0, batch_size: int = 64) -> None:
        super().__init__(lam)
        self.batch_size = batch_size

    def after_task(self, tasks: Sequence[Task]) -> None:
        """Add the mean over the batches, the last one as small as it is."""
        indices = torch.stack([task.indices for task in tasks])
        names, weights = zip(*self.model.named_parameters(), strict=True)
        batches = indices.split(self.batch_size, dim=1)
        sums = [torch.zeros_like(weight) for weight in weights]
        for batch in batches:
            x = self.samples.batch(batch)
            loss = self.model.loss(x, self.random).mean(1).sum()
            for total, gradient in zip(sums, torch.autograd.grad(loss, weights), strict=True):
                total += gradient.square()
        fisher = self.kept.setdefault("fisher", {})
        for name, total in zip(names, sums, strict=True):
            fisher[name] = fisher.get(name, 0) + total / len(batches)
        self.kept["anchor"] = weights_now(self.model)
