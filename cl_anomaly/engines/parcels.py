"""A run's folder and its strategy's files as bytes, for machines without a common disk."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.events import EVENTS_FILE
from cl_anomaly.core.json_files import write_json
from cl_anomaly.runs.folder_lock import claimed
from cl_anomaly.settings.run_config import RunConfig
from cl_anomaly.settings.strategy_names import file_of, with_file
from cl_anomaly.store.files import LOCK_FILE, MANIFEST_FILE, PARTIAL, check_files, publish
from cl_anomaly.store.status import (
    CHECKPOINTS_FOLDER,
    CONFIG_FILE,
    STATUS_FILE,
    TRACKED_FILE,
    is_finished,
)

# Files that change during a run; a manifest covers none of them but the status of a finished run.
_NOT_SEALED = (TRACKED_FILE, EVENTS_FILE)


@dataclass(frozen=True)
class Parcel:
    """A run's folder as bytes.

    Attributes:
        name: the folder's name.
        files: their content, by their path in it.
        is_complete: whether it holds results, or only what is needed to resume.
    """

    name: str
    files: dict[str, bytes]
    is_complete: bool

    @property
    def _not_sealed(self) -> tuple[str, ...]:
        return _NOT_SEALED if self.is_complete else (*_NOT_SEALED, STATUS_FILE)

    @classmethod
    def of(cls, folder: Path) -> "Parcel | None":
        """Pack a folder; return None if it holds nothing to resume from.

        Raises:
            InputError: it is damaged.
        """
        if not (folder / MANIFEST_FILE).exists():
            return None
        check_files(folder)
        paths = [path for path in folder.rglob("*") if path.is_file() and _travels(path)]
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
        return cls(folder.name, files, is_finished(folder))

    def unpack(self, out: Path, config: RunConfig | None = None) -> Path:
        """Write the folder into `out`, whole or not at all, and return it; a finished one stays.

        Args:
            config: the sender's, which has other paths. Default: the packed one.

        Raises:
            InputError: it is not what was packed.
            RunError: it could not be written, or another process writes there.
        """
        with tempfile.TemporaryDirectory() as place:
            self._write(Path(place))
            check_files(Path(place))
        with claimed(out, self.name, again=False) as folder:
            if is_finished(folder):
                return folder
            # Checkpoints first: the manifest, which is written last, announces them.
            self._write(folder, CHECKPOINTS_FOLDER)
            for name in self._not_sealed:
                self._write(folder, name)
            publish(folder, lambda partial: self._write_own(partial, config), self.is_complete)
        return folder

    def _write(self, folder: Path, only: str = "") -> None:
        for name, content in self.files.items():
            if name.startswith(only):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)

    def _write_own(self, folder: Path, config: RunConfig | None) -> None:
        for name, content in self.files.items():
            if "/" not in name and name not in (MANIFEST_FILE, *self._not_sealed):
                (folder / name).write_bytes(content)
        if config is not None:
            write_json(folder / CONFIG_FILE, config.to_dict())


def _travels(path: Path) -> bool:
    return path.name != LOCK_FILE and not path.name.endswith(PARTIAL)


@dataclass(frozen=True)
class OwnCode:
    """A strategy's file, and the Python files beside it that it may import, by name."""

    name: str
    files: dict[str, bytes]

    @classmethod
    def of(cls, config: RunConfig) -> "OwnCode | None":
        """Pack the strategy's files; return None if it is no user's file.

        Raises:
            InputError: it cannot be read.
        """
        file = file_of(config.strategy) if isinstance(config.strategy, str) else None
        if file is None:
            return None
        try:
            beside = {path.name: path.read_bytes() for path in sorted(file.parent.glob("*.py"))}
            return cls(file.name, beside | {file.name: file.read_bytes()})
        except OSError as error:
            raise InputError(f"Expected to read {file}: {error.strerror}.") from error


@contextmanager
def unpacked_code(config: RunConfig, code: OwnCode | None) -> Iterator[RunConfig]:
    """Unpack a strategy's files for a while, and yield the configuration that loads them."""
    if code is None:
        yield config
        return
    with tempfile.TemporaryDirectory() as place:
        for name, content in code.files.items():
            (Path(place) / name).write_bytes(content)
        strategy: Any = with_file(str(config.strategy), Path(place) / code.name)
        yield replace(config, strategy=strategy)
