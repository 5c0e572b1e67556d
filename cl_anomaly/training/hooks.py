"""Guards of a strategy's hooks: explain their errors, and check their results."""

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


class StepHooks:
    """The hooks that are called in every step of training on a task.

    Attributes:
        extend_seconds: spent in `extend` so far; None if a device replays whole steps.
    """

    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy
        self.after_backward = _hook_or_nothing(strategy, "after_backward")
        self.after_step = _hook_or_nothing(strategy, "after_step")
        on_cpu = strategy.samples.stored.device.type != "cuda"
        self.extend_seconds: float | None = 0.0 if on_cpu else None

    def extend(self, x: Tensor) -> Tensor:
        """Return the batch to train on, (R, B', *features), for visible samples (R, B, *features).

        Raises:
            RunError: the hook raised an error, or returned something else than a batch.
        """
        before = time.perf_counter()
        batch = call(self._strategy, "extend", x)
        if not (
            isinstance(batch, Tensor)
            and batch.dim() == x.dim()
            and batch.shape[0] == x.shape[0]
            and batch.shape[1] > 0
            and batch.shape[2:] == x.shape[2:]
            and batch.dtype == x.dtype
            and batch.device == x.device
        ):
            raise self._otherwise(
                "extend",
                f"to turn {shown(x)} into a batch like it, with one or more samples in its second "
                f"dimension",
                shown(batch),
            )
        if self.extend_seconds is not None:
            self.extend_seconds += time.perf_counter() - before
        return batch

    def losses(self, x: Tensor, random: Draws) -> Tensor:
        """Return each sample's loss, (R, B'), of a batch (R, B', *features).

        Raises:
            RunError: the hook raised an error, or returned something else.
        """
        if not overrides(self._strategy, "loss"):
            return self._strategy.model.loss(x, random)
        given = call(self._strategy, "loss", x, random)
        shape = x.shape[:2]
        if not (isinstance(given, Tensor) and given.shape == shape and given.device == x.device):
            raise self._otherwise(
                "loss",
                f"to give one number for each sample, {tuple(shape)}, on {x.device}",
                shown(given),
            )
        return given

    def weighted(self, losses: Tensor, weights: Tensor) -> Tensor:
        """Multiply the first losses of (R, B'), of the visible samples, by weights (R, B).

        Raises:
            RunError: the strategy has left out visible samples.
        """
        count = weights.shape[1]
        if losses.shape[1] < count:
            raise self._otherwise(
                "extend",
                f"to keep the {count} visible samples, first in the batch, because `class_weights` "
                f"weigh them",
                f"{losses.shape[1]} samples",
            )
        return torch.cat([losses[:, :count] * weights, losses[:, count:]], dim=1)

    def penalty(self, x: Tensor) -> Tensor | float:
        """Return the penalty of each replica, (R,), or one for all, for a batch (R, B', *features).

        Raises:
            RunError: the hook raised an error, or returned something else.
        """
        added = call(self._strategy, "penalty", x)
        if isinstance(added, float | int):
            return added
        # Another shape would be broadcast over the replicas, and silently mix them.
        if not (
            isinstance(added, Tensor)
            and added.shape == x.shape[:1]
            and added.is_floating_point()
            and added.device == x.device
        ):
            raise self._otherwise(
                "penalty",
                f"to give one number for each of the {len(x)} replicas, ({len(x)},), on {x.device}",
                f"{shown(added)}. Weights have the replica axis first: sum them with "
                f"`.flatten(1).sum(1)`",
            )
        return added

    def _otherwise(self, hook: str, expected: str, given: str) -> RunError:
        return RunError(
            f"Expected {named(self._strategy, hook)} {expected}, but in task "
            f"{self._strategy.task_number} it gave {given}."
        )


def call(strategy: Strategy, hook: str, *arguments: Any) -> Any:
    """Call a strategy's hook, such as "extend".

    Raises:
        RunError: it raised an error. The message names the line in the strategy's own file.
    """
    try:
        return getattr(strategy, hook)(*arguments)
    except (CLAnomalyError, CannotKeepError):
        raise
    except (Exception, SystemExit) as error:
        raise RunError(
            f"in task {strategy.task_number}: {reason(error, _own_files(strategy))}, raised by "
            f"{named(strategy, hook)}"
        ) from error


def named(strategy: Strategy, hook: str) -> str:
    """Name a hook with its class, as in `EWC.penalty`."""
    return f"{type(strategy).__name__}.{hook}"


def overrides(strategy: Strategy, hook: str) -> bool:
    """Return whether a strategy overrides a hook."""
    return getattr(getattr(strategy, hook), "__func__", None) is not getattr(Strategy, hook)


def _hook_or_nothing(strategy: Strategy, hook: str) -> Callable[[], None]:
    return partial(call, strategy, hook) if overrides(strategy, hook) else lambda: None


def shown(value: Any) -> str:
    """Describe a hook's result in a few words."""
    if isinstance(value, Tensor):
        return f"{tuple(value.shape)}, {str(value.dtype).removeprefix('torch.')} on {value.device}"
    return "None" if value is None else f"a {type(value).__qualname__}"


def stand_in(strategy: Strategy) -> Strategy:
    """Copy a strategy, so that calling hooks leaves it as it is; model and draws are shared."""
    shared: list[Any] = [strategy.model, *strategy.model.modules(), *strategy.model.parameters()]
    shared += [vars(strategy)[name] for name in ("samples", "random") if name in vars(strategy)]
    with suppress(Exception):  # it holds something that cannot be copied, such as an open file
        return copy.deepcopy(strategy, {id(part): part for part in shared})
    return copy.copy(strategy)


def _own_files(strategy: Strategy) -> set[str]:
    files = set()
    for cls in type(strategy).__mro__:
        if issubclass(cls, Strategy) and cls is not Strategy:
            with suppress(TypeError, OSError):  # the class is in no file
                files.add(inspect.getfile(cls))
    return files
