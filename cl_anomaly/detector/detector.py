"""A detector: a model, the strategy that teaches it, and an anomaly score. Higher: more anomalous.

R replicas learn and score side by side. A detector that is loaded from a folder scores without the
strategy: loading runs no code that lies beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
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
from cl_anomaly.detector.alarms import (
    check_knows_tasks,
    check_rate,
    known_rates,
    replica_thresholds,
    sample_thresholds,
    thresholds_as_json,
)
from cl_anomaly.detector.blueprint import (
    Blueprint,
    blueprint_from,
    blueprint_of_replica,
    model_from,
    samples_of,
    scaling_of,
)
from cl_anomaly.detector.statistics import GroupStatistics
from cl_anomaly.models import Model
from cl_anomaly.scores import SCORES
from cl_anomaly.scores.scoring import nearest_tasks, score_samples
from cl_anomaly.store.detectors import read_detector, write_detector
from cl_anomaly.store.files import locked, publish
from cl_anomaly.training.calibration import Thresholds
from cl_anomaly.training.groups import ReplicaGroups
from cl_anomaly.training.loop import learn_task
from cl_anomaly.training.outcome import Learnt, OnStep, Pause, never


class Detector:
    """R replicas of a model, with the strategy that teaches them and the score that they give.

    Args:
        blueprint: of the models.
        models: one for each group of replicas, on one device.
        groups: the strategies with these models and their tasks; None if it only scores.
        statistics: those of scores, (R, ...), by `score.NAME.KEY`, if it only scores.
    """

    def __init__(
        self,
        blueprint: Blueprint,
        models: Sequence[Model],
        groups: ReplicaGroups | None = None,
        statistics: dict[str, Tensor] | None = None,
    ) -> None:
        self.blueprint, self._models, self._groups = blueprint, models, groups
        self._learnt = GroupStatistics(blueprint, models, groups, statistics or {})
        self.device = next(iter(models[0].state_dict().values())).device
        self._scaling = scaling_of(blueprint)

    @property
    def groups(self) -> ReplicaGroups:
        """The replicas as they learn; a loaded detector has none."""
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
        """Learn a task, counted from 1, or the rest of one that has begun.

        After each step, `on_step` and `pause` are called; in a pause, `paused`.

        Raises:
            InputError: the detector was loaded, and only scores.
            RunError: a hook of the strategy returned something invalid.
        """
        return learn_task(self.groups, task, on_step, pause, paused)

    def calibrate(self) -> Thresholds:
        """Set thresholds after a task, from samples kept aside: by score, (R, rates).

        Raises:
            InputError: the detector was loaded, and only scores.
            RunError: the strategy returned other samples.
        """
        by_score = self.groups.thresholds()
        if self._learnt.has_limits:  # for each task, kept with the statistics
            return by_score
        thresholds = thresholds_as_json(by_score[self.blueprint.score])
        self.blueprint = replace(self.blueprint, thresholds=thresholds)
        return by_score

    def thresholds(self, rate: float = 0.05) -> NDArray[np.float64]:
        """Return each replica's threshold for a false-positive rate, 0.01 or 0.05.

        Raises:
            InputError: none was set for that rate, or each task has a limit.
        """
        check_rate(rate, self.rates)
        return replica_thresholds(self.blueprint, self._learnt.has_limits, rate)

    def thresholds_for(self, x: NDArray[Any] | Tensor, rate: float = 0.05) -> NDArray[np.float64]:
        """Return each sample's threshold, (R, n), or (n,) for a single replica.

        A sample that scores higher is an alarm. If each task has a limit, the threshold is the
        sample's score at the limit of its nearest task. Otherwise it is the same for all samples.
        It is NaN for a failed replica.

        Raises:
            InputError: as in `score`, or none was set for that rate.
        """
        check_rate(rate, self.rates)
        samples = self._scaled(x)
        if self._learnt.has_limits:
            groups = self._learnt.groups(samples, self.blueprint.score)
            thresholds = sample_thresholds(groups, self._learnt.limits, rate)
        else:
            thresholds = np.repeat(self.thresholds(rate)[:, None], len(samples), axis=1)
        return thresholds if len(thresholds) > 1 else thresholds[0]

    @property
    def rates(self) -> tuple[float, ...]:
        """The false-positive rates for which there are thresholds."""
        return known_rates(self.blueprint, self._learnt.has_limits)

    def alarms_of(self, samples: Samples, indices: Tensor) -> NDArray[np.bool_] | None:
        """Return whether samples are beyond the limit of their nearest task, (R, rates, n).

        None if there are no limits, so that an alarm is a score above the threshold.
        """
        return self.groups.alarms(samples, indices) if self._learnt.has_limits else None

    def predict(self, x: NDArray[Any] | Tensor, rate: float = 0.05) -> NDArray[np.bool_]:
        """Return whether samples score above their threshold, (R, n), or (n,) for one replica.

        Raises:
            InputError: as in `score`, or no threshold was set for that rate.
        """
        return self.score(x) > self.thresholds_for(x, rate)

    def score(self, x: NDArray[Any] | Tensor) -> NDArray[np.float32]:
        """Return the anomaly scores of samples, in float32 and without random draws.

        Args:
            x: (n, *features), uint8, or floats in the dataset's range, [0, 1] if it holds uint8.

        Returns:
            (R, n), or (n,) for a single replica. Higher is more anomalous.

        Raises:
            InputError: the samples have another shape, type or range, or the score has no
                statistics of a task.
        """
        samples, name = self._scaled(x), self.blueprint.score
        indices = torch.arange(len(samples))
        parts = [
            score_samples(model, scaled, indices, [score])[name]
            for model, scaled, score in self._learnt.groups(samples, name)
        ]
        scores = np.concatenate(parts)
        return scores if len(scores) > 1 else scores[0]

    def _scaled(self, x: NDArray[Any] | Tensor) -> Samples:
        return samples_of(x, self.blueprint, self.device).scaled_by(self._scaling)

    def replica(self, seed: int | None = None) -> Detector:
        """Return a detector of a single replica, which only scores.

        Args:
            seed: of the replica, and of the first anomaly class if several share it. Default: the
                first replica.

        Raises:
            InputError: there is no such replica.
        """
        place, alone = blueprint_of_replica(self.blueprint, seed)
        weights, statistics = (
            {name: tensor[place : place + 1] for name, tensor in tensors.items()}
            for tensors in (self.weights(), self.statistics())
        )
        return Detector.rebuilt(asdict(alone), weights, statistics, self.device.type)

    def scores_of(self, samples: Samples, indices: Tensor) -> dict[str, NDArray[np.float32]]:
        """Return all scores that are recorded, (R, n) by name; see `score_samples`."""
        return self.groups.score(samples, indices)

    def untrained_scores_of(
        self, samples: Samples, indices: Tensor
    ) -> dict[str, NDArray[np.float32]]:
        """Return the scores that keep no statistics of tasks, before the first task."""
        return self.groups.score(samples, indices, is_untrained=True)

    def first_replica(self) -> Model:
        """Return a copy of the first replica's current model."""
        return model_from(self.blueprint, self._models[0].state_dict(), 0, 1).to(self.device)

    def weights(self) -> dict[str, Tensor]:
        """Return the weights of all replicas, (R, ...), by the names of the model's parameters."""
        return self._learnt.weights()

    @property
    def knows_tasks(self) -> bool:
        """Whether its score knows which task a sample is nearest to."""
        return SCORES[self.blueprint.score].knows_tasks()

    def nearest_tasks(self, x: NDArray[Any] | Tensor) -> NDArray[np.int64]:
        """Return each sample's nearest and second nearest task, which explain an alarm.

        Returns:
            (R, n, 2), or (n, 2) for a single replica, tasks from 1; 0 if there is no second.

        Raises:
            InputError: as in `score`, or the score knows no distances from tasks.
        """
        check_knows_tasks(self.blueprint.score)
        groups = self._learnt.groups(self._scaled(x), self.blueprint.score)
        nearest = np.concatenate([nearest_tasks(*group) for group in groups])
        return nearest if len(nearest) > 1 else nearest[0]

    def statistics(self) -> dict[str, Tensor]:
        """Return statistics, (R, ...), by `score.NAME.KEY`, and limits, by `limits.KEY`."""
        return self._learnt.statistics()

    def save(self, folder: str | Path) -> None:
        """Write the detector into a new folder, for `load`.

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
        """Load a detector that `save` wrote, or that of a finished run.

        It scores as the run did: in one thread, unless OMP_NUM_THREADS says otherwise. The device
        is "auto", "cpu" or "cuda".

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
        """Make a detector that scores from a `Blueprint` in JSON, `weights()` and `statistics()`.

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
