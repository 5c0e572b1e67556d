"""Checkpoints: what a run needs to go on where it was, saved so that one of two always loads.

A checkpoint is a pair of files, `000012.safetensors` with the tensors and `000012.json` with all
else and the SHA-256 of both. The second is written last: without it, the first does not count.
Neither holds anything that could run code.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cl_anomaly.core.errors import RunError
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

# PyTorch is imported where tensors are written or read: `cl-anomaly runs` does not wait for it.

_KEPT = 2


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
