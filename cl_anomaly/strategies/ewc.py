"""Elastic Weight Consolidation."""

from collections.abc import Sequence

from torch import Tensor

from cl_anomaly.core.errors import InputError
from cl_anomaly.models.shared.fisher import fisher_diagonal
from cl_anomaly.scenarios.class_stream import Task
from cl_anomaly.strategies.base import Strategy
from cl_anomaly.strategies.shared.weights import of_kind, prefixed, squared_distance, weights_now


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
        self.fisher: dict[str, Tensor] = {}
        self.anchor: dict[str, Tensor] = {}

    def penalty(self, x: Tensor) -> Tensor | float:
        """Return ½ λ Σ_k F_k (θ_k − θ*_k)² of each replica."""
        if not self.fisher:
            return 0.0
        return 0.5 * self.lam * squared_distance(self.model, self.anchor, self.fisher)

    def after_task(self, tasks: Sequence[Task]) -> None:
        """Add this task's Fisher information, and hold the weights as they are now."""
        indices = [task.indices for task in tasks]
        fisher = fisher_diagonal(self.model, self.samples, indices, self.random)
        for name in fisher:
            if name in self.fisher:
                fisher[name] += self.decay * self.fisher[name]
        self.fisher, self.anchor = fisher, weights_now(self.model)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the Fisher information and the weights it belongs to."""
        return prefixed(fisher=self.fisher, anchor=self.anchor)

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take both back."""
        self.fisher, self.anchor = of_kind(state, "fisher"), of_kind(state, "anchor")
