"""L2 towards the weights of the task before."""

from collections.abc import Sequence

from torch import Tensor

from cl_anomaly.models.shared.autoencoder import check_weight
from cl_anomaly.scenarios.class_stream import Task
from cl_anomaly.strategies.base import Strategy
from cl_anomaly.strategies.shared.weights import squared_distance, weights_now


class L2(Strategy):
    """L2 towards the last task's weights: hold every weight where it was, all with the same force.

    Kirkpatrick et al., "Overcoming catastrophic forgetting in neural networks" (PNAS 2017), compare
    EWC with it: ½ λ Σ_k (θ_k − θ*_k)², which is their eq. 3 with F = 1.

    Args:
        lam: λ, the weight of the penalty.
    """

    name = "l2"

    def __init__(self, lam: float = 1.0) -> None:
        check_weight("lam", lam)
        self.lam = lam

    def penalty(self, x: Tensor) -> Tensor | float:
        """Return ½ λ Σ_k (θ_k − θ*_k)² of each replica."""
        if "anchor" not in self.kept:
            return 0.0
        return 0.5 * self.lam * squared_distance(self.model, self.kept["anchor"])

    def after_task(self, tasks: Sequence[Task]) -> None:
        """Hold the weights as they are now."""
        self.kept["anchor"] = weights_now(self.model)
