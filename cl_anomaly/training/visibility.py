"""Guards that let a strategy see the training samples of arrived tasks, and no others."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from cl_anomaly.core.errors import CLAnomalyError, InputError, RunError
from cl_anomaly.core.randomness import StepRandom
from cl_anomaly.data.datasets import Samples
from cl_anomaly.scenarios.base import Label, Scenario
from cl_anomaly.strategies import Strategy
from cl_anomaly.training.hooks import call, named, overrides, shown, stand_in

# How many classes a message names.
_NAMED = 3


@dataclass(frozen=True, eq=False)
class Arrived:
    """The training samples that have arrived when a task, counted from 1, is learnt.

    Attributes:
        mask: (N,), bool, over the training set.
    """

    scenario: Scenario
    number: int
    mask: Tensor

    @classmethod
    def by(cls, scenario: Scenario, number: int) -> "Arrived":
        """Return the samples of the tasks up to and including one."""
        mask = torch.zeros(len(scenario.dataset.train), dtype=torch.bool)
        for task in scenario.tasks[:number]:
            mask[task.indices] = True
        return cls(scenario, number, mask)

    def others(self, places: Tensor) -> str | None:
        """Describe the samples at these places, of any shape, int64, that have not arrived."""
        places = places.flatten().cpu()
        places = places[~self.mask[places]]
        if not len(places):
            return None
        # The worst first.
        counts = self.scenario.classes_of(places.unique())
        lines = [f"{count} of class {label}, {self._why(label)}" for label, count in counts]
        more = [f"and those of {len(lines) - _NAMED} more classes"] if len(lines) > _NAMED else []
        return "; ".join(lines[:_NAMED] + more)

    def _why(self, label: Label) -> str:
        if self.scenario.is_anomalous(label):
            return "the anomaly class"
        task = self.scenario.task_of(label)
        if task is None:
            return "which belongs to no task"
        arrived = task.number <= self.number
        return f"which {'is kept out of' if arrived else 'arrives with'} task {task.number}"


def visible_indices(
    strategy: Strategy, scenarios: Sequence[Scenario], seeds: Sequence[int], number: int
) -> list[Tensor]:
    """Return the places that each replica may see in a task, from 1: R tensors (n_r,), int64.

    Raises:
        RunError: the strategy returned something else, or samples that have not arrived.
    """
    given = [_asked(strategy, scenario, number) for scenario in scenarios]
    for seed, scenario, indices in zip(seeds, scenarios, given, strict=True):
        if got := _not_places(indices, len(strategy.samples)):
            raise RunError(
                f"Expected {named(strategy, 'training_indices')} to give one or more places in "
                f"the training set, (n,), int64, from 0 to {len(strategy.samples) - 1}, but in "
                f"task {number} it gave {got}."
            )
        if leak := _leak(strategy, scenario, seed, number, indices):
            raise RunError(leak)
    return given


def refuse_other_lengths(strategy: Strategy, visible: Sequence[Tensor]) -> None:
    """Refuse replicas that see different numbers of samples: one Adam could not count their steps.

    Raises:
        RunError: they do.
    """
    if len(counts := {len(places): None for places in visible}) > 1:
        raise RunError(
            f"Expected {named(strategy, 'training_indices')} to give as many samples to each "
            f"replica of a stream without boundaries, but in portion {strategy.task_number} it "
            f"gave {', '.join(map(str, counts))}. Run one seed at a time."
        )


def refuse_leaks_ahead(
    strategy: Strategy, scenarios: Sequence[Scenario], seeds: Sequence[int]
) -> None:
    """Ask a copy of a strategy for the samples of all tasks, to refuse leaks before any training.

    The strategy is asked again at every task, as its answer may depend on training.

    Raises:
        InputError: it returned samples that have not arrived.
    """
    if not overrides(strategy, "training_indices"):
        return
    copy, device = stand_in(strategy), strategy.samples.stored.device
    for number in range(1, len(scenarios[0].tasks) + 1):
        copy.task_number = number
        copy.random = StepRandom(seeds, "strategy", number, device=device)
        for seed, scenario in zip(seeds, scenarios, strict=True):
            indices = _answer(copy, scenario, number)
            if indices is not None and (leak := _leak(strategy, scenario, seed, number, indices)):
                raise InputError(leak)


@contextmanager
def watched(
    strategy: Strategy, hook: str, scenarios: Sequence[Scenario], number: int
) -> Iterator[None]:
    """Let a strategy look up, in a hook, only samples that have arrived.

    Raises:
        RunError: it looked up others.
    """
    samples = strategy.samples
    arrived = [Arrived.by(scenario, number) for scenario in scenarios]
    masks = torch.stack([of_replica.mask for of_replica in arrived]).to(samples.stored.device)

    def check(indices: Tensor) -> None:
        if indices.dim() > 1 and len(indices) == len(masks):
            hidden = ~masks.gather(1, indices.flatten(1))
        else:
            hidden = ~masks.any(0)[indices.flatten()][None]
        if hidden.any():
            replica = int(hidden.any(1).nonzero()[0])
            rows = indices.flatten(1) if len(hidden) > 1 else indices.flatten()[None]
            raise RunError(
                f"Expected {named(strategy, hook)} to look up samples of the tasks that have "
                f"arrived, but in task {number} it asked for others too: "
                f"{arrived[replica].others(rows[replica])}."
            )

    strategy.samples = _Watched(samples.stored, samples.scale, samples.scaling, check=check)
    try:
        yield
    finally:
        strategy.samples = samples


@dataclass(frozen=True, eq=False)
class _Watched(Samples):
    check: Callable[[Tensor], None] = field(kw_only=True)

    def as_stored(self, indices: Tensor) -> Tensor:
        self.check(indices)
        return super().as_stored(indices)


def _asked(strategy: Strategy, scenario: Scenario, number: int) -> Tensor:
    tasks = scenario.tasks
    return call(strategy, "training_indices", tasks[number - 1], tasks[:number])


def _answer(copy: Strategy, scenario: Scenario, number: int) -> Tensor | None:
    """Ask an untrained copy; None if it cannot answer."""
    try:
        indices = _asked(copy, scenario, number)
    except CLAnomalyError:
        return None
    return None if _not_places(indices, len(copy.samples)) else indices


def _not_places(indices: Any, count: int) -> str | None:
    """Describe indices that are not one or more of `count` places; None for places."""
    is_list = isinstance(indices, Tensor) and indices.dtype == torch.int64 and indices.dim() == 1
    if not is_list or not len(indices):
        return shown(indices)
    low, high = int(indices.min()), int(indices.max())
    return f"{low} to {high}" if low < 0 or high >= count else None


def _leak(
    strategy: Strategy, scenario: Scenario, seed: int, number: int, indices: Tensor
) -> str | None:
    others = Arrived.by(scenario, number).others(indices)
    return others and (
        f"Expected {named(strategy, 'training_indices')} to give samples of the tasks that have "
        f"arrived, but in task {number}, with seed {seed} and anomaly class "
        f"{scenario.anomaly_class}, it gave others too: {others}. Use `task.indices` and those of "
        f"`seen`."
    )
