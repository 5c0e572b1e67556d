"""A detector: a model, the strategy that teaches it, and an anomaly score. Higher: more anomalous.

R replicas of it learn and score side by side. What one has learnt is kept in a folder, and scores
again without the strategy: to load a detector runs no code that lies beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cl_anomaly.data.datasets import Samples
from cl_anomaly.errors import InputError
from cl_anomaly.evaluation.scores import SCORES, make_scores
from cl_anomaly.evaluation.scoring import score_samples
from cl_anomaly.machine import choose_device, set_up_processor
from cl_anomaly.models import MODELS, Model
from cl_anomaly.storage.detectors import read_detector, write_detector
from cl_anomaly.storage.files import locked, publish
from cl_anomaly.training.groups import ReplicaGroups
from cl_anomaly.training.loop import learn_task
from cl_anomaly.training.outcome import Learnt, OnStep, Pause, never


@dataclass(frozen=True)
class Blueprint:
    """What a detector is made from, beside its weights, as JSON can hold it.

    Attributes:
        model: a name from `list models`.
        model_options: the model's keyword arguments.
        features: shape of one sample.
        scale: what a stored uint8 is multiplied by to lie in [0, 1].
        score: the anomaly score.
        seeds: one for each replica.
        group_sizes: how many replicas are computed at once; a sum's rounding may depend on it.
    """

    model: str
    model_options: dict[str, Any]
    features: tuple[int, ...]
    scale: float
    score: str
    seeds: tuple[int, ...]
    group_sizes: tuple[int, ...]


class Detector:
    """R replicas of a model, with the strategy that teaches them and the score that they give.

    Args:
        blueprint: what the models were made from.
        models: one for each group of replicas, on one device.
        groups: the strategies with these models and their tasks; None where nothing more is learnt.
    """

    def __init__(
        self, blueprint: Blueprint, models: Sequence[Model], groups: ReplicaGroups | None = None
    ) -> None:
        self.blueprint, self._models, self._groups = blueprint, models, groups
        self.device = next(models[0].parameters()).device

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

    def score(self, x: NDArray[Any] | Tensor) -> NDArray[np.float32]:
        """Say how anomalous samples are, in float32 and without drawing at random.

        Args:
            x: (n, *features), floats in [0, 1], or uint8 in the range of the dataset's.

        Returns:
            (R, n), or (n,) of a single replica. Higher is more anomalous.

        Raises:
            InputError: the samples have another shape, type or range.
        """
        stored = torch.as_tensor(x)
        _check_samples(stored, self.blueprint.features)
        stored = stored.reshape(len(stored), *self.blueprint.features)
        if stored.dtype == torch.uint8:
            samples = Samples(stored.to(self.device), self.blueprint.scale)
        else:
            samples = Samples(stored.to(self.device, torch.float32), 1.0)
        name = self.blueprint.score
        scores = self._scores_by(samples, torch.arange(len(stored)), [name])[name]
        return scores if len(scores) > 1 else scores[0]

    def scores_of(self, samples: Samples, indices: Tensor) -> dict[str, NDArray[np.float32]]:
        """Give all scores that are recorded, (R, n) by name; see `evaluation.score_samples`."""
        return self.groups.score(samples, indices)

    def _scores_by(
        self, samples: Samples, indices: Tensor, names: Sequence[str]
    ) -> dict[str, NDArray[np.float32]]:
        scores = make_scores(names)
        parts = [score_samples(model, samples, indices, scores) for model in self._models]
        return {name: np.concatenate([part[name] for part in parts]) for name in names}

    def first_replica(self) -> Model:
        """Give a copy of the first replica's model, alone and as it is now."""
        return _model(self.blueprint, self._models[0].state_dict(), 0, 1).to(self.device)

    def weights(self) -> dict[str, Tensor]:
        """Give the weights of all replicas, (R, ...), by the names of the model's parameters."""
        parts = [model.state_dict() for model in self._models]
        return {name: torch.cat([part[name].cpu() for part in parts]) for name in parts[0]}

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
            content = asdict(self.blueprint), self.weights()
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
    def rebuilt(cls, made_from: dict[str, Any], weights: dict[str, Tensor], device: str) -> Self:
        """Make a detector that scores from a `Blueprint` as JSON holds it, and its weights.

        Raises:
            InputError: they do not fit together.
        """
        set_up_processor()
        try:
            blueprint = _blueprint(made_from)
            ends = [sum(blueprint.group_sizes[:n]) for n in range(len(blueprint.group_sizes) + 1)]
            models = [_model(blueprint, weights, a, b) for a, b in pairwise(ends)]
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise InputError(f"Expected a trained detector, but: {reason}.") from error
        place = choose_device(device)
        return cls(blueprint, [model.to(place) for model in models])


def _blueprint(made_from: dict[str, Any]) -> Blueprint:
    lists: dict[str, Any] = {
        name: tuple(made_from[name]) for name in ("features", "seeds", "group_sizes")
    }
    blueprint = Blueprint(**made_from | lists)
    for kind, name, known in (
        ("model", blueprint.model, MODELS),
        ("score", blueprint.score, SCORES),
    ):
        if name not in known:
            raise ValueError(f"there is no {kind} {name!r}, but {', '.join(known)}")
    if sum(blueprint.group_sizes) != len(blueprint.seeds):
        raise ValueError(f"its groups have not {len(blueprint.seeds)} replicas")
    return blueprint


def _model(blueprint: Blueprint, weights: dict[str, Tensor], start: int, end: int) -> Model:
    cls, seeds = MODELS[blueprint.model], blueprint.seeds[start:end]
    model = cls(blueprint.features, seeds, **blueprint.model_options)
    model.load_state_dict({name: own[start:end] for name, own in weights.items()})
    return model


def _check_samples(x: Tensor, features: tuple[int, ...]) -> None:
    got = tuple(x.shape[1:])
    # Of a run of an earlier version, only how many features there are is known.
    flat = len(features) == 1 and math.prod(got) == features[0]
    if x.ndim < 2 or (got != features and not flat):
        wanted = ", ".join(map(str, ("n", *features)))
        raise InputError(f"Expected samples of the shape ({wanted}), but got {tuple(x.shape)}.")
    if x.dtype == torch.uint8:
        return
    if not x.is_floating_point():
        raise InputError(f"Expected samples as floats in [0, 1] or uint8, but got {x.dtype}.")
    if len(x) and not (x.min() >= 0 and x.max() <= 1):  # of NaN, both are false
        raise InputError(
            f"Expected floats in [0, 1], but got {float(x.min())} to {float(x.max())}. Scale them, "
            f"or give uint8 in the range of the dataset's."
        )
