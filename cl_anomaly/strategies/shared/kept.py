"""Tensors that a strategy keeps for later tasks: checkpoints and memory bytes follow from them."""

from __future__ import annotations

import copy
from collections import UserDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from torch import Tensor, nn

from cl_anomaly.core.errors import RunError

_IN_DICT, _IN_LIST = "/", "#"

AnyModule = TypeVar("AnyModule", bound=nn.Module)


def frozen(module: AnyModule) -> AnyModule:
    """Copy a module, without gradients."""
    return copy.deepcopy(module).requires_grad_(False)


class Kept(UserDict[str, Any]):
    """Tensors by name, (R, ...), or dictionaries or lists of them, or modules.

    A loaded module is a dictionary of its weights, until `module` builds it.
    """

    def __setitem__(self, name: str, value: Any) -> None:
        """Keep a value.

        Raises:
            RunError: it cannot be written into a file of tensors.
        """
        list(_tensors(name, value))  # raises the error
        super().__setitem__(name, value)

    def module(self, name: str, like: Callable[[], AnyModule]) -> AnyModule | None:
        """Return a module, or None; `like` makes one with the same layers for loaded weights."""
        value = self.get(name)
        if isinstance(value, dict):
            made = frozen(like())
            made.load_state_dict(value)
            self[name] = value = made
        return value

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors: NAME, NAME/KEY of a dictionary or a module, NAME#PLACE of a list."""
        return {k: tensor for name, value in self.items() for k, tensor in _tensors(name, value)}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Load copies of what `tensors` returned; forget everything else."""
        self.clear()
        lists: dict[str, dict[int, Tensor]] = {}
        for key, tensor in tensors.items():
            name, in_dict, inner = key.partition(_IN_DICT)
            of_list, in_list, place = name.partition(_IN_LIST)
            if in_dict:
                self.setdefault(name, {})[inner] = tensor.clone()
            elif in_list:
                lists.setdefault(of_list, {})[int(place)] = tensor.clone()
            else:
                self[name] = tensor.clone()
        for name, places in lists.items():
            self[name] = [places[place] for place in sorted(places)]


def _tensors(name: str, value: Any) -> Iterator[tuple[str, Tensor]]:
    """Yield a value's tensors by the names that they have in a file."""
    parts = {name: value}
    if isinstance(value, Mapping | nn.Module):
        items = value.state_dict() if isinstance(value, nn.Module) else value
        parts = {f"{name}{_IN_DICT}{key}": item for key, item in items.items()}
    elif isinstance(value, list | tuple):
        parts = {f"{name}{_IN_LIST}{place}": item for place, item in enumerate(value)}
    for key, part in parts.items():
        if not isinstance(part, Tensor) or {_IN_DICT, _IN_LIST} & set(name):
            raise RunError(
                f"Expected `kept[{name!r}]` to be a tensor, a dictionary or a list of tensors, or "
                f"a module, under a name without {_IN_DICT} and {_IN_LIST}, but got "
                f"{type(part).__name__}."
            )
        yield key, part.detach()
