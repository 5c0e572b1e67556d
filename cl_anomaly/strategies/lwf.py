"""Learning without Forgetting."""

from collections.abc import Sequence

from torch import Tensor

from cl_anomaly.models import Model
from cl_anomaly.models.base import HIDDEN, RECONSTRUCT
from cl_anomaly.models.shared.autoencoder import check_weight
from cl_anomaly.scenarios.class_stream import Task
from cl_anomaly.strategies.base import Strategy
from cl_anomaly.strategies.shared.teacher import distance, frozen


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
        self.previous: Model | None = None

    def penalty(self, x: Tensor) -> Tensor | float:
        """Return λ times the mean distance from the previous model's outputs."""
        if self.previous is None:
            return 0.0
        return self.lam * distance(self.model, self.previous, x, self.codes).mean(1)

    def after_task(self, tasks: Sequence[Task]) -> None:
        """Freeze a copy of the model as it is now."""
        self.previous = frozen(self.model)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the previous model's weights."""
        return dict(self.previous.state_dict()) if self.previous else {}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Make the previous model from its weights."""
        self.previous = frozen(self.model)
        self.previous.load_state_dict(state)
