"""What groups of replicas have learnt, put together: tensors (R, ...) by name.

What scores have learnt of the tasks is called `score.NAME.KEY`, and tasks' limits `limits.KEY`.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from cl_anomaly.detector.blueprint import Blueprint
from cl_anomaly.scores import Score, make_scores
from cl_anomaly.scores.limits import TaskLimits

_LIMITS = "limits."


def statistics_of(groups: Sequence[Sequence[Score]]) -> dict[str, Tensor]:
    """Put together what the scores of each group of replicas keep."""
    parts = [
        {
            f"score.{s.name}.{k}": tensor.cpu()
            for s in scores
            for k, tensor in s.state_dict().items()
        }
        for scores in groups
    ]
    return {name: side_by_side([part[name] for part in parts]) for name in parts[0]}


def side_by_side(parts: Sequence[Tensor]) -> Tensor:
    """Put together what groups of replicas keep, (R, ...).

    Where groups keep more or less of something, (R, K, ...), zeros fill up those that keep less.
    """
    if parts[0].dim() > 1:
        most = max(part.shape[1] for part in parts)
        parts = [_filled_up(part, most - part.shape[1]) for part in parts]
    return torch.cat(list(parts))


def _filled_up(part: Tensor, missing: int) -> Tensor:
    if not missing:
        return part
    return torch.cat([part, part.new_zeros(len(part), missing, *part.shape[2:])], dim=1)


def loaded_scores(
    blueprint: Blueprint, statistics: dict[str, Tensor], names: Sequence[str]
) -> list[list[Score]]:
    """Make scores for each group of replicas, with what they have learnt.

    Args:
        blueprint: says which replicas are a group.
        statistics: what `statistics_of` gave.
        names: of the scores.
    """
    groups = []
    for start, end in blueprint.places_of_groups():
        scores = make_scores(names)
        for score in scores:
            prefix = f"score.{score.name}."
            # Copies, as aligned as they were where they were learnt.
            state = {k: v[start:end].clone() for k, v in statistics.items() if k.startswith(prefix)}
            score.load_state_dict({k.removeprefix(prefix): v for k, v in state.items()})
        groups.append(scores)
    return groups


def limits_side_by_side(groups: Sequence[TaskLimits]) -> dict[str, Tensor]:
    """Put together the limits of each group of replicas, by `limits.KEY`; empty for none."""
    return {
        f"{_LIMITS}{key}": side_by_side([limits.kept[key].cpu() for limits in groups])
        for key in groups[0].kept
    }


def loaded_limits(blueprint: Blueprint, statistics: dict[str, Tensor]) -> list[TaskLimits]:
    """Make the limits of each group of replicas from what `limits_side_by_side` gave."""
    groups = []
    for start, end in blueprint.places_of_groups():
        limits = TaskLimits()
        limits.kept = {
            k.removeprefix(_LIMITS): tensor[start:end].clone()
            for k, tensor in statistics.items()
            if k.startswith(_LIMITS)
        }
        groups.append(limits)
    return groups
