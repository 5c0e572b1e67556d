"""Checkpoints: what a run needs to go on where it was, saved so that one of two always loads.

A checkpoint is a pair of files, `000012.safetensors` with the tensors and `000012.json` with all
else and the SHA-256 of both. The second is written last: without it, the first does not count.
Neither holds anything that could run code.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cl_anomaly.durable import (
    DamagedError,
    check_fingerprint,
    fingerprint_of,
    read_sealed,
    remove_partial,
    replacing,
    write_sealed,
)
from cl_anomaly.errors import Interrupted, RunError
from cl_anomaly.interrupts import StopRequest

if TYPE_CHECKING:
    from torch import Tensor

# PyTorch is imported where tensors are written or read: `cl-anomaly runs` does not wait for it.

_KEPT = 2


class CannotKeepError(Exception):
    """A strategy cannot give what it keeps, and so cannot be resumed."""


class Wanted(Enum):
    """What a run's training is to be left for."""

    NOTHING = auto()
    CHECKPOINT = auto()
    END = auto()


# Within a task, checkpoints may take this share of the time; not more often than so many seconds.
_SHARE_OF_TIME = 0.02
_LEAST_SECONDS = 10.0


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
        """Give the tensors whose names begin with a prefix, without it."""
        start = f"{prefix}/"
        return {k.removeprefix(start): v for k, v in self.tensors.items() if k.startswith(start)}


class Checkpoints:
    """The last checkpoints of one run.

    Args:
        folder: theirs; made when it is needed.
        run: fingerprint of the run, so that those of another are refused.

    Attributes:
        refused: why newer ones than the one that was loaded could not be used.
    """

    def __init__(self, folder: Path, run: str) -> None:
        self._folder = folder
        self._run = run
        self._whole: list[int] = []
        self.refused: list[str] = []

    def save(self, state: State) -> None:
        """Save a state, and take away all but the last two.

        Raises:
            RunError: it could not be written; those before are as they were.
        """
        try:
            self._folder.mkdir(exist_ok=True)
        except OSError as error:
            raise RunError(f"Could not make {self._folder}: {error.strerror}.") from error
        number = max((0, *self._whole, *self._numbers())) + 1
        tensors = self._path(number, "safetensors")
        with replacing(tensors) as partial:
            write_tensors(state.tensors, partial)
            fingerprint = fingerprint_of(partial)
        description = {"run": self._run, "number": number, "tensors": fingerprint}
        write_sealed(self._path(number, "json"), description | {"values": state.values})
        self._whole = [*self._whole, number][-_KEPT:]
        self._remove_others()

    def load(self) -> State | None:
        """Load the last state that is as it was written; None where there is none."""
        remove_partial(self._folder)
        for number in sorted(self._numbers(), reverse=True):
            try:
                state = self._load(number)
            except DamagedError as error:
                self.refused.append(str(error))
            else:
                self._whole = [number]
                return state
        return None

    def _load(self, number: int) -> State:
        path = self._path(number, "json")
        description = read_sealed(path)
        if description["run"] != self._run or description["number"] != number:
            raise DamagedError(path, "it belongs to another run, or to another place in this one")
        tensors = self._path(number, "safetensors")
        check_fingerprint(tensors, description["tensors"])
        # Copies, which lie in memory as tensors of PyTorch's own do: its kernels may round sums in
        # another order where tensors are aligned otherwise.
        from safetensors.torch import load

        loaded = {k: v.clone() for k, v in load(tensors.read_bytes()).items()}
        return State(description["values"], loaded)

    def _path(self, number: int, ending: str) -> Path:
        return self._folder / f"{number:06d}.{ending}"

    def _numbers(self) -> list[int]:
        return [int(path.stem) for path in self._folder.glob("*.json") if path.stem.isdecimal()]

    def _remove_others(self) -> None:
        kept = {self._path(n, ending) for n in self._whole for ending in ("json", "safetensors")}
        # What describes a file goes before the file.
        for path in sorted(self._folder.iterdir()):
            if path not in kept:
                path.unlink(missing_ok=True)


def last_position(folder: Path) -> dict[str, Any] | None:
    """Read the values of the newest checkpoint that can be read, without its tensors."""
    for path in sorted(folder.glob("*.json"), reverse=True):
        try:
            return read_sealed(path)["values"]
        except (DamagedError, KeyError):
            continue
    return None


def write_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    """Write a file of tensors.

    Raises:
        OSError: it could not be written.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    # Whatever a strategy keeps: on any device, of any layout, several views of one tensor.
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    seen: set[int] = set()
    for name, tensor in plain.items():
        if tensor.numel() and tensor.untyped_storage().data_ptr() in seen:
            plain[name] = tensor.clone()
        seen.add(tensor.untyped_storage().data_ptr())
    path.touch()
    ordinary = path.stat().st_mode
    try:
        save_file(plain, path)
    except SafetensorError as error:
        raise OSError(None, str(error)) from error
    path.chmod(ordinary)  # and not for this user alone, which is the library's choice


class Keeper:
    """Decides when a run saves its state: at every task's end, and within long tasks.

    Args:
        checkpoints: where to; None keeps nothing.
        stop: whether the run should end.

    Attributes:
        seconds: that saving has taken.
        cannot_keep: why no more checkpoints are saved, where that is so.
    """

    def __init__(
        self, checkpoints: Checkpoints | None = None, stop: StopRequest | None = None
    ) -> None:
        self._checkpoints = checkpoints
        self._stop = stop or StopRequest()
        self._due = time.monotonic() + _LEAST_SECONDS
        self.seconds = 0.0
        self.cannot_keep: str | None = None

    def wanted(self) -> Wanted:
        """Say whether a task should be left: for a moment, to save its state, or for good."""
        if self._stop.signal is not None:
            return Wanted.END
        overdue = self._checkpoints is not None and time.monotonic() >= self._due
        return Wanted.CHECKPOINT if overdue else Wanted.NOTHING

    def keep(self, state: Callable[[], State], where: str) -> None:
        """Save a state.

        Args:
            state: gives it.
            where: the run is, for a person.

        Raises:
            Interrupted: a signal has asked for the run's end.
            RunError: the state could not be written.
        """
        if self._checkpoints is not None:
            started = time.monotonic()
            try:
                self._checkpoints.save(state())
            except CannotKeepError as error:
                # Those before stay: from them, the run can still go on.
                self._checkpoints, self.cannot_keep = None, str(error)
            took = time.monotonic() - started
            self.seconds += took
            self._due = time.monotonic() + max(_LEAST_SECONDS, took / _SHARE_OF_TIME)
        if self._stop.signal is not None:
            raise Interrupted(where, self._stop.signal, self.cannot_keep)
