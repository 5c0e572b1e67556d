"""What scores learn after a task: the task alone, or all tasks anew where they are visible."""

from collections.abc import Sequence

import torch
from torch import Tensor

from cl_anomaly.data.samples import Samples
from cl_anomaly.evaluation.scores import Score
from cl_anomaly.evaluation.scoring import reconstructed
from cl_anomaly.models import Model
from cl_anomaly.scenarios.base import Scenario

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
    learning = [score for score in scores if score.learns()]
    if not learning:
        return
    seen = None if visible is None or number == 1 else _visible_by_task(scenarios, visible, number)
    if seen:
        for score in learning:
            score.load_state_dict({})
    own = [[scenario.tasks[number - 1].indices for scenario in scenarios]]
    for indices in seen or own:
        for score in learning:
            score.learn(reconstructed(model, samples, indices))


def _visible_by_task(
    scenarios: Sequence[Scenario], visible: Sequence[Tensor], number: int
) -> list[list[Tensor]] | None:
    """Part what is visible by its tasks: R tensors of each task; None if one is not visible."""
    parts: list[list[Tensor]] = []
    for task in range(number):
        parts.append([])
        for scenario, own in zip(scenarios, visible, strict=True):
            whole = scenario.tasks[task].indices
            seen = whole[torch.isin(whole, own.to(whole.device))]
            if not len(whole) or len(seen) < min(len(whole), _ENOUGH):
                return None
            parts[-1].append(seen)
    return parts
