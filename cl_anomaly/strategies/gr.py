"""Generative Replay."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from cl_anomaly.models.base import GENERATE, Generator
from cl_anomaly.scenarios.class_stream import Task
from cl_anomaly.strategies.base import Strategy
from cl_anomaly.strategies.shared.kept import frozen
from cl_anomaly.strategies.shared.ratio import Ratio, checked_ratio, replayed_count


class GenerativeReplay(Strategy):
    """Generative Replay: join each batch with samples from the decoder of the task before.

    Wiewel & Yang, "Continual Learning for Anomaly Detection with Variational Autoencoder" (ICASSP
    2019), section 3: x̂ = means of p(x|z) under the decoder frozen after the last task, z ~ N(0, I).
    The idea is Shin et al.'s, "Continual Learning with Deep Generative Replay" (NeurIPS 2017).

    Args:
        ratio: replayed samples for each new one. "proportional" replays one for each past task,
            so that every past task weighs what the new one does.
    """

    name = "gr"
    needs = frozenset({GENERATE})

    def __init__(self, ratio: float | Literal["proportional"] = "proportional") -> None:
        self.ratio: Ratio = checked_ratio(ratio)

    @property
    def previous(self) -> Generator | None:
        """The decoder of the task before."""
        return self.kept.module("decoder", self.model.generator)

    def extend(self, x: Tensor) -> Tensor:
        """Append replayed samples."""
        if (previous := self.previous) is None:
            return x
        count = replayed_count(self.ratio, self.task_number - 1, x.shape[1])
        return torch.cat([x, self._replayed(count, previous)], dim=1)

    def recall(self, count: int) -> Tensor | None:
        """Return samples as they are replayed."""
        previous = self.previous
        return None if previous is None else self._replayed(count, previous)

    @torch.no_grad()
    def _replayed(self, count: int, previous: Generator) -> Tensor:
        """Return what the previous decoder makes of z ~ N(0, I), (R, count, *features)."""
        return previous.generate(count, self.random)

    def after_task(self, tasks: Sequence[Task]) -> None:
        """Keep what generates, as it is now."""
        self.kept["decoder"] = frozen(self.model.generator())
