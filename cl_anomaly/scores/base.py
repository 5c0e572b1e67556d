"""The base class of anomaly scores: one number for each sample, higher is more anomalous."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from torch import Tensor

from cl_anomaly.core.errors import InputError
from cl_anomaly.models.base import Reconstruction


class Score:
    """An anomaly score. Subclasses describe themselves in one line of docstring.

    Attributes:
        name: its name for `--score`.
        needs: abilities that a model must have, see `models.base.ABILITIES`.
        is_cheap: whether the one pass that all scores share is enough; such scores are always
            recorded.
        passes: cost for each sample, in forward passes through the model. Encoder and decoder
            count as half a pass each, a backward pass as two.
        statistics: memory for each replica, in numbers of 4 bytes; empty for none.
    """

    name: ClassVar[str]
    needs: ClassVar[frozenset[str]] = frozenset()
    is_cheap: ClassVar[bool] = True
    passes: ClassVar[float] = 1.0
    statistics: ClassVar[str] = ""

    def __call__(self, output: Any) -> Tensor:
        """Score samples from a `models.base.Reconstruction`: (R, B), float32."""
        raise NotImplementedError(f"{type(self).__name__} should define `__call__`.")

    def learn(self, batches: Iterable[tuple[Reconstruction, Tensor]]) -> None:
        """Record statistics of the task just learnt; by default none.

        Args:
            batches: the task's samples, each batch with a mask (R, B), bool. Replicas with shorter
                tasks repeat samples, and the mask leaves the repeated ones out.
        """

    def nearest(self, output: Any) -> Tensor:
        """Return the nearest and the second nearest task of each sample, if the score knows tasks.

        Returns:
            (R, B, 2), int64, tasks from 1; 0 if there is no second.
        """
        raise NotImplementedError(f"{type(self).__name__} does not know tasks.")

    def of_task(self, output: Any, tasks: Tensor) -> Tensor:
        """Score samples of known tasks, if the score can use them: (R, B), float32.

        Args:
            output: a `models.base.Reconstruction`.
            tasks: (R, B), int64, the task of each sample, from 1.
        """
        raise NotImplementedError(f"{type(self).__name__} cannot use a sample's task.")

    def state_dict(self) -> dict[str, Tensor]:
        """Return the statistics by name, the replica axis first; their bytes are its memory."""
        return {}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore what `state_dict` returned."""

    def bytes_kept(self) -> int:
        """Count the bytes of all replicas' statistics."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self.state_dict().values())

    @classmethod
    def learns(cls) -> bool:
        """Return whether it keeps statistics of each task."""
        return cls.learn is not Score.learn

    @classmethod
    def knows_tasks(cls) -> bool:
        """Return whether it knows the task nearest to a sample."""
        return cls.nearest is not Score.nearest

    @classmethod
    def can_be_told(cls) -> bool:
        """Return whether it can use a sample's known task."""
        return cls.of_task is not Score.of_task


class LearntScore(Score):
    """A score that keeps statistics as tensors in `_statistics`."""

    is_cheap = False

    def __init__(self) -> None:
        self._statistics: dict[str, Tensor] = {}

    def state_dict(self) -> dict[str, Tensor]:  # noqa: D102
        return dict(self._statistics)

    def load_state_dict(self, state: dict[str, Tensor]) -> None:  # noqa: D102
        self._statistics = dict(state)

    def _statistic(self, name: str) -> Tensor:
        """Look up a statistic.

        Raises:
            InputError: no task has been learnt.
        """
        if name not in self._statistics:
            raise InputError(
                f"Expected the score {self.name} to have learnt a task, but it has no statistics "
                f"yet. A run of this version with `--score {self.name}` keeps them."
            )
        return self._statistics[name]
