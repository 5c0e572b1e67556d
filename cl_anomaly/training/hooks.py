"""Calls of a strategy's hooks: what they raise is explained, and what they give is looked at."""

import copy
import inspect
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import torch
from torch import Tensor

from cl_anomaly.core.errors import CLAnomalyError, RunError, reason
from cl_anomaly.core.randomness import Draws
from cl_anomaly.core.state import CannotKeepError
from cl_anomaly.strategies import Strategy


def call(strategy: Strategy, hook: str, *arguments: Any) -> Any:
    """Call a hook of a strategy.

    Args:
        strategy: whose hook it is.
        hook: its name, such as "extend".
        arguments: what it takes.

    Raises:
        RunError: it raised an error. The message names the line in the strategy's own file.
    """
    try:
        return getattr(strategy, hook)(*arguments)
    except (CLAnomalyError, CannotKeepError):
        raise
    except (Exception, SystemExit) as error:  # as of one that wants to end the program
        raise RunError(
            f"in task {strategy.task_number}: {reason(error, _own_files(strategy))}, raised by "
            f"{named(strategy, hook)}"
        ) from error


def named(strategy: Strategy, hook: str) -> str:
    """Name a hook with its class, as in `EWC.penalty`."""
    return f"{type(strategy).__name__}.{hook}"


def overrides(strategy: Strategy, hook: str) -> bool:
    """Return whether a strategy has a hook of its own."""
    return getattr(getattr(strategy, hook), "__func__", None) is not getattr(Strategy, hook)


def hook_or_nothing(strategy: Strategy, hook: str) -> Callable[[], None]:
    """Return what calls a hook at every step; nothing where the strategy has none of its own."""
    if not overrides(strategy, hook):
        return lambda: None
    return partial(call, strategy, hook)


def extended(strategy: Strategy, x: Tensor) -> Tensor:
    """Ask for the batch that is trained on, and look at its form.

    Args:
        strategy: whose `extend` is called.
        x: (R, B, *features), the visible samples.

    Raises:
        RunError: it raised an error, or gave something else than a batch.
    """
    batch = call(strategy, "extend", x)
    if not (
        isinstance(batch, Tensor)
        and batch.dim() == x.dim()
        and batch.shape[0] == x.shape[0]
        and batch.shape[1] > 0
        and batch.shape[2:] == x.shape[2:]
        and batch.dtype == x.dtype
        and batch.device == x.device
    ):
        raise RunError(
            f"Expected {named(strategy, 'extend')} to turn {shown(x)} into a batch like it, with "
            f"one or more samples in its second dimension, but in task {strategy.task_number} it "
            f"gave {shown(batch)}."
        )
    return batch


def penalty(strategy: Strategy, x: Tensor) -> Tensor | float:
    """Ask for what is added to each replica's loss, and look at its form.

    Args:
        strategy: whose `penalty` is called.
        x: (R, B', *features), the batch that is trained on.

    Returns:
        (R,), or one number for all.

    Raises:
        RunError: it raised an error, or gave something else.
    """
    added = call(strategy, "penalty", x)
    if isinstance(added, float | int):
        return added
    # Another shape would be spread over the replicas, and mix them without a word.
    if not (
        isinstance(added, Tensor)
        and added.shape == x.shape[:1]
        and added.is_floating_point()
        and added.device == x.device
    ):
        raise RunError(
            f"Expected {named(strategy, 'penalty')} to give one number for each of the {len(x)} "
            f"replicas, ({len(x)},), on {x.device}, but in task {strategy.task_number} it gave "
            f"{shown(added)}. Weights have the replica axis first: sum them with "
            f"`.flatten(1).sum(1)`."
        )
    return added


def losses(strategy: Strategy, x: Tensor, random: Draws) -> Tensor:
    """Ask for each sample's loss, and look at its form.

    Args:
        strategy: whose `loss` is called.
        x: (R, B', *features), the batch that is trained on.
        random: what the model draws from.

    Returns:
        (R, B').

    Raises:
        RunError: it raised an error, or gave something else.
    """
    if not overrides(strategy, "loss"):
        return strategy.model.loss(x, random)
    given = call(strategy, "loss", x, random)
    if not (isinstance(given, Tensor) and given.shape == x.shape[:2] and given.device == x.device):
        raise RunError(
            f"Expected {named(strategy, 'loss')} to give one number for each sample, "
            f"{tuple(x.shape[:2])}, on {x.device}, but in task {strategy.task_number} it gave "
            f"{shown(given)}."
        )
    return given


def weighted(strategy: Strategy, losses: Tensor, weights: Tensor) -> Tensor:
    """Multiply the losses of the visible samples, which come first in a batch, by their weights.

    Args:
        strategy: whose `extend` made the batch.
        losses: (R, B'), of each sample in the batch.
        weights: (R, B), of the visible samples; what the strategy has added has weight 1.

    Raises:
        RunError: the strategy has left visible samples out.
    """
    count = weights.shape[1]
    if losses.shape[1] < count:
        raise RunError(
            f"Expected {named(strategy, 'extend')} to keep the {count} visible samples, first in "
            f"the batch, because `class_weights` weigh them, but in task {strategy.task_number} it "
            f"gave {losses.shape[1]} samples."
        )
    return torch.cat([losses[:, :count] * weights, losses[:, count:]], dim=1)


class StepHooks:
    """The hooks that are called in every step of training on a task.

    Args:
        strategy: prepared for the task.
        autocast: in which `extend`, `loss` and `penalty` are computed.

    Attributes:
        autocast: as it was given.
        after_backward: calls the strategy's.
        after_step: calls the strategy's.
        extend_seconds: in the strategy's `extend` so far; None where a device repeats steps whole.
    """

    def __init__(self, strategy: Strategy, autocast: torch.autocast) -> None:
        self._strategy, self.autocast = strategy, autocast
        self.after_backward = hook_or_nothing(strategy, "after_backward")
        self.after_step = hook_or_nothing(strategy, "after_step")
        on_cpu = strategy.samples.stored.device.type != "cuda"
        self.extend_seconds: float | None = 0.0 if on_cpu else None

    def extend(self, x: Tensor) -> Tensor:
        """Call the strategy's, see `extended`."""
        before = time.perf_counter()
        x = extended(self._strategy, x)
        if self.extend_seconds is not None:
            self.extend_seconds += time.perf_counter() - before
        return x

    def loss(self, x: Tensor, random: Draws, weights: Tensor | None = None) -> Tensor:
        """Call the strategy's, see `losses`, and weigh what it gives, see `weighted`."""
        given = losses(self._strategy, x, random)
        return given if weights is None else weighted(self._strategy, given, weights)

    def penalty(self, x: Tensor) -> Tensor | float:
        """Call the strategy's, see `penalty`."""
        return penalty(self._strategy, x)


def shown(value: Any) -> str:
    """Describe what a hook gave, in a few words."""
    if isinstance(value, Tensor):
        return f"{tuple(value.shape)}, {str(value.dtype).removeprefix('torch.')} on {value.device}"
    return "None" if value is None else f"a {type(value).__qualname__}"


def stand_in(strategy: Strategy) -> Strategy:
    """Make a copy that can be asked without the strategy's noticing; model and draws are shared."""
    shared: list[Any] = [strategy.model, *strategy.model.modules(), *strategy.model.parameters()]
    shared += [vars(strategy)[name] for name in ("samples", "random") if name in vars(strategy)]
    with suppress(Exception):  # of what Python cannot copy, such as an open file
        return copy.deepcopy(strategy, {id(own): own for own in shared})
    return copy.copy(strategy)


def _own_files(strategy: Strategy) -> set[str]:
    files = set()
    for cls in type(strategy).__mro__:
        if issubclass(cls, Strategy) and cls is not Strategy:
            with suppress(TypeError, OSError):  # of a class that is in no file
                files.add(inspect.getfile(cls))
    return files
