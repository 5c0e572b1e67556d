"""Memory Aware Synapses."""

from collections.abc import Sequence

from torch import Tensor

from cl_anomaly.models.base import RECONSTRUCT
from cl_anomaly.models.shared.autoencoder import check_weight
from cl_anomaly.models.shared.fisher import absolute_gradients, mean_over_samples
from cl_anomaly.scenarios.class_stream import Task
from cl_anomaly.strategies.base import Strategy
from cl_anomaly.strategies.shared.weights import squared_distance, weights_now


class MAS(Strategy):
    """Memory Aware Synapses: hold each weight as firmly as the output depends on it.

    Aljundi et al., "Memory Aware Synapses: Learning what (not) to forget" (ECCV 2018), eq. 2 to 4
    and section 4.1: Ω_k = 1/N Σ_n |∂‖F(x_n)‖² / ∂θ_k|, the gradient of each sample by itself,
    summed over the tasks; the penalty is λ Σ_k Ω_k (θ_k − θ*_k)². F(x) is the reconstruction.

    Args:
        lam: λ, the weight of the penalty.
    """

    name = "mas"
    needs = frozenset({RECONSTRUCT})

    def __init__(self, lam: float = 10.0) -> None:
        check_weight("lam", lam)
        self.lam = lam

    def penalty(self, x: Tensor) -> Tensor | float:
        """Return λ Σ_k Ω_k (θ_k − θ*_k)² of each replica."""
        if "importance" not in self.kept:
            return 0.0
        anchor, importance = self.kept["anchor"], self.kept["importance"]
        return self.lam * squared_distance(self.model, anchor, importance)

    def after_task(self, tasks: Sequence[Task]) -> None:
        """Add this task's importance, and hold the weights as they are now."""
        indices = [task.indices for task in tasks]
        importance = mean_over_samples(self.samples, indices, self._sums)
        for name, before in self.kept.get("importance", {}).items():
            importance[name] = before + importance[name]
        self.kept["importance"], self.kept["anchor"] = importance, weights_now(self.model)

    def _sums(self, x: Tensor, real: Tensor) -> dict[str, Tensor]:
        def norms() -> Tensor:
            return self.model.reconstruct(x).means.square().flatten(2).sum(2) * real

        return absolute_gradients(self.model, norms)
