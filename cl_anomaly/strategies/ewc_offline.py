"""Elastic Weight Consolidation with a penalty for every task."""

from collections.abc import Sequence

import torch
from torch import Tensor

from cl_anomaly.models.shared.fisher import fisher_diagonal
from cl_anomaly.scenarios.class_stream import Task
from cl_anomaly.strategies.ewc import EWC
from cl_anomaly.strategies.shared.weights import weights_now


class EWCOffline(EWC):
    """EWC with a penalty for every task: hold each weight where every past task left it.

    Kirkpatrick et al., "Overcoming catastrophic forgetting in neural networks" (PNAS 2017), eq. 3
    for each task t: ½ λ Σ_t Σ_k F_tk (θ_k − θ*_tk)², with the Fisher information F_t and the
    weights θ*_t of its end. A sum of parabolas is one parabola (Huszár, PNAS 2018):
    Σ_t F_t (θ − θ*_t)² = F (θ − θ̄)² + c, with F = Σ_t F_t and θ̄ = Σ_t F_t θ*_t / F. These are kept
    in place of one pair for each task: the same penalty, in memory that does not grow.

    Args:
        lam: λ, the weight of the penalty.
    """

    name = "ewc-offline"

    def __init__(self, lam: float = 100.0) -> None:
        super().__init__(lam)

    def penalty(self, x: Tensor) -> Tensor | float:
        """Return ½ λ Σ_t Σ_k F_tk (θ_k − θ*_tk)² of each replica."""
        if "offset" not in self.kept:
            return 0.0
        return super().penalty(x) + 0.5 * self.lam * self.kept["offset"]

    def after_task(self, tasks: Sequence[Task]) -> None:
        """Add this task's parabola to that of the tasks before."""
        indices = [task.indices for task in tasks]
        fisher = fisher_diagonal(self.model, self.samples, indices, self.random)
        anchor = weights_now(self.model)
        if "offset" in self.kept:
            self._merge(fisher, anchor, self.kept["offset"])
        else:
            first = next(iter(anchor.values()))
            self.kept["offset"] = torch.zeros(len(first), device=first.device)
        self.kept["fisher"], self.kept["anchor"] = fisher, anchor

    def _merge(self, fisher: dict[str, Tensor], anchor: dict[str, Tensor], offset: Tensor) -> None:
        """Turn this task's parabolas into the sums of them and those before."""
        for name, own in fisher.items():
            before = self.kept["fisher"][name]
            total = own + before
            share = torch.where(total > 0, before / total, 0.0)
            apart = self.kept["anchor"][name] - anchor[name]
            offset += (own * share * apart.square()).flatten(1).sum(1)
            anchor[name] += share * apart
            fisher[name] = total
