"""Statistics that scores learn after a task: of the task alone, or of all tasks if visible."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from cl_anomaly.data.dataset import Samples
from cl_anomaly.models import Model
from cl_anomaly.scenarios.base import Scenario
from cl_anomaly.scores import Score
from cl_anomaly.scores.scoring import reconstructed

# Visible samples of a task whose statistics are worth more than those of the whole task under
# weights that have moved since.
_ENOUGH = 50


def learn_scores(
    scores: Sequence[Score],
    model: Model,
    samples: Samples,
    scenarios: Sequence[Scenario],
    visible: Sequence[Tensor] | None,
    number: int,
) -> None:
    """Let scores learn statistics of a task, and relearn those of earlier tasks that are visible.

    The weights have moved since the earlier tasks were learnt. If the strategy sees enough of
    each of them, all statistics are relearnt, task after task, with the current weights.

    Args:
        scores: all that are computed.
        model: R replicas, which have learnt the task.
        samples: the training set.
        scenarios: one for each replica.
        visible: R tensors (n_r,), int64, the samples that each replica saw; None for its own task.
        number: of the task, from 1.
    """
    own = [scenario.tasks[number - 1].indices for scenario in scenarios]
    parts = [_by_task(*pair, number) for pair in zip(scenarios, visible or own, strict=True)]
    sees = [part is not None for part in parts]
    for score in scores:
        if not score.learns():
            continue
        if not all(sees):
            score.learn(reconstructed(model, samples, own))
        if not any(sees):
            continue
        alone = score.state_dict()
        score.load_state_dict({})
        for task in range(number):
            # For a replica that does not see them, the result is discarded.
            indices = [
                all_ if part is None else part[task] for all_, part in zip(own, parts, strict=True)
            ]
            score.learn(reconstructed(model, samples, indices))
        if not all(sees):
            score.load_state_dict(_chosen(sees, score.state_dict(), alone))


def _by_task(scenario: Scenario, visible: Tensor, number: int) -> list[Tensor] | None:
    """Split a replica's visible samples by task; None without earlier tasks, or with too few."""
    parts = []
    for task in scenario.tasks[:number]:
        seen = task.indices[torch.isin(task.indices, visible.to(task.indices.device))]
        if not len(task.indices) or len(seen) < min(len(task.indices), _ENOUGH):
            return None
        parts.append(seen)
    return parts if number > 1 else None


def _chosen(
    which: Sequence[bool], one: dict[str, Tensor], other: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Take some replicas' statistics (R, ...) from one, and the rest from the other."""
    chosen = {}
    for name in one:
        pair = filled_up([one[name], other[name]])
        rows = torch.tensor(which, device=pair[0].device)
        chosen[name] = torch.where(rows.view(-1, *[1] * (pair[0].dim() - 1)), *pair)
    return chosen


def filled_up(parts: Iterable[Tensor]) -> list[Tensor]:
    """Fill up tensors (R, K, ...) with zeros to the largest K; those of one dimension stay."""
    parts = list(parts)
    if parts[0].dim() == 1:
        return parts
    most = max(part.shape[1] for part in parts)
    return [
        torch.cat([part, part.new_zeros(len(part), most - part.shape[1], *part.shape[2:])], dim=1)
        for part in parts
    ]
