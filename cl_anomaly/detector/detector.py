"""A detector: a model, the strategy that teaches it, and an anomaly score. Higher: more anomalous.

R replicas of it learn and score side by side. What one has learnt is kept in a folder, and scores
again without the strategy: to load a detector runs no code that lies beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.machine import choose_device
from cl_anomaly.core.products import set_up_processor
from cl_anomaly.data.dataset import Samples
from cl_anomaly.detector.alarms import by_limits, check_rate, known_rates, of_replicas
from cl_anomaly.detector.blueprint import (
    Blueprint,
    blueprint_from,
    model_from,
    samples_of,
    scaling_of,
)
from cl_anomaly.detector.statistics import (
    limits_side_by_side,
    loaded_limits,
    loaded_scores,
    side_by_side,
    statistics_of,
)
from cl_anomaly.models import Model
from cl_anomaly.scores import SCORES, Score
from cl_anomaly.scores.limits import TaskLimits
from cl_anomaly.scores.scoring import nearest_tasks, score_samples
from cl_anomaly.statistics.thresholds import TARGET_RATES
from cl_anomaly.store.detectors import read_detector, write_detector
from cl_anomaly.store.files import locked, publish
from cl_anomaly.training.calibration import Thresholds
from cl_anomaly.training.groups import ReplicaGroups
from cl_anomaly.training.loop import learn_task
from cl_anomaly.training.outcome import Learnt, OnStep, Pause, never


class Detector:
    """R replicas of a model, with the strategy that teaches them and the score that they give.

    Args:
        blueprint: what the models were made from.
        models: one for each group of replicas, on one device.
        groups: the strategies with these models and their tasks; None where nothing more is learnt.
        statistics: what scores keep of the tasks learnt, (R, ...), by `score.NAME.KEY`; where
            nothing more is learnt.
    """

    def __init__(
        self,
        blueprint: Blueprint,
        models: Sequence[Model],
        groups: ReplicaGroups | None = None,
        statistics: dict[str, Tensor] | None = None,
    ) -> None:
        self.blueprint, self._models, self._groups = blueprint, models, groups
        self._statistics = statistics or {}
        self.device = next(chain(models[0].parameters(), models[0].buffers())).device
        self._scaling = scaling_of(blueprint)

    @property
    def groups(self) -> ReplicaGroups:
        """The replicas as they learn.

        Raises:
            InputError: the detector was loaded, and only scores.
        """
        if self._groups is None:
            raise InputError(
                "Expected a detector that is being trained, but this one was loaded from a folder: "
                "it scores, and cannot learn. `run` trains one."
            )
        return self._groups

    def learn(
        self,
        task: int,
        on_step: OnStep = lambda *_: None,
        pause: Pause = never,
        paused: Callable[[], None] = lambda: None,
    ) -> Learnt:
        """Learn a task, or the rest of one that has begun.

        Args:
            task: its number in the stream, from 1.
            on_step: told after each step.
            pause: asked after each step whether to pause.
            paused: called where it paused; training goes on when it returns.

        Raises:
            InputError: the detector was loaded, and only scores.
            RunError: a hook of the strategy gave what it should not.
        """
        return learn_task(self.groups, task, on_step, pause, paused)

    def calibrate(self) -> Thresholds:
        """Set thresholds after a task, from samples that were kept aside: by score, (R, rates).

        Raises:
            InputError: the detector was loaded, and only scores.
            RunError: the strategy gives other samples than those.
        """
        by_score = self.groups.thresholds()
        if any(self._limits):  # one for each task, kept with the statistics
            return by_score
        of_score = by_score[self.blueprint.score].T.tolist()
        thresholds = {
            # JSON knows no NaN, which a replica that failed has.
            str(rate): tuple(None if math.isnan(value) else value for value in values)
            for rate, values in zip(TARGET_RATES, of_score, strict=True)
        }
        self.blueprint = replace(self.blueprint, thresholds=thresholds)
        return by_score

    def thresholds(self, rate: float = 0.05) -> NDArray[np.float64]:
        """Return each replica's threshold: a sample that scores higher is an alarm.

        Args:
            rate: the false-positive rate that is wanted, 0.01 or 0.05.

        Raises:
            InputError: none was set for that rate.
        """
        check_rate(rate, self.rates)
        return of_replicas(self.blueprint, self._limits, rate)

    def thresholds_for(self, x: NDArray[Any] | Tensor, rate: float = 0.05) -> NDArray[np.float64]:
        """Return each sample's threshold: if its score is higher, it is an alarm.

        Where each task has a limit, it is what the sample would score at the limit of its nearest
        task. Otherwise it is the same for all samples.

        Args:
            x: as `score` takes it.
            rate: the false-positive rate that is wanted, 0.01 or 0.05.

        Returns:
            (R, n), or (n,) of a single replica; NaN for a replica that failed.

        Raises:
            InputError: as in `score`, or none was set for that rate.
        """
        check_rate(rate, self.rates)
        samples = self._taken(x)
        if any(self._limits):
            groups = self._by_group(samples, [self.blueprint.score])
            thresholds = by_limits(groups, self._limits, rate)
        else:
            thresholds = np.repeat(self.thresholds(rate)[:, None], len(samples), axis=1)
        return thresholds if len(thresholds) > 1 else thresholds[0]

    @property
    def rates(self) -> tuple[float, ...]:
        """The false-positive rates for which there are thresholds."""
        return known_rates(self.blueprint, self._limits)

    @property
    def _limits(self) -> list[TaskLimits]:
        """The limits of each group of replicas."""
        if self._groups is not None:
            return [learner.calibration.limits for learner in self._groups.learners]
        return loaded_limits(self.blueprint, self._statistics)

    def alarms_of(self, samples: Samples, indices: Tensor) -> NDArray[np.bool_] | None:
        """Tell which samples are beyond the limit of their nearest task, (R, rates, n).

        None where there are no limits, so that an alarm is a score above the threshold.
        """
        return self.groups.alarms(samples, indices) if any(self._limits) else None

    def predict(self, x: NDArray[Any] | Tensor, rate: float = 0.05) -> NDArray[np.bool_]:
        """Describe which samples are alarms: those that score above the threshold.

        Args:
            x: as `score` takes it.
            rate: the false-positive rate that is wanted, 0.01 or 0.05.

        Returns:
            (R, n), or (n,) of a single replica.

        Raises:
            InputError: as in `score`, or no threshold was set for that rate.
        """
        return self.score(x) > self.thresholds_for(x, rate)

    def score(self, x: NDArray[Any] | Tensor) -> NDArray[np.float32]:
        """Describe how anomalous samples are, in float32 and without drawing at random.

        Args:
            x: (n, *features), floats in the range of the dataset's, [0, 1] where it holds uint8,
                or uint8.

        Returns:
            (R, n), or (n,) of a single replica. Higher is more anomalous.

        Raises:
            InputError: the samples have another shape, type or range, or the score has no
                statistics of a task.
        """
        samples, name = self._taken(x), self.blueprint.score
        indices = torch.arange(len(samples))
        parts = [
            score_samples(model, scaled, indices, scores)[name]
            for model, scaled, scores in self._by_group(samples, [name])
        ]
        scored = np.concatenate(parts)
        return scored if len(scored) > 1 else scored[0]

    def _taken(self, x: NDArray[Any] | Tensor) -> Samples:
        return samples_of(x, self.blueprint, self.device).scaled_by(self._scaling)

    def replica(self, seed: int | None = None) -> Detector:
        """Return a detector of a single replica, which only scores.

        Args:
            seed: the replica's; where several anomaly classes share it, that of the first class.
                Default: the first replica.

        Raises:
            InputError: there is no such replica.
        """
        own = self.blueprint
        if seed is not None and seed not in own.seeds:
            known = ", ".join(map(str, dict.fromkeys(own.seeds)))
            expected = f"to be one of the detector's, {known}"
            raise InputError(setting="seed", expected=expected, got=seed)
        place = 0 if seed is None else own.seeds.index(seed)
        alone = replace(
            own,
            seeds=(own.seeds[place],),
            group_sizes=(1,),
            thresholds={rate: (values[place],) for rate, values in own.thresholds.items()},
            scaling=self._scaling and self._scaling.part(place, place + 1).as_lists(),
        )
        weights = {name: tensor[place : place + 1] for name, tensor in self.weights().items()}
        kept = {name: own[place : place + 1] for name, own in self.statistics().items()}
        return Detector.rebuilt(asdict(alone), weights, kept, self.device.type)

    def scores_of(self, samples: Samples, indices: Tensor) -> dict[str, NDArray[np.float32]]:
        """Return all scores that are recorded, (R, n) by name; see `evaluation.score_samples`."""
        return self.groups.score(samples, indices)

    def untrained_scores_of(
        self, samples: Samples, indices: Tensor
    ) -> dict[str, NDArray[np.float32]]:
        """Return the same before the first task, of the scores that keep no statistics of tasks."""
        return self.groups.score(samples, indices, is_untrained=True)

    def _by_group(
        self, samples: Samples, names: Sequence[str]
    ) -> Iterator[tuple[Model, Samples, list[Score]]]:
        """Yield each group's model, the samples as it scales them, and its scores."""
        groups = zip(
            self._models,
            self._scores_of_groups(names),
            self.blueprint.places_of_groups(),
            strict=True,
        )
        for model, scores, (start, end) in groups:
            scaled = samples.scaled_by(samples.scaling and samples.scaling.part(start, end))
            yield model, scaled, scores

    def _scores_of_groups(self, names: Sequence[str]) -> list[list[Score]]:
        """Return the scores of each group of replicas, with its statistics."""
        if self._groups is not None:
            return [
                [score for score in learner.scores if score.name in names]
                for learner in self._groups.learners
            ]
        return loaded_scores(self.blueprint, self._statistics, names)

    def first_replica(self) -> Model:
        """Return a copy of the first replica's model, alone and as it is now."""
        return model_from(self.blueprint, self._models[0].state_dict(), 0, 1).to(self.device)

    def weights(self) -> dict[str, Tensor]:
        """Return the weights of all replicas, (R, ...), by the names of the model's parameters."""
        parts = [model.state_dict() for model in self._models]
        return {name: side_by_side([part[name].cpu() for part in parts]) for name in parts[0]}

    @property
    def knows_tasks(self) -> bool:
        """Whether its score knows which task a sample is nearest to."""
        return SCORES[self.blueprint.score].knows_tasks()

    def nearest_tasks(self, x: NDArray[Any] | Tensor) -> NDArray[np.int64]:
        """State which task each sample is nearest to, and second nearest: what explains an alarm.

        Args:
            x: as `score` takes it.

        Returns:
            (R, n, 2), or (n, 2) of a single replica, tasks from 1; 0 where there is no second.

        Raises:
            InputError: as in `score`, or the score knows of no distances from tasks.
        """
        name = self.blueprint.score
        if not self.knows_tasks:
            known = ", ".join(own for own, score in SCORES.items() if score.knows_tasks())
            raise InputError(
                f"Expected a detector whose score knows the distance from each task ({known}), but "
                f"this one's is {name}."
            )
        groups = self._by_group(self._taken(x), [name])
        parts = [nearest_tasks(model, own, scores[0]) for model, own, scores in groups]
        nearest = np.concatenate(parts)
        return nearest if len(nearest) > 1 else nearest[0]

    def statistics(self) -> dict[str, Tensor]:
        """Return what scores and limits keep, (R, ...), by `score.NAME.KEY` and `limits.KEY`."""
        if self._groups is None:
            return {name: tensor.cpu() for name, tensor in self._statistics.items()}
        limits = limits_side_by_side(self._limits)
        return statistics_of([learner.scores for learner in self._groups.learners]) | limits

    def save(self, folder: str | Path) -> None:
        """Keep what has been learnt in a new folder, for `load`.

        Raises:
            InputError: something else is there.
            RunError: it could not be written.
        """
        folder = Path(folder)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(f"Expected a new or an empty folder, but {folder} holds something.")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"Could not make {folder}: {error.strerror}.") from error
        with locked(folder):
            content = asdict(self.blueprint), self.weights(), self.statistics()
            publish(folder, lambda partial: write_detector(partial, *content), complete=True)

    @classmethod
    def load(cls, folder: str | Path, device: str = "cpu") -> Self:
        """Load what `save` kept, or the trained detector of a finished run.

        It scores as the run did: one thread, unless OMP_NUM_THREADS says otherwise.

        Args:
            folder: its, or the run's.
            device: "auto", "cpu" or "cuda".

        Raises:
            InputError: there is none, or it is damaged.
        """
        return cls.rebuilt(*read_detector(Path(folder)), device)

    @classmethod
    def rebuilt(
        cls,
        made_from: dict[str, Any],
        weights: dict[str, Tensor],
        statistics: dict[str, Tensor],
        device: str,
    ) -> Self:
        """Make a detector that scores from what it was made from.

        Args:
            made_from: a `Blueprint`, as JSON holds it.
            weights: by parameter, (R, ...).
            statistics: that its scores keep, (R, ...), by `score.NAME.KEY`.
            device: "auto", "cpu" or "cuda".

        Raises:
            InputError: they do not fit together.
        """
        set_up_processor()
        try:
            blueprint = blueprint_from(made_from)
            models = [model_from(blueprint, weights, a, b) for a, b in blueprint.places_of_groups()]
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise InputError(f"Expected a trained detector, but: {reason}.") from error
        place = choose_device(device)
        on_place = {name: tensor.to(place) for name, tensor in statistics.items()}
        return cls(blueprint, [model.to(place) for model in models], statistics=on_place)
