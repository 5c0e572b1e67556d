"""What groups of replicas have learnt: weights, statistics of scores, and limits of tasks."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from cl_anomaly.data.dataset import Samples
from cl_anomaly.detector.blueprint import Blueprint
from cl_anomaly.models import Model
from cl_anomaly.scores import Score, make_scores
from cl_anomaly.scores.limits import TaskLimits
from cl_anomaly.training.groups import ReplicaGroups
from cl_anomaly.training.learning_scores import filled_up


class GroupStatistics:
    """The models, scores and limits of each group of replicas.

    Args:
        blueprint: says which replicas are a group.
        models: one for each group.
        learners: the groups as they learn; None if they only score.
        statistics: of groups that only score, as `statistics` returns them.
    """

    def __init__(
        self,
        blueprint: Blueprint,
        models: Sequence[Model],
        learners: ReplicaGroups | None,
        statistics: dict[str, Tensor],
    ) -> None:
        self._places, self._models = blueprint.places_of_groups(), models
        self._learners, self._statistics = learners and learners.learners, statistics

    @property
    def limits(self) -> list[TaskLimits]:
        """The limits of each group."""
        if self._learners is not None:
            return [learner.calibration.limits for learner in self._learners]
        groups = []
        for start, end in self._places:
            groups.append(TaskLimits())
            groups[-1].kept = self._part("limits.", start, end)
        return groups

    @property
    def has_limits(self) -> bool:
        """Whether each task has a limit."""
        return any(self.limits)

    def groups(self, samples: Samples, name: str) -> Iterator[tuple[Model, Samples, Score]]:
        """Yield each group's model, the samples as it scales them, and the score of this name."""
        scores = zip(self._models, self._scores(name), self._places, strict=True)
        for model, score, (start, end) in scores:
            scaled = samples.scaled_by(samples.scaling and samples.scaling.part(start, end))
            yield model, scaled, score

    def _scores(self, name: str) -> list[Score]:
        if self._learners is not None:
            return [
                next(score for score in learner.scores if score.name == name)
                for learner in self._learners
            ]
        scores = [make_scores([name])[0] for _ in self._places]
        for score, (start, end) in zip(scores, self._places, strict=True):
            score.load_state_dict(self._part(f"score.{name}.", start, end))
        return scores

    def _part(self, prefix: str, start: int, end: int) -> dict[str, Tensor]:
        """Return copies of a group's statistics, aligned in memory as they were when learnt."""
        return {
            name.removeprefix(prefix): tensor[start:end].clone()
            for name, tensor in self._statistics.items()
            if name.startswith(prefix)
        }

    def weights(self) -> dict[str, Tensor]:
        """Return the weights of all replicas, (R, ...), by the names of the model's parameters."""
        return _side_by_side("", [model.state_dict() for model in self._models])

    def statistics(self) -> dict[str, Tensor]:
        """Return the statistics of all replicas, (R, ...), by `score.NAME.KEY` and `limits.KEY`."""
        if self._learners is None:
            return {name: tensor.cpu() for name, tensor in self._statistics.items()}
        statistics: dict[str, Tensor] = {}
        for scores in zip(*(learner.scores for learner in self._learners), strict=True):
            states = [score.state_dict() for score in scores]
            statistics |= _side_by_side(f"score.{scores[0].name}.", states)
        return statistics | _side_by_side("limits.", [limits.kept for limits in self.limits])


def _side_by_side(prefix: str, groups: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Join tensors of groups, (R, ...); zeros fill up those with fewer entries, (R, K, ...)."""
    return {
        f"{prefix}{name}": torch.cat(filled_up(group[name].cpu() for group in groups))
        for name in groups[0]
    }
