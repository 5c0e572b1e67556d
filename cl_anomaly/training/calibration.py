"""Thresholds of replicas after a task, from normal samples that were never trained on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cl_anomaly.core.errors import RunError
from cl_anomaly.core.products import matrix_products_in
from cl_anomaly.core.randomness import ReplicaRandom
from cl_anomaly.core.state import State
from cl_anomaly.models.base import DISTANCES, RECONSTRUCT
from cl_anomaly.scenarios.base import Scenario
from cl_anomaly.scores import Score
from cl_anomaly.scores.limits import TaskLimits
from cl_anomaly.scores.scoring import reconstructed
from cl_anomaly.statistics.thresholds import TARGET_RATES, threshold_of_mixture
from cl_anomaly.strategies import Strategy
from cl_anomaly.training.hooks import call, named, overrides, shown
from cl_anomaly.training.residuals import Residuals

Thresholds = dict[str, NDArray[np.float64]]
"""By score, (R, rates), for each of TARGET_RATES; NaN if a replica's scores are not finite, or if
each task has a limit of its own."""

# For each replica, whatever the number of past tasks: 1 % of them are still five samples.
_RECALLED = 500
_CHUNK = 250


@dataclass(frozen=True)
class _Past:
    """Samples that stand for the past tasks: (R, m, *features); the first `counts` of a replica."""

    x: Tensor
    counts: list[int]
    shares: list[float]


class Calibration:
    """Sets the thresholds of R replicas, for each score, and keeps what that needs of past tasks.

    Attributes:
        limits: of each task, if the model keeps tasks apart.
        residuals: of real samples, if the strategy recalls past tasks by a decoder.
    """

    def __init__(
        self,
        strategy: Strategy,
        scores: Sequence[Score],
        scenarios: Sequence[Scenario],
        seeds: Sequence[int],
    ) -> None:
        self._strategy, self._scores = strategy, scores
        self._scenarios, self._seeds = scenarios, seeds
        self.limits, self.residuals = TaskLimits(), Residuals()
        self._past: _Past | None = None

    @torch.no_grad()
    def look_back(self, number: int) -> None:
        """Collect samples of the past tasks, before the strategy's `after_task`.

        Raises:
            RunError: a hook returned something invalid.
        """
        self._past, aside = None, self._aside(number)
        if number > 1 and all(aside):
            self._past = self._stored(aside) or self._recalled(number)

    @torch.no_grad()
    def store(self, number: int) -> None:
        """Let the strategy store samples that a task kept aside, after `look_back`."""
        if all(self._aside(number)) and overrides(self._strategy, "store_aside"):
            # How much was drawn before may depend on how long the other replicas' tasks were.
            self._draw_anew("aside", number)
            tasks = [scenario.tasks[number - 1] for scenario in self._scenarios]
            call(self._strategy, "store_aside", tasks)

    def _aside(self, number: int) -> list[int]:
        return [len(scenario.tasks[number - 1].calibration) for scenario in self._scenarios]

    def _draw_anew(self, stream: str, number: int) -> None:
        device = self._strategy.samples.stored.device
        self._strategy.random = ReplicaRandom(self._seeds, stream, number, device=device)

    @torch.no_grad()
    def thresholds(self, number: int) -> Thresholds:
        """Set the thresholds after a task, counted from 1, see `Strategy.calibration_indices`.

        Raises:
            RunError: a hook returned something invalid.
        """
        strategy = self._strategy
        places = [_places(strategy, scenario, number) for scenario in self._scenarios]
        if self._has_limits():
            self._learn_limits(places, number)
            none = np.full((len(places), len(TARGET_RATES)), np.nan)
            return {score.name: none.copy() for score in self._scores}
        own, past, self._past = self._own_scores(places), self._past, None
        recalled = self._past_scores(past)
        if overrides(strategy, "recall") and RECONSTRUCT in strategy.model.abilities:
            self.residuals.learn(reconstructed(strategy.model, strategy.samples, places))
        return {
            name: np.array(
                [
                    _of_replica(scores, recalled.get(name), past, replica)
                    for replica, scores in enumerate(of_replicas)
                ]
            )
            for name, of_replicas in own.items()
        }

    def basis(self, number: int) -> str:
        """Return what the thresholds after a task are set from, in a word or two."""
        strategy, scenario = self._strategy, self._scenarios[0]
        places = _places(strategy, scenario, number)
        if self._has_limits():
            return "each task"
        if number > 1 and len(places) > len(scenario.tasks[number - 1].calibration):
            return "all tasks"
        if number > 1 and overrides(strategy, "stored_aside") and call(strategy, "stored_aside"):
            return "this task and stored samples"
        if number > 1 and overrides(strategy, "recall"):
            return "this task and recalled samples"
        return "this task"

    def _has_limits(self) -> bool:
        """Return whether each task has a limit: model and strategy keep tasks apart."""
        model, sees_past = self._strategy.model, overrides(self._strategy, "calibration_indices")
        return model.keeps_tasks_apart and DISTANCES in model.abilities and not sees_past

    def _learn_limits(self, places: Sequence[Tensor], number: int) -> None:
        parts: list[list[Tensor]] = [[] for _ in places]
        for output, real in reconstructed(self._strategy.model, self._strategy.samples, places):
            for part, distances, counts in zip(parts, output.distances, real, strict=True):  # type: ignore[attr-defined]
                part.append(distances[counts])
        self.limits.learn([torch.cat(part) for part in parts], number)

    def _stored(self, aside: Sequence[int]) -> _Past | None:
        """Return the samples kept aside that the strategy stores; they count as all of the past."""
        if not overrides(self._strategy, "stored_aside"):
            return None
        if (given := call(self._strategy, "stored_aside")) is None:
            return None
        x, counts, stands_for = given
        self._check("stored_aside", x)
        shares = [past / (past + own) for past, own in zip(stands_for, aside, strict=True)]
        return _Past(x, list(counts), shares)

    def _recalled(self, number: int) -> _Past | None:
        """Return samples that the strategy recalls; each past task counts as much as this one."""
        strategy, device = self._strategy, self._strategy.samples.stored.device
        self._draw_anew("calibration", number)
        with matrix_products_in(torch.float32, device):
            x = call(strategy, "recall", _RECALLED)
        if x is None:
            return None
        self._check("recall", x)
        replicas = len(self._seeds)
        x = self.residuals.added_to(x, strategy.random)
        return _Past(x, [x.shape[1]] * replicas, [(number - 1) / number] * replicas)

    def _check(self, hook: str, x: object) -> None:
        features = self._strategy.samples.stored.shape[1:]
        replicas = len(self._seeds)
        if not isinstance(x, Tensor) or (x.shape[0], x.shape[2:]) != (replicas, features):
            raise RunError(
                f"Expected {named(self._strategy, hook)} to give samples for each replica, "
                f"({replicas}, n, {', '.join(map(str, features))}), but it gave {shown(x)}."
            )

    def _own_scores(self, places: Sequence[Tensor]) -> dict[str, list[NDArray[np.float32]]]:
        """Score each replica's samples of the task: by score, R arrays (n_r,)."""
        strategy, scores = self._strategy, self._scores
        parts: dict[str, list[list[Tensor]]] = {s.name: [[] for _ in places] for s in scores}
        batches = reconstructed(strategy.model, strategy.samples, places)
        with matrix_products_in(torch.float32, strategy.samples.stored.device):
            for output, real in batches:
                for score in scores:
                    each = zip(parts[score.name], score(output), real, strict=True)
                    for part, values, counts in each:
                        part.append(values[counts])
        return {
            name: [torch.cat(part).cpu().numpy() for part in of_replicas]
            for name, of_replicas in parts.items()
        }

    def _past_scores(self, past: _Past | None) -> dict[str, NDArray[np.float32]]:
        """Score samples of the past: by score, (R, m)."""
        if past is None:
            return {}
        model, parts = self._strategy.model, {score.name: [] for score in self._scores}
        with matrix_products_in(torch.float32, self._strategy.samples.stored.device):
            for chunk in past.x.split(_CHUNK, dim=1):
                output = model.reconstruct(chunk)
                for score in self._scores:
                    parts[score.name].append(score(output))
        return {name: torch.cat(part, dim=1).cpu().numpy() for name, part in parts.items()}

    def state(self) -> State:
        """Return the limits and the residuals of past tasks."""
        state = State()
        state.add("limits", self.limits.kept)
        state.add("residuals", self.residuals.kept)
        return state

    def restore(self, state: State) -> None:
        """Restore what `state` returned."""
        device = self._strategy.samples.stored.device
        for name, part in (("limits", self.limits), ("residuals", self.residuals)):
            part.kept = {key: tensor.to(device) for key, tensor in state.part(name).items()}


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


def _of_replica(
    scores: NDArray[np.float32],
    recalled: NDArray[np.float32] | None,
    past: _Past | None,
    replica: int,
) -> list[float]:
    """Set a replica's thresholds so that the target rate holds on average over the tasks so far."""
    parts, shares = [scores], [1.0]
    if recalled is not None and past is not None and past.counts[replica]:
        share = past.shares[replica]
        parts, shares = [recalled[replica, : past.counts[replica]], scores], [share, 1 - share]
    if not all(np.isfinite(values).all() for values in parts):
        return [float("nan")] * len(TARGET_RATES)
    return [threshold_of_mixture(rate, parts, shares) for rate in TARGET_RATES]
