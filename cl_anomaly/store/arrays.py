"""Files of arrays, each read when it is asked for; no code that lies there is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from cl_anomaly.store.files import DamagedError

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Arrays(Mapping[str, "NDArray[Any]"]):
    """The arrays of a file by name, each read once: all of them may be large.

    Args:
        path: the file.
        without: names that are left out.

    Raises:
        DamagedError: it is not what was written.
    """

    def __init__(self, path: Path, without: Set[str] = frozenset()) -> None:
        import numpy as np

        self._path = path
        with _readable(path), np.load(path, allow_pickle=False) as archive:
            self._names = [name for name in archive.files if name not in without]
        self._known: dict[str, NDArray[Any]] = {}

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Read an array."""
        import numpy as np

        if name not in self._names:
            raise KeyError(name)
        if name not in self._known:
            with _readable(self._path), np.load(self._path, allow_pickle=False) as archive:
                self._known[name] = archive[name]
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter(self._names)

    def __len__(self) -> int:
        """Count the arrays."""
        return len(self._names)

    def __repr__(self) -> str:
        """Name the arrays, and read none."""
        return f"{type(self).__name__}({', '.join(self._names)})"


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Name the file that cannot be read."""
    try:
        yield
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise DamagedError(path, " ".join(str(error).split())) from error
