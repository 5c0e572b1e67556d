"""The rules of `distances` for codes, with a Gaussian for each task.

Each score keeps the mean and covariance of a task's codes just after it was learnt, as
`mahalanobis` does. As in `GaussianConcepts`, a task whose codes coincide with an earlier one's
counts as the same. The Gaussians stay the same while the encoder changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor

from cl_anomaly.models.base import HIDDEN, Distances, Reconstruction
from cl_anomaly.models.shared.covariances import Moments
from cl_anomaly.models.shared.gaussian_concepts import GaussianConcepts
from cl_anomaly.models.shared.stored_covariances import Triangle
from cl_anomaly.scores.base import LearntScore
from cl_anomaly.scores.distances import (
    AutoMargin,
    Background,
    DistanceRule,
    LogMargin,
    Softmin,
)
from cl_anomaly.scores.gaussian import shrunk_covariance

# How much farther from the Gaussian they join than from their own, as a share.
_MERGE = 0.5
_OF_RULE = "rule."


class CodeDistances(Distances):
    """Distances of codes from each task's Gaussian."""

    def __init__(self, codes: Tensor, concepts: GaussianConcepts, tasks: int) -> None:
        super().__init__(codes)
        self._concepts, self._tasks = concepts, tasks

    @cached_property
    def distances(self) -> Tensor:
        """Squared Mahalanobis distances, (R, B, T)."""
        by_replica = [self._concepts.distances(f, r, self._tasks) for r, f in enumerate(self.x)]
        return torch.stack(by_replica)

    @property
    def left_out(self) -> Tensor:
        """The same, with each of the last task's samples left out of its Gaussian."""
        concepts = self._concepts
        each = [concepts.distances_left_out(f, r, self._tasks) for r, f in enumerate(self.x)]
        return torch.stack(each)

    @cached_property
    def background(self) -> Tensor:
        """Squared Mahalanobis distance from one Gaussian of all tasks, (R, B)."""
        return torch.stack([self._concepts.background(f, r) for r, f in enumerate(self.x)])


class CodeScore(LearntScore):
    """A score made of the distances of codes from each task's Gaussian."""

    needs = frozenset({HIDDEN})
    statistics = "(C² + 3 C) / 2 + 3 for each concept, 2 for each task"
    rule: ClassVar[type[DistanceRule]]

    def __init__(self) -> None:
        super().__init__()
        self._concepts: GaussianConcepts | None = None
        self._rule = self.rule()

    @torch.no_grad()
    def learn(self, batches: Iterable[tuple[Reconstruction, Tensor]]) -> None:  # noqa: D102
        parts = [(output.hidden[-1].flatten(2), counts) for output, counts in batches]
        codes, counts = (torch.cat(batch, dim=1) for batch in zip(*parts, strict=True))
        concepts, tasks = self._loaded(codes)
        for replica, (code, counted) in enumerate(zip(codes, counts, strict=True)):
            # A failed replica has no finite codes, and its covariance no inverse.
            x = code[counted].double().nan_to_num(0.0, 0.0, 0.0)
            moments = Moments(float(len(x)), x.mean(0), shrunk_covariance(x))
            if first := concepts.returned(replica, moments):
                concepts.join(replica, tasks + 1, first, [moments])
            else:
                concepts.add(replica, tasks + 1, [moments])
        self._statistics = concepts.state_dict()
        if self._rule.learns():
            self._rule.learn([(CodeDistances(codes, concepts, tasks + 1), counts)])
            self._statistics |= {
                f"{_OF_RULE}{k}": own for k, own in self._rule.state_dict().items()
            }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:  # noqa: D102
        super().load_state_dict(state)
        self._concepts, self._rule = None, self.rule()
        of_rule = {k.removeprefix(_OF_RULE): v for k, v in state.items() if k.startswith(_OF_RULE)}
        self._rule.load_state_dict(of_rule)

    def _loaded(self, codes: Tensor) -> tuple[GaussianConcepts, int]:
        """Return the Gaussians, and the number of tasks learnt."""
        if self._concepts is None:
            # The covariances were shrunk before they were stored.
            form = Triangle(codes.shape[2], "float32")
            concepts = GaussianConcepts(codes.shape[0], codes.shape[2], 0.0, _MERGE, form)
            self._concepts = concepts.to(codes.device)
            names = {name for name, _ in concepts.named_buffers()}
            if self._statistics:
                self._concepts.load_state_dict({name: self._statistics[name] for name in names})
        return self._concepts, self._concepts.joined.shape[1]

    def _distances(self, output: Any) -> CodeDistances:
        self._statistic("joined")
        codes = output.hidden[-1].flatten(2)
        return CodeDistances(codes, *self._loaded(codes))

    def __call__(self, output: Any) -> Tensor:  # noqa: D102
        return self._rule(self._distances(output))

    def nearest(self, output: Any) -> Tensor:  # noqa: D102
        return self._rule.nearest(self._distances(output))


class MahalanobisLogMargin(CodeScore):
    """The rule `log-margin` for the codes' distances from each task's Gaussian."""

    name = "mahalanobis-log-margin"
    rule = LogMargin


class MahalanobisSoftmin(CodeScore):
    """The rule `softmin` for the codes' distances from each task's Gaussian."""

    name = "mahalanobis-softmin"
    rule = Softmin


class MahalanobisBackground(CodeScore):
    """The rule `background` for the codes' distances from each task's Gaussian."""

    name = "mahalanobis-background"
    rule = Background


class MahalanobisAutoMargin(CodeScore):
    """The rule `auto-margin` for the codes' distances from each task's Gaussian."""

    name = "mahalanobis-auto-margin"
    statistics = "(C² + 3 C) / 2 + 3 for each concept, 3 for each task"
    rule = AutoMargin
