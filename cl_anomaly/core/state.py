"""Checkpoint state: JSON values and named tensors."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

# PyTorch is imported where tensors are: `cl-anomaly runs` does not wait for it.


class CannotKeepError(Exception):
    """A strategy cannot return its state, and so cannot be resumed."""


class PauseReason(Enum):
    """Why a run's training is paused, if it is."""

    NONE = auto()
    CHECKPOINT = auto()
    END = auto()


@dataclass
class State:
    """The state of a run or a part of it, from which it can be resumed."""

    values: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)

    def add(self, prefix: str, tensors: dict[str, Tensor]) -> None:
        """Add tensors, with a prefix before their names."""
        self.tensors |= {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}

    def part(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors with a prefix, without it."""
        start = f"{prefix}/"
        return {k.removeprefix(start): v for k, v in self.tensors.items() if k.startswith(start)}
