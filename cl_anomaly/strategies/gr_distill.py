"""Generative Replay with the previous model's outputs as targets."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from cl_anomaly.models import Model
from cl_anomaly.models.base import GENERATE, HIDDEN, RECONSTRUCT, Generator
from cl_anomaly.models.shared.autoencoder import check_weight
from cl_anomaly.scenarios.class_stream import Task
from cl_anomaly.strategies.gr import GenerativeReplay
from cl_anomaly.strategies.shared.kept import frozen
from cl_anomaly.strategies.shared.ratio import replayed_count
from cl_anomaly.strategies.shared.teacher import distance


class GRDistill(GenerativeReplay):
    """Generative Replay with distillation: replayed samples should give what they gave before.

    Van de Ven & Tolias, "Generative replay with feedback connections as a general strategy for
    continual learning" (2018), "DGR+distill", for a model that reconstructs: to the own loss of
    each replayed sample comes λ (½ ‖x̂ − x̂′‖² + κ ½ ‖z − z′‖²), with the reconstruction x̂′ and the
    code z′ by the whole model frozen after the last task, which also makes the samples.

    Args:
        ratio: replayed samples for each new one. "proportional" replays one for each past task.
        lam: λ, the weight of the distance.
        codes: κ, the weight of the codes in it.
    """

    name = "gr-distill"
    needs = frozenset({GENERATE, RECONSTRUCT, HIDDEN})

    def __init__(
        self,
        ratio: float | Literal["proportional"] = "proportional",
        lam: float = 10.0,
        codes: float = 1.0,
    ) -> None:
        super().__init__(ratio)
        check_weight("lam", lam)
        check_weight("codes", codes)
        self.lam, self.codes = lam, codes

    @property
    def _teacher(self) -> Model | None:
        return self.kept.module("model", lambda: self.model)

    @property
    def previous(self) -> Generator | None:
        """The decoder of the task before, in its model."""
        return None if (teacher := self._teacher) is None else teacher.generator()

    def penalty(self, x: Tensor) -> Tensor | float:
        """Return λ times the replayed samples' distance from the previous model's outputs.

        As the loss, it is a mean over the whole batch, in which the new samples count 0.
        """
        if (teacher := self._teacher) is None:
            return 0.0
        distances = distance(self.model, teacher, x[:, self._new(x.shape[1]) :], self.codes)
        return self.lam * distances.sum(1) / x.shape[1]

    def _new(self, extended: int) -> int:
        """Count how many samples of an extended batch are new: `extend` puts them first."""
        past = self.task_number - 1
        counts = (new + replayed_count(self.ratio, past, new) for new in range(1, extended))
        return 1 + list(counts).index(extended)

    def after_task(self, tasks: Sequence[Task]) -> None:
        """Freeze a copy of the model as it is now."""
        self.kept["model"] = frozen(self.model)
