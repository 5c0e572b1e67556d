"""Generative Replay."""

import copy
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from cl_anomaly.models.base import GENERATE, Generator
from cl_anomaly.scenarios.class_stream import Task
from cl_anomaly.strategies.base import Strategy
from cl_anomaly.strategies.shared.ratio import Ratio, check_ratio, replayed_count


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
        check_ratio(ratio)
        self.ratio: Ratio = ratio
        self.previous: Generator | None = None

    def extend(self, x: Tensor) -> Tensor:
        """Append replayed samples."""
        if self.previous is None:
            return x
        count = replayed_count(self.ratio, self.task_number - 1, x.shape[1])
        return torch.cat([x, self._replayed(count, self.previous)], dim=1)

    def recall(self, count: int) -> Tensor | None:
        """Return samples as they are replayed."""
        return self._replayed(count, self.previous) if self.previous else None

    @torch.no_grad()
    def _replayed(self, count: int, previous: Generator) -> Tensor:
        """Return what the previous decoder makes of z ~ N(0, I), (R, count, *features)."""
        return previous.generate(count, self.random)

    def after_task(self, tasks: Sequence[Task]) -> None:
        """Keep what generates, as it is now."""
        self._keep_decoder()

    def _keep_decoder(self) -> None:
        self.previous = copy.deepcopy(self.model.generator()).requires_grad_(False)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the previous decoder's weights."""
        return dict(self.previous.state_dict()) if self.previous else {}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Make the previous decoder from its weights."""
        self._keep_decoder()
        if self.previous:
            self.previous.load_state_dict(state)
