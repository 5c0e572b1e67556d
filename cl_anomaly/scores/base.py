"""What an anomaly score is: higher is more anomalous, always; one number for each sample."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from torch import Tensor

from cl_anomaly.core.errors import InputError
from cl_anomaly.models.base import Reconstruction


class Score:
    """An anomaly score. Subclass it, and say in a line of docstring what it is.

    Attributes:
        name: what `--score` calls it.
        needs: abilities of a model that it needs, see `models.base.ABILITIES`.
        is_cheap: whether it takes no more than the one pass that all scores share; such scores are
            always recorded.
        passes: what it costs for each sample alone, in forward passes through the model. Half of
            one through the encoder or the decoder; a backward pass counts as two.
        statistics: what it keeps for each replica, in numbers of 4 bytes; empty for nothing.
    """

    name: ClassVar[str]
    needs: ClassVar[frozenset[str]] = frozenset()
    is_cheap: ClassVar[bool] = True
    passes: ClassVar[float] = 1.0
    statistics: ClassVar[str] = ""

    def __call__(self, output: Any) -> Tensor:
        """Score samples.

        Args:
            output: a `models.base.Reconstruction`, with what the score needs.

        Returns:
            (R, B), float32; higher is more anomalous.
        """
        raise NotImplementedError(f"{type(self).__name__} should give scores.")

    def learn(self, batches: Iterable[tuple[Reconstruction, Tensor]]) -> None:
        """Keep statistics of a task that has just been learnt; by default none.

        Args:
            batches: of the task's own samples, each with what of it counts, (R, B), bool: replicas
                whose tasks are shorter have samples twice, and these do not count.
        """

    def nearest(self, output: Any) -> Tensor:
        """Describe which task each sample is nearest to, and second nearest, where the score knows.

        Returns:
            (R, B, 2), int64, tasks from 1; 0 where there is no second.
        """
        raise NotImplementedError(f"{type(self).__name__} knows of no tasks.")

    def of_task(self, output: Any, tasks: Tensor) -> Tensor:
        """Score samples whose task is known, where the score can make use of it.

        Args:
            output: a `models.base.Reconstruction`, with what the score needs.
            tasks: (R, B), int64, which task each sample belongs to, from 1.

        Returns:
            (R, B), float32; higher is more anomalous.
        """
        raise NotImplementedError(f"{type(self).__name__} cannot be told a sample's task.")

    def state_dict(self) -> dict[str, Tensor]:
        """Return the statistics by name: what resume needs, and whose bytes are the score's memory.

        The replica axis comes first.
        """
        return {}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take back what `state_dict` gave."""

    def bytes_kept(self) -> int:
        """Count the bytes of the statistics, of all replicas."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self.state_dict().values())

    @classmethod
    def learns(cls) -> bool:
        """Return whether it keeps statistics of each task."""
        return cls.learn is not Score.learn

    @classmethod
    def knows_tasks(cls) -> bool:
        """Return whether it knows which task a sample is nearest to."""
        return cls.nearest is not Score.nearest

    @classmethod
    def can_be_told(cls) -> bool:
        """Return whether it can make use of the task that a sample belongs to."""
        return cls.of_task is not Score.of_task


class LearntScore(Score):
    """A score that keeps statistics, which are tensors in `_kept`."""

    is_cheap = False

    def __init__(self) -> None:
        self._kept: dict[str, Tensor] = {}

    def state_dict(self) -> dict[str, Tensor]:  # noqa: D102
        return dict(self._kept)

    def load_state_dict(self, state: dict[str, Tensor]) -> None:  # noqa: D102
        self._kept = dict(state)

    def _statistic(self, name: str) -> Tensor:
        """Look up a statistic.

        Raises:
            InputError: no task has been learnt.
        """
        if name not in self._kept:
            raise InputError(
                f"Expected the score {self.name} to have learnt a task, but it has no statistics "
                f"yet. A run of this version with `--score {self.name}` keeps them."
            )
        return self._kept[name]
