"""Elastic Weight Consolidation."""

from collections.abc import Sequence

from torch import Tensor

from cl_anomaly.core.errors import InputError
from cl_anomaly.models.shared.fisher import fisher_diagonal
from cl_anomaly.scenarios.class_stream import Task
from cl_anomaly.strategies.base import Strategy
from cl_anomaly.strategies.shared.weights import squared_distance, weights_now


class EWC(Strategy):
    """Elastic Weight Consolidation: hold each weight where it was, as firmly as it mattered.

    Kirkpatrick et al., "Overcoming catastrophic forgetting in neural networks" (PNAS 2017), eq. 3:
    ½ λ Σ_k F_k (θ_k − θ*_k)². F is the diagonal Fisher information from per-sample squared
    gradients of the loss, summed over the tasks with the weights θ* of the last one, so that memory
    does not grow with their number (Schwarz et al., "Progress & Compress", ICML 2018, section 3.2).

    Args:
        lam: λ, the weight of the penalty.
        decay: what the Fisher information of earlier tasks is multiplied by after each task.
    """

    name = "ewc"

    def __init__(self, lam: float = 1000.0, decay: float = 1.0) -> None:
        if not 0 <= lam < float("inf"):
            raise InputError(setting="lam", expected="to be 0 or more", got=lam)
        if not 0 <= decay <= 1:
            raise InputError(setting="decay", expected="to be between 0 and 1", got=decay)
        self.lam = lam
        self.decay = decay

    def penalty(self, x: Tensor) -> Tensor | float:
        """Return ½ λ Σ_k F_k (θ_k − θ*_k)² of each replica."""
        if "fisher" not in self.kept:
            return 0.0
        anchor, fisher = self.kept["anchor"], self.kept["fisher"]
        return 0.5 * self.lam * squared_distance(self.model, anchor, fisher)

    def after_task(self, tasks: Sequence[Task]) -> None:
        """Add this task's Fisher information, and hold the weights as they are now."""
        indices = [task.indices for task in tasks]
        fisher = fisher_diagonal(self.model, self.samples, indices, self.random)
        for name, before in self.kept.get("fisher", {}).items():
            fisher[name] += self.decay * before
        self.kept["fisher"], self.kept["anchor"] = fisher, weights_now(self.model)
