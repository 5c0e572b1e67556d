"""The blueprint of a detector, without its weights, and the samples that it takes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.dataset import Samples
from cl_anomaly.data.scaling import Scaling
from cl_anomaly.models import MODELS, Model, find_model
from cl_anomaly.scores import SCORES
from cl_anomaly.settings.python_values import GivenModel


@dataclass(frozen=True)
class Blueprint:
    """Everything that makes a detector except weights, as JSON can hold it.

    Attributes:
        model: a name from `list models`.
        features: shape of one sample.
        scale: factor that brings a stored uint8 to [0, 1].
        scaling: the range of each replica's first task, in place of `scale`, if samples do not
            naturally lie in [0, 1]; see `data.scaling.Scaling.as_lists`.
        score: a name from `list scores`.
        seeds: one for each replica.
        group_sizes: replicas that are computed at once; a sum's rounding may depend on it.
        thresholds: by target false-positive rate, such as "0.05", one for each replica; empty if no
            samples were kept aside to set them, None for a failed replica.
    """

    model: str
    model_options: dict[str, Any]
    features: tuple[int, ...]
    scale: float
    score: str
    seeds: tuple[int, ...]
    group_sizes: tuple[int, ...]
    thresholds: dict[str, tuple[float | None, ...]] = field(default_factory=dict)
    scaling: dict[str, list] | None = None

    def places_of_groups(self) -> list[tuple[int, int]]:
        """Return the place where each group of replicas begins, and that before which it ends."""
        ends = [sum(self.group_sizes[:count]) for count in range(len(self.group_sizes) + 1)]
        return list(pairwise(ends))


def blueprint_from(made_from: dict[str, Any]) -> Blueprint:
    """Make a blueprint from JSON.

    Raises:
        KeyError, TypeError, ValueError: it is something else.
    """
    read: dict[str, Any] = {
        name: tuple(made_from[name]) for name in ("features", "seeds", "group_sizes")
    }
    read["thresholds"] = {rate: tuple(values) for rate, values in made_from["thresholds"].items()}
    blueprint = Blueprint(**made_from | read)
    for kind, name, known in (
        ("model", blueprint.model, MODELS),
        ("score", blueprint.score, SCORES),
    ):
        if name not in known and not isinstance(name, GivenModel):
            raise ValueError(f"there is no {kind} {name!r}, but {', '.join(known)}")
    if sum(blueprint.group_sizes) != len(blueprint.seeds):
        raise ValueError(f"its groups have not {len(blueprint.seeds)} replicas")
    ranges = scaling_of(blueprint)
    if ranges is not None and ranges.replicas != len(blueprint.seeds):
        raise ValueError(f"its scaling has not {len(blueprint.seeds)} replicas")
    return blueprint


def blueprint_of_replica(blueprint: Blueprint, seed: int | None) -> tuple[int, Blueprint]:
    """Return the place of the first replica with a seed, or of the first, and its own blueprint.

    Raises:
        InputError: no replica has the seed.
    """
    if seed is not None and seed not in blueprint.seeds:
        known = ", ".join(map(str, dict.fromkeys(blueprint.seeds)))
        raise InputError(setting="seed", expected=f"to be one of the detector's, {known}", got=seed)
    place = 0 if seed is None else blueprint.seeds.index(seed)
    scaling = scaling_of(blueprint)
    alone = replace(
        blueprint,
        seeds=(blueprint.seeds[place],),
        group_sizes=(1,),
        thresholds={rate: (values[place],) for rate, values in blueprint.thresholds.items()},
        scaling=scaling and scaling.part(place, place + 1).as_lists(),
    )
    return place, alone


def model_from(blueprint: Blueprint, weights: dict[str, Tensor], start: int, end: int) -> Model:
    """Make the model of some replicas, from place `start` to before `end`, with their weights."""
    cls, seeds = find_model(blueprint.model), blueprint.seeds[start:end]
    model = cls(blueprint.features, seeds, **blueprint.model_options)
    model.load_state_dict({name: tensor[start:end] for name, tensor in weights.items()})
    return model


def scaling_of(blueprint: Blueprint) -> Scaling | None:
    """Return the ranges by which its replicas scale samples, or None."""
    return None if blueprint.scaling is None else Scaling.from_lists(blueprint.scaling)


def samples_of(x: NDArray[Any] | Tensor, blueprint: Blueprint, device: torch.device) -> Samples:
    """Move samples (n, *features), floats or uint8, to a device.

    Raises:
        InputError: as in `check_samples`.
    """
    stored = torch.as_tensor(x)
    check_samples(stored, blueprint)
    if stored.dtype == torch.uint8:
        return Samples(stored.to(device), blueprint.scale)
    return Samples(stored.to(device, torch.float32), 1.0)


def check_samples(x: Tensor, blueprint: Blueprint) -> None:
    """Refuse what a detector cannot score.

    Raises:
        InputError: the samples have another shape, type or range.
    """
    got, features = tuple(x.shape[1:]), blueprint.features
    if x.ndim < 2 or got != features:
        shape = ", ".join(map(str, ("n", *features)))
        raise InputError(f"Expected samples of the shape ({shape}), but got {tuple(x.shape)}.")
    if x.dtype == torch.uint8:
        return
    if not x.is_floating_point():
        raise InputError(f"Expected samples as floats or uint8, but got {x.dtype}.")
    if not x.isfinite().all():
        raise InputError(f"Expected finite floats, but got {float(x[~x.isfinite()][0])}.")
    # A detector trained on floats finds samples out of range anomalous. For one trained on bytes,
    # they are rather bytes that somebody forgot to scale.
    of_bytes = blueprint.scaling is None and blueprint.scale != 1
    if of_bytes and len(x) and not (x.min() >= 0 and x.max() <= 1):
        raise InputError(
            f"Expected floats in [0, 1], but got {float(x.min())} to {float(x.max())}. Scale them, "
            f"or give uint8 in the range of the dataset's."
        )
