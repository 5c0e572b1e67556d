"""What a strategy keeps for later tasks: state, resume and memory bytes follow from it."""

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

    A module that has been loaded is there as its weights, until `module` makes it of them.
    """

    def __setitem__(self, name: str, value: Any) -> None:
        """Keep something.

        Raises:
            RunError: it cannot be written into a file of tensors.
        """
        for _ in _tensors(name, value):  # raises for what is none
            pass
        super().__setitem__(name, value)

    def module(self, name: str, like: Callable[[], AnyModule]) -> AnyModule | None:
        """Return a module that is kept, or None.

        Args:
            name: its name.
            like: gives one with the same layers, where its weights have been loaded.
        """
        value = self.get(name)
        if isinstance(value, dict):
            made = frozen(like())
            made.load_state_dict(value)
            self[name] = value = made
        return value

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors: NAME, NAME/KEY of a dictionary or a module, NAME#PLACE of a list."""
        return {k: own for name, value in self.items() for k, own in _tensors(name, value)}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take back copies of what `tensors` returned; forget everything else."""
        self.clear()
        lists: dict[str, dict[int, Tensor]] = {}
        for key, own in tensors.items():
            name, in_dict, inner = key.partition(_IN_DICT)
            of_list, in_list, place = name.partition(_IN_LIST)
            if in_dict:
                self.setdefault(name, {})[inner] = own.clone()
            elif in_list:
                lists.setdefault(of_list, {})[int(place)] = own.clone()
            else:
                self[name] = own.clone()
        for name, places in lists.items():
            self[name] = [places[place] for place in sorted(places)]


def _tensors(name: str, value: Any) -> Iterator[tuple[str, Tensor]]:
    """Yield a value's tensors by the names that they have in a file."""
    if isinstance(value, Tensor):
        found = {name: value}
    elif isinstance(value, Mapping | nn.Module):
        of = value.state_dict() if isinstance(value, nn.Module) else value
        found = {f"{name}{_IN_DICT}{key}": own for key, own in of.items()}
    elif isinstance(value, list | tuple):
        found = {f"{name}{_IN_LIST}{place}": own for place, own in enumerate(value)}
    else:
        found = {name: value}
    for key, own in found.items():
        if not isinstance(own, Tensor) or {_IN_DICT, _IN_LIST} & set(name):
            raise RunError(
                f"Expected `kept[{name!r}]` to be a tensor, a dictionary or a list of tensors, or "
                f"a module, under a name without {_IN_DICT} and {_IN_LIST}, but got "
                f"{type(own).__name__}."
            )
        yield key, own.detach()
