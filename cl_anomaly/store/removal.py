"""A folder of results taken away: only what the program wrote, and nothing where there is more."""

import os
import re
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from cl_anomaly.core.errors import InputError, RunError
from cl_anomaly.core.events import EVENTS_FILE
from cl_anomaly.core.json_files import read_json
from cl_anomaly.store.files import (
    LOCK_FILE,
    MANIFEST_FILE,
    PARTIAL,
    DamagedError,
    is_locked,
    locked,
    read_sealed,
)
from cl_anomaly.store.fingerprint import OWN_FILE
from cl_anomaly.store.status import (
    CHECKPOINTS_FOLDER,
    CONFIG_FILE,
    ENVIRONMENT_FILE,
    PAGE_FILE,
    RUNS_FILE,
    STATUS_FILE,
    TRACKED_FILE,
)

_CHECKPOINT = re.compile(r"\d{6,}\.(json|safetensors)")
_MOST_NAMED = 3


@dataclass(frozen=True)
class Removable:
    """A folder that may be taken away.

    Attributes:
        bytes: of all that is in it.
        used_by: the comparisons and suites beside it that name it as one of their runs.
    """

    folder: Path
    bytes: int
    used_by: tuple[Path, ...]


def check_removable(folder: Path) -> Removable:
    """Make sure that a folder holds what the program wrote, and nothing else.

    Args:
        folder: of a run, a comparison or a suite.

    Raises:
        InputError: it is no such folder, holds something else, or does not say what was written.
        RunError: a process is writing there.
    """
    _check_content(folder)
    if is_locked(folder):
        raise RunError(
            f"A process is writing {folder}, and nothing was removed. Wait until it has ended, or "
            f"end it with Ctrl-C."
        )
    sizes = [path.lstat().st_size for path in folder.rglob("*") if path.is_file()]
    return Removable(folder, sum(sizes), tuple(_users(folder)))


def _check_content(folder: Path) -> None:
    if folder.is_symlink() or not folder.is_dir():
        what = "a link" if folder.is_symlink() else "a file" if folder.exists() else "not there"
        raise InputError(f"Expected {folder} to be the folder of a run, but it is {what}.")
    known = _known(folder)
    if CONFIG_FILE not in known:
        raise InputError(
            f"Expected {folder} to be the folder of a run, a comparison or a suite, but it has no "
            f"{CONFIG_FILE}."
        )
    if strangers := sorted(name for name in _strangers(folder, known)):
        more = f" and {len(strangers) - _MOST_NAMED} more" if strangers[_MOST_NAMED:] else ""
        raise InputError(
            f"Expected {folder} to hold only what cl-anomaly wrote there, but it holds "
            f"{', '.join(strangers[:_MOST_NAMED])}{more}, too. Nothing was removed: move that "
            f"away, or remove the folder by hand."
        )


def remove(removable: Removable) -> None:
    """Take a folder away, its manifest last: what is left after a crash can be removed, too.

    Raises:
        RunError: another process writes there, or a file could not be removed.
        InputError: something else has come into it meanwhile.
    """
    folder = removable.folder
    with locked(folder, seconds=0):
        _check_content(folder)
        last = {MANIFEST_FILE: 1, CONFIG_FILE: 2, LOCK_FILE: 3}
        try:
            for entry in sorted(folder.iterdir(), key=lambda path: last.get(path.name, 0)):
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                else:
                    entry.unlink()
            folder.resolve().rmdir()
        except OSError as error:
            raise RunError(
                f"Could not remove all of {folder}: {error.strerror or error}."
            ) from error


def _known(folder: Path) -> set[str]:
    """Name the files that may be in a folder: those of its manifest, and what changes later."""
    always = {MANIFEST_FILE, STATUS_FILE, LOCK_FILE, PAGE_FILE, TRACKED_FILE, EVENTS_FILE}
    if (folder / MANIFEST_FILE).exists():
        try:
            return always | set(read_sealed(folder / MANIFEST_FILE)["files"])
        except DamagedError as error:
            raise InputError(
                f"{error} It does not say what cl-anomaly wrote: remove the folder by hand."
            ) from error
    if not (folder / CONFIG_FILE).exists():
        return always
    # Of a run that was killed before it had written more than its beginning.
    return always | {CONFIG_FILE, ENVIRONMENT_FILE, OWN_FILE}


def _strangers(folder: Path, known: Collection[str]) -> Iterator[str]:
    for entry in os.scandir(folder):
        is_folder = entry.is_dir(follow_symlinks=False)
        is_left_over = entry.name.startswith(".") and entry.name.endswith(PARTIAL)
        if entry.name == CHECKPOINTS_FOLDER and is_folder:
            yield from (
                f"{CHECKPOINTS_FOLDER}/{own.name}"
                for own in os.scandir(entry)
                if not (_CHECKPOINT.fullmatch(own.name) or own.name.endswith(PARTIAL))
            )
        elif not is_left_over and (is_folder or entry.name not in known):
            yield entry.name + "/" * is_folder


def _users(folder: Path) -> Iterator[Path]:
    """Find the comparisons and suites that a run is part of: they lie beside it."""
    own = folder.resolve()
    for path in sorted(own.parent.glob(f"*/{RUNS_FILE}")):
        try:
            runs = read_json(path)
        except InputError:
            continue
        if own.name in runs.values() and path.parent != own:
            yield folder.parent / path.parent.name
