"""Thresholds of replicas after a task, from normal samples that were never trained on."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cl_anomaly.errors import RunError
from cl_anomaly.evaluation.scores import Score
from cl_anomaly.evaluation.scoring import reconstructed
from cl_anomaly.evaluation.thresholds import TARGET_RATES, threshold_at
from cl_anomaly.matrix_products import matrix_products_in
from cl_anomaly.randomness import ReplicaRandom
from cl_anomaly.scenarios.base import Scenario
from cl_anomaly.strategies import Strategy
from cl_anomaly.training.hooks import call, named, shown

Thresholds = dict[str, NDArray[np.float64]]
"""By score, (R, rates): for each of TARGET_RATES; nan where a replica's scores are not finite."""

# Of each replica, whatever the number of past tasks: 1 % of them are still five samples.
_RECALLED = 500


@torch.no_grad()
def thresholds_after(
    strategy: Strategy,
    scores: Sequence[Score],
    scenarios: Sequence[Scenario],
    seeds: Sequence[int],
    number: int,
) -> Thresholds:
    """Set the thresholds of R replicas after a task, see `Strategy.calibration_indices`.

    Args:
        strategy: that has learnt the task.
        scores: for each of which there are thresholds.
        scenarios: one for each replica.
        seeds: one for each replica.
        number: of the task, from 1.

    Raises:
        RunError: the strategy gives what it should not.
    """
    places = [_places(strategy, scenario, number) for scenario in scenarios]
    own = _own_scores(strategy, scores, places)
    device = strategy.samples.stored.device
    strategy.random = ReplicaRandom(seeds, "calibration", number, device=device)
    recalled = _recalled_scores(strategy, scores) if number > 1 else None
    return {
        name: np.array(
            [
                _of_replica(values, recalled[name][place] if recalled else None)
                for place, values in enumerate(of_replicas)
            ]
        )
        for name, of_replicas in own.items()
    }


def basis_of(strategy: Strategy, scenario: Scenario, number: int) -> str:
    """Say what the thresholds after a task are set from, in a word or two.

    Args:
        strategy: that has learnt the task.
        scenario: of any replica.
        number: of the task, from 1.
    """
    if number > 1 and len(_places(strategy, scenario, number)) > len(
        scenario.tasks[number - 1].calibration
    ):
        return "all tasks"
    if number > 1 and type(strategy).recall is not Strategy.recall:
        return "this task and recalled samples"
    return "this task"


def _places(strategy: Strategy, scenario: Scenario, number: int) -> Tensor:
    seen = scenario.tasks[:number]
    places = call(strategy, "calibration_indices", seen[-1], seen)
    aside = torch.cat([task.calibration for task in seen])
    if not isinstance(places, Tensor) or not len(places) or not torch.isin(places, aside).all():
        raise RunError(
            f"Expected {named(strategy, 'calibration_indices')} to give samples that were kept "
            f"aside of tasks 1 to {number}, but it gave others, or none: {shown(places)}."
        )
    return places


def _own_scores(
    strategy: Strategy, scores: Sequence[Score], places: Sequence[Tensor]
) -> dict[str, list[NDArray[np.float32]]]:
    """Score each replica's own samples: by score, R arrays (n_r,)."""
    parts: dict[str, list[list[Tensor]]] = {s.name: [[] for _ in places] for s in scores}
    device = strategy.samples.stored.device
    batches = reconstructed(strategy.model, strategy.samples, places)
    with matrix_products_in(torch.float32, device):
        for output, real in batches:
            for score in scores:
                for own, values, counts in zip(parts[score.name], score(output), real, strict=True):
                    own.append(values[counts])
    return {
        name: [torch.cat(own).cpu().numpy() for own in of_replicas]
        for name, of_replicas in parts.items()
    }


def _recalled_scores(
    strategy: Strategy, scores: Sequence[Score]
) -> dict[str, NDArray[np.float32]] | None:
    """Score what the strategy recalls of past tasks: by score, (R, m)."""
    with matrix_products_in(torch.float32, strategy.samples.stored.device):
        x = call(strategy, "recall", _RECALLED)
        if x is None:
            return None
        expected = (strategy.model.replicas, strategy.samples.stored.shape[1:])
        if not isinstance(x, Tensor) or (x.shape[0], x.shape[2:]) != expected:
            raise RunError(
                f"Expected {named(strategy, 'recall')} to give samples for each replica, "
                f"({expected[0]}, {_RECALLED}, {', '.join(map(str, expected[1]))}), but it gave "
                f"{shown(x)}."
            )
        given = [list(own) for own in zip(*_scored(strategy, scores, x), strict=True)]
    return {
        score.name: torch.cat(parts, dim=1).cpu().numpy()
        for score, parts in zip(scores, given, strict=True)
    }


def _scored(strategy: Strategy, scores: Sequence[Score], x: Tensor) -> Iterator[list[Tensor]]:
    for chunk in x.split(250, dim=1):
        output = strategy.model.reconstruct(chunk)
        yield [score(output) for score in scores]


def _of_replica(own: NDArray[np.float32], recalled: NDArray[np.float32] | None) -> list[float]:
    """Take the higher threshold of the two: the wanted rate should hold for both.

    What is recalled may be smoother than real samples, and score lower. Together, it would pull the
    threshold below what the task's own samples need.
    """
    sources = [own] if recalled is None else [own, recalled]
    if not all(np.isfinite(values).all() for values in sources):
        return [float("nan")] * len(TARGET_RATES)
    return [max(threshold_at(rate, values) for values in sources) for rate in TARGET_RATES]
