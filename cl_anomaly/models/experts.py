"""A mixture of experts: a small model for each task."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.randomness import Draws
from cl_anomaly.models.base import DISTANCES, NOISE, RECONSTRUCT, Distances, Model

# Options for a model's size, in units or channels.
_SIZES = ("hidden_sizes", "channels")
_HALVINGS = 12


class FromExperts(Distances):
    """Distances of samples from tasks: the error of each task's expert."""

    def __init__(self, experts: Sequence[Model], x: Tensor) -> None:
        super().__init__(x)
        self._experts = experts

    @cached_property
    def distances(self) -> Tensor:
        """Each expert's mean squared error, or its `noise_error`, (R, B, T)."""
        return torch.stack([self._error_of(expert) for expert in self._experts], dim=2)

    def _error_of(self, expert: Model) -> Tensor:
        output: Any = expert.reconstruct(self.x)
        if RECONSTRUCT in expert.abilities:
            return (output.means - self.x).square().flatten(2).mean(2)
        return output.noise_error


class Experts(Model):
    """A small model for each task, which no other task changes.

    After Aljundi et al., "Expert Gate: Lifelong Learning with a Network of Experts" (CVPR 2017),
    section 3, whose gate is an autoencoder for each task. A new task adds an expert with the seed's
    initial weights, and earlier experts stay the same. A sample's distance from a task is its
    expert's error; the scores of `scores.distances` combine these distances.

    Args:
        expert: model of each expert; it must reconstruct samples or tell noise from data.
        options: the model's keyword arguments.
        tasks: number of experts that together have the bytes of one such model; their
            `hidden_sizes` or `channels` shrink by the same share. 1 keeps the full size.
    """

    name = "experts"
    abilities = frozenset({DISTANCES})
    default_score: ClassVar[str] = "auto-margin"
    keeps_tasks_apart: ClassVar[bool] = True

    def __init__(
        self,
        shape: tuple[int, ...],
        seeds: Sequence[int],
        /,
        expert: str = "vae",
        options: dict[str, Any] | None = None,
        tasks: int = 9,
    ) -> None:
        super().__init__(shape, seeds)
        if tasks < 1:
            raise InputError(setting="tasks", expected="to be 1 or more", got=tasks)
        self._seeds, self._class = seeds, _class_of(expert)
        self._options = _of_a_share(self._class, shape, dict(options or {}), tasks)
        self.experts = nn.ModuleList([self._made()])
        self.register_load_state_dict_pre_hook(_as_many_as_there_are)

    def _made(self) -> Model:
        return _make(self._class, self.features, self._seeds, self._options)

    def begin_task(self, number: int) -> None:
        """Add the expert of a task; earlier ones are no longer trained."""
        device = next(self.experts.parameters()).device
        while len(self.experts) < number:
            self.experts.append(self._made().to(device))
        while len(self.experts) > number:
            del self.experts[-1]

    def named_parameters(self, *args: Any, **how: Any) -> Iterator[tuple[str, nn.Parameter]]:
        """Return the trained parameters, which are the last expert's."""
        last = f"experts.{len(self.experts) - 1}."
        parameters = super().named_parameters(*args, **how)
        return ((name, p) for name, p in parameters if last in name)

    def loss(self, x: Tensor, random: Draws) -> Tensor:
        """Return the last expert's loss, (R, B)."""
        return self._all[-1].loss(x, random)

    @property
    def _all(self) -> list[Model]:
        return [expert for expert in self.experts if isinstance(expert, Model)]

    def reconstruct(self, x: Tensor) -> FromExperts:
        """Pass samples (R, B, *features) through all experts."""
        return FromExperts(self._all, x)

    def training_bytes(self, batch_size: int) -> int:  # noqa: D102
        return self._all[-1].training_bytes(batch_size)


def _class_of(name: str) -> type[Model]:
    from cl_anomaly.models import find_model  # imports all models, this one included

    model = find_model(name)
    if not {RECONSTRUCT, NOISE} & model.abilities:
        raise InputError(
            setting="expert",
            expected="to be a model that can reconstruct samples or tell noise from data",
            but=f"{model.name} cannot",
        )
    return model


def _make(
    cls: type[Model], shape: tuple[int, ...], seeds: Sequence[int], options: dict[str, Any]
) -> Model:
    known = [p.name for p in inspect.signature(cls).parameters.values()]
    for name in options:
        if name not in known[2:]:
            options_of = ", ".join(known[2:])
            raise InputError(f"Expected options of {cls.name} ({options_of}), but got `{name}`.")
    made: Any = cls
    arguments = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
    return made(shape, seeds, **arguments)


def _of_a_share(
    cls: type[Model], shape: tuple[int, ...], options: dict[str, Any], tasks: int
) -> dict[str, Any]:
    """Shrink sizes until a model has at most its share of the bytes."""
    arguments = inspect.signature(cls).parameters
    name = next((size for size in _SIZES if size in arguments), None)
    if tasks == 1 or name is None:
        return options
    full = tuple(options.get(name, arguments[name].default))

    def count(sizes: tuple[int, ...]) -> int:
        with torch.random.fork_rng(devices=[]):
            made = _make(cls, shape, [0], options | {name: sizes})
        return sum(p.numel() for p in made.parameters())

    most, low, high = count(full) / tasks, 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        fits = count(_smaller(full, middle)) <= most
        low, high = (middle, high) if fits else (low, middle)
    return options | {name: _smaller(full, low)}


def _smaller(sizes: tuple[int, ...], share: float) -> tuple[int, ...]:
    return tuple(max(1, int(size * share)) for size in sizes)


def _as_many_as_there_are(
    module: nn.Module, state: dict[str, Tensor], prefix: str, *_args: object
) -> None:
    """Make as many experts as the state about to be loaded has."""
    start = f"{prefix}experts."
    numbers = {int(k[len(start) :].partition(".")[0]) for k in state if k.startswith(start)}
    if isinstance(module, Experts) and numbers:
        module.begin_task(max(numbers) + 1)
