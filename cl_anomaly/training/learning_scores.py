"""What scores learn after a task: the task alone, or all tasks anew where they are visible."""

from collections.abc import Sequence

import torch
from torch import Tensor

from cl_anomaly.data.dataset import Samples
from cl_anomaly.models import Model
from cl_anomaly.scenarios.base import Scenario
from cl_anomaly.scores import Score
from cl_anomaly.scores.scoring import reconstructed

# Of a task of which only a part is visible: enough that its statistics are worth more than those of
# the whole task under weights that have moved since.
_ENOUGH = 50


def learn_scores(
    scores: Sequence[Score],
    model: Model,
    samples: Samples,
    scenarios: Sequence[Scenario],
    visible: Sequence[Tensor] | None,
    number: int,
) -> None:
    """Let scores keep statistics of a task, and relearn those of earlier tasks that are visible.

    The weights have moved since the earlier tasks were learnt. Where the strategy sees enough of
    each of them, all statistics are made anew, task after task, with the weights as they are now.

    Args:
        scores: all that there are.
        model: R replicas, which have learnt the task.
        samples: the training set.
        scenarios: one for each replica.
        visible: R tensors (n_r,), int64, what each replica saw in the task; None for its own task.
        number: of the task, from 1.
    """
    own = [scenario.tasks[number - 1].indices for scenario in scenarios]
    parts = [_by_task(*each, number) for each in zip(scenarios, visible or own, strict=True)]
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
            # Of a replica that does not see them, what is learnt here is thrown away.
            indices = [
                o if part is None else part[task] for o, part in zip(own, parts, strict=True)
            ]
            score.learn(reconstructed(model, samples, indices))
        if not all(sees):
            score.load_state_dict(_chosen(sees, score.state_dict(), alone))


def _by_task(scenario: Scenario, visible: Tensor, number: int) -> list[Tensor] | None:
    """Part what a replica sees by its tasks; None if there is no earlier task, or too little."""
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
    """Take some replicas' statistics (R, ...) from one, and the rest from another.

    Where one keeps less of something, (R, K, ...), zeros fill it up.
    """
    chosen = {}
    for name in one:
        pair = [one[name], other[name]]
        if pair[0].dim() > 1:
            most = max(own.shape[1] for own in pair)
            pair = [
                torch.cat([own, own.new_zeros(len(own), most - own.shape[1], *own.shape[2:])], 1)
                for own in pair
            ]
        rows = torch.tensor(which, device=pair[0].device)
        chosen[name] = torch.where(rows.view(-1, *[1] * (pair[0].dim() - 1)), *pair)
    return chosen
