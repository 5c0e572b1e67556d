"""Checkpoints of a run, saved so that one of the last two always loads.

A checkpoint is a pair of files: `000012.safetensors` holds the tensors, and `000012.json` all else
and the SHA-256 of both. The second is written last: without it, the first does not count. Neither
can run code.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cl_anomaly.core.errors import InputError, RunError
from cl_anomaly.core.state import State
from cl_anomaly.store.files import (
    DamagedError,
    check_fingerprint,
    fingerprint_of,
    read_sealed,
    remove_partial,
    replacing,
    write_sealed,
)

if TYPE_CHECKING:
    from torch import Tensor

# PyTorch is imported only to write or read tensors: `cl-anomaly runs` does not wait for it.
_COUNT = 2


class Checkpoints:
    """The last checkpoints of one run.

    Args:
        folder: made when it is needed.
        run: fingerprint of the run; checkpoints of another are refused.

    Attributes:
        refused: why newer checkpoints than the loaded one could not be used.
    """

    def __init__(self, folder: Path, run: str) -> None:
        self._folder = folder
        self._run = run
        self._whole: list[int] = []
        self.refused: list[str] = []

    def save(self, state: State) -> None:
        """Save a state, and remove all checkpoints but the last two.

        Raises:
            RunError: it could not be written; earlier checkpoints are unchanged.
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
        self._whole = [*self._whole, number][-_COUNT:]
        self._remove_others()

    def load(self) -> State | None:
        """Load the last undamaged state, or return None."""
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
        return State(description["values"], read_tensors(tensors))

    def _path(self, number: int, ending: str) -> Path:
        return self._folder / f"{number:06d}.{ending}"

    def _numbers(self) -> list[int]:
        return [int(path.stem) for path in self._folder.glob("*.json") if path.stem.isdecimal()]

    def _remove_others(self) -> None:
        whole = {self._path(n, ending) for n in self._whole for ending in ("json", "safetensors")}
        # What describes a file goes before the file.
        for path in sorted(self._folder.iterdir()):
            if path not in whole:
                path.unlink(missing_ok=True)


def last_position(folder: Path) -> dict[str, Any] | None:
    """Read the values of the newest readable checkpoint, without its tensors."""
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

    # Strategies keep tensors on any device, of any layout, and several views of one.
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
    path.chmod(ordinary)  # the library would let this user alone read it


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a file of tensors.

    Raises:
        InputError: it could not be read.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        loaded = load(path.read_bytes())
    except (OSError, SafetensorError) as error:
        raise InputError(f"Could not read {path}: {error}.") from error
    # Copies are aligned as PyTorch's own tensors: its kernels may otherwise round sums in another
    # order.
    return {name: tensor.clone() for name, tensor in loaded.items()}
