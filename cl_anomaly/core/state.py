"""Where a run is, as values and tensors: what everything gives that can go on later."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

# PyTorch is imported where tensors are: `cl-anomaly runs` does not wait for it.


class CannotKeepError(Exception):
    """A strategy cannot give what it keeps, and so cannot be resumed."""


class Wanted(Enum):
    """What a run's training is to be left for."""

    NOTHING = auto()
    CHECKPOINT = auto()
    END = auto()


@dataclass
class State:
    """Everything that a run, or a part of one, needs to go on.

    Attributes:
        values: as JSON can hold them.
        tensors: by name.
    """

    values: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)

    def add(self, prefix: str, tensors: dict[str, Tensor]) -> None:
        """Add tensors under names that begin with a prefix."""
        self.tensors |= {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}

    def part(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors whose names begin with a prefix, without it."""
        start = f"{prefix}/"
        return {k.removeprefix(start): v for k, v in self.tensors.items() if k.startswith(start)}
