"""Learning without Forgetting."""

from collections.abc import Sequence

from torch import Tensor

from cl_anomaly.models.base import HIDDEN, RECONSTRUCT
from cl_anomaly.models.shared.autoencoder import check_weight
from cl_anomaly.scenarios.class_stream import Task
from cl_anomaly.strategies.base import Strategy
from cl_anomaly.strategies.shared.kept import frozen
from cl_anomaly.strategies.shared.teacher import distance


class LwF(Strategy):
    """Learning without Forgetting: the new samples should give what the model before gave of them.

    Li & Hoiem, "Learning without Forgetting" (ECCV 2016), section 3, for a model that
    reconstructs: in place of class probabilities, λ (½ ‖x̂ − x̂′‖² + κ ½ ‖z − z′‖²) of each new
    sample, with the reconstruction x̂′ and the code z′ by the model frozen after the last task.

    Args:
        lam: λ, the weight of the distance.
        codes: κ, the weight of the codes in it.
    """

    name = "lwf"
    needs = frozenset({RECONSTRUCT, HIDDEN})

    def __init__(self, lam: float = 1.0, codes: float = 1.0) -> None:
        check_weight("lam", lam)
        check_weight("codes", codes)
        self.lam, self.codes = lam, codes

    def penalty(self, x: Tensor) -> Tensor | float:
        """Return λ times the mean distance from the previous model's outputs."""
        if (previous := self.kept.module("model", lambda: self.model)) is None:
            return 0.0
        return self.lam * distance(self.model, previous, x, self.codes).mean(1)

    def after_task(self, tasks: Sequence[Task]) -> None:
        """Freeze a copy of the model as it is now."""
        self.kept["model"] = frozen(self.model)
