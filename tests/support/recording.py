"""A stand-in for CUDA graphs: records a function's operations on tensors, and replays them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from cl_anomaly.training import loop as training


class Recording(TorchDispatchMode):
    """Operations as they reached the device: with which tensors, into which tensors.

    Recording runs nothing for good on a GPU; here it does, so what it changed is put back.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__()
        self._calls: list[tuple[Any, Any, Any, Any]] = []
        self._before: dict[int, tuple[Tensor, Tensor, Tensor]] = {}
        self.replays = 0
        with self:
            work()
        with torch.no_grad():
            # Backwards: of two names for the same memory, the first saw it as it was.
            for _, tensor, value in reversed(self._before.values()):
                tensor.copy_(value)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        for tensor in _written(func, args, kwargs):
            # With itself: the id of what is gone would be given to another.
            kept = (tensor, tensor.detach(), tensor.detach().clone())
            self._before.setdefault(id(tensor), kept)
        out = func(*args, **kwargs)
        self._calls.append((func, args, kwargs, out))
        return out

    @torch.no_grad()
    def replay(self) -> None:
        self.replays += 1
        for func, args, kwargs, out in self._calls:
            again = func(*args, **kwargs)
            for old, new in zip(tree_leaves(out), tree_leaves(again), strict=True):
                if isinstance(old, Tensor) and old.data_ptr() != new.data_ptr():
                    old.copy_(new)


def _written(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Tensor]:
    """The tensors that an operation writes into, and none that it only reads."""
    given = kwargs | {own.name: value for own, value in zip(func._schema.arguments, args)}  # noqa: B905
    written = [
        given[own.name]
        for own in func._schema.arguments
        if own.alias_info is not None and own.alias_info.is_write and own.name in given
    ]
    return [own for own in tree_leaves(written) if isinstance(own, Tensor)]


@contextmanager
def recorded_steps() -> Iterator[list[Recording]]:
    """Let training on the processor record and replay its steps, as it does on a GPU."""
    recordings: list[Recording] = []

    def record(work: Callable[[], None]) -> Callable[[], None]:
        recordings.append(Recording(work))
        return recordings[-1].replay

    @contextmanager
    def replayable(device: torch.device) -> Iterator[Callable[..., Any]]:
        yield record

    with patch.object(training, "replayable", replayable):
        yield recordings
