"""Remove a folder of results that holds nothing but what the program wrote."""

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
    """A folder that may be removed.

    Attributes:
        bytes: its size.
        used_by: comparisons and suites beside it of which it is a run.
    """

    folder: Path
    bytes: int
    used_by: tuple[Path, ...]


def check_removable(folder: Path) -> Removable:
    """Check that a folder of a run, a comparison or a suite holds only what the program wrote.

    Raises:
        InputError: it is no such folder, holds something else, or has a damaged manifest.
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
    if strangers := sorted(_strangers(folder, known)):
        more = f" and {len(strangers) - _MOST_NAMED} more" if strangers[_MOST_NAMED:] else ""
        raise InputError(
            f"Expected {folder} to hold only what cl-anomaly wrote there, but it holds "
            f"{', '.join(strangers[:_MOST_NAMED])}{more}, too. Nothing was removed: move that "
            f"away, or remove the folder by hand."
        )


def remove(removable: Removable) -> None:
    """Remove a folder, its manifest last, so that the rest can be removed after a crash.

    Raises:
        RunError: another process writes there, or a file could not be removed.
        InputError: it holds something else by now.
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
    """Name the files that may be in a folder: its manifest's, and those that change later."""
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
    # Of a run that was killed early.
    return always | {CONFIG_FILE, ENVIRONMENT_FILE, OWN_FILE}


def _strangers(folder: Path, known: Collection[str]) -> Iterator[str]:
    for entry in os.scandir(folder):
        is_folder = entry.is_dir(follow_symlinks=False)
        is_left_over = entry.name.startswith(".") and entry.name.endswith(PARTIAL)
        if entry.name == CHECKPOINTS_FOLDER and is_folder:
            yield from (
                f"{CHECKPOINTS_FOLDER}/{file.name}"
                for file in os.scandir(entry)
                if not (_CHECKPOINT.fullmatch(file.name) or file.name.endswith(PARTIAL))
            )
        elif not is_left_over and (is_folder or entry.name not in known):
            yield entry.name + "/" * is_folder


def _users(folder: Path) -> Iterator[Path]:
    """Find the comparisons and suites beside a run of which it is part."""
    resolved = folder.resolve()
    for path in sorted(resolved.parent.glob(f"*/{RUNS_FILE}")):
        try:
            runs = read_json(path)
        except InputError:
            continue
        if resolved.name in runs.values() and path.parent != resolved:
            yield folder.parent / path.parent.name
