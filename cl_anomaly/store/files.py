"""Files that are whole or absent whatever happens as they are written, and whose damage shows."""

import hashlib
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from cl_anomaly.core.errors import InputError, RunError
from cl_anomaly.core.json_files import read_json, rendered, write_json

MANIFEST_FILE = "manifest.json"
_FORMAT = 1
PARTIAL = ".partial"
LOCK_FILE = ".lock"

# Long enough for another process to look whether a run is locked, or to end.
_LOCK_SECONDS = 3.0


class DamagedError(InputError):
    """A file is not what was written."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} is damaged: {why}.")


class FormatError(DamagedError):
    """A file is whole, but this version cannot know what it says."""

    def __init__(self, path: Path, found: object) -> None:
        InputError.__init__(
            self,
            f"{path} is of format {found}, and this version of cl-anomaly reads format {_FORMAT}. "
            f"Use the version that wrote it, or a later one."
            if found is not None
            else f"{path} does not say its format, which everything that cl-anomaly keeps does.",
        )


def check_writable(out: Path) -> None:
    """Make sure, before hours of training, that results can be kept.

    Raises:
        InputError: the folder cannot be made or written to.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise InputError(
            setting="out",
            expected="to be a folder that can be written to",
            but=f"{out} is not: {error.strerror}",
            hint="Choose another with `--out DIR`.",
        ) from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file beside its place, and move it there once it is on the disk.

    Gives the path to write to.

    Raises:
        RunError: it could not be written; what was there before still is.
    """
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}{PARTIAL}")
    with _explained(path):
        try:
            yield partial
            _sync(partial)
            os.replace(partial, path)
            _sync(path.parent)
        finally:
            partial.unlink(missing_ok=True)


def write_sealed(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON with its format and the SHA-256 of its own content, in place of what was there.

    Manifests and checkpoints are kept so: whatever else a folder holds is of the format that its
    manifest names.

    Raises:
        RunError: it could not be written; what was there before still is.
    """
    with replacing(path) as partial:
        write_json(partial, {"format": _FORMAT, **content, "sha256": _seal(content)})


def read_sealed(path: Path) -> dict[str, Any]:
    """Read what `write_sealed` wrote.

    Raises:
        DamagedError: it is something else, or of another format.
    """
    try:
        content = read_json(path)
    except InputError as error:
        raise DamagedError(path, str(error).removesuffix(".")) from error
    # As it was written, to the letter: JSON has several ways to say the same.
    as_written = path.read_text(encoding="utf-8") == rendered(content)
    version, digest = content.pop("format", None), content.pop("sha256", None)
    if version != _FORMAT:
        raise FormatError(path, version)
    if not as_written or digest != _seal(content):
        raise DamagedError(path, "its content does not have the SHA-256 that it names")
    return content


def _seal(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def fingerprint_of(path: Path) -> dict[str, Any]:
    """Return a file's size and SHA-256, as JSON can hold them.

    Raises:
        DamagedError: there is no such file.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return {"bytes": file.tell(), "sha256": digest}
    except OSError as error:
        raise DamagedError(path, error.strerror or str(error)) from error


def check_fingerprint(path: Path, expected: Mapping[str, Any]) -> None:
    """Make sure that a file is what was written.

    Raises:
        DamagedError: it is not.
    """
    found = fingerprint_of(path)
    if found["bytes"] != expected["bytes"]:
        raise DamagedError(
            path, f"it should have {expected['bytes']:,} bytes, and has {found['bytes']:,}"
        )
    if found != expected:
        raise DamagedError(path, "its content does not have the SHA-256 that was written")


def publish(folder: Path, write: Callable[[Path], None], complete: bool) -> None:
    """Put files into a folder, and a manifest with their SHA-256 last.

    Args:
        folder: that the caller holds the lock of.
        write: writes its files into the folder that it is given.
        complete: whether nothing is missing now.

    Raises:
        RunError: they could not be written; a folder that was complete still is.
    """
    partial = folder / f".{uuid.uuid4().hex}{PARTIAL}"
    with _explained(folder):
        partial.mkdir()
        try:
            write(partial)
            paths = sorted(partial.iterdir())
            for path in paths:
                _sync(path)
            files = {path.name: fingerprint_of(path) for path in paths}
            for path in paths:
                os.replace(path, folder / path.name)
            _sync(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        write_sealed(folder / MANIFEST_FILE, {"complete": complete, "files": files})
        _sync(folder.parent)


def is_complete(folder: Path) -> bool:
    """Return whether all that should be in a folder has been written.

    Raises:
        DamagedError: its manifest is not what was written.
    """
    path = folder / MANIFEST_FILE
    return path.exists() and bool(read_sealed(path)["complete"])


def check_files(folder: Path) -> None:
    """Make sure that every file of a folder is what was written; one without a manifest passes.

    Raises:
        DamagedError: names the file that is not.
    """
    path = folder / MANIFEST_FILE
    if path.exists():
        for name, expected in read_sealed(path)["files"].items():
            check_fingerprint(folder / name, expected)


def check_sizes(folder: Path, files: Mapping[str, Mapping[str, Any]]) -> None:
    """Make sure, at a glance, that a folder's files are there and as long as they were.

    Args:
        folder: theirs.
        files: with their `bytes`, by name, as the manifest says.

    Raises:
        DamagedError: names the file that is not.
    """
    # One look at the folder, and not one for each file: a list of runs asks this of them all.
    there = {entry.name: entry for entry in os.scandir(folder) if os.path.exists(entry)}
    for name, expected in files.items():
        size = there[name].stat().st_size if name in there else None
        if size != expected["bytes"]:
            path = folder / name
            found = "it is missing" if size is None else f"it has {size:,}"
            raise DamagedError(path, f"it should have {expected['bytes']:,} bytes, but {found}")


def remove_partial(folder: Path) -> None:
    """Take away what a process left behind that was killed while it wrote."""
    for path in folder.glob(f".*{PARTIAL}"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def locked(folder: Path, seconds: float = _LOCK_SECONDS) -> Iterator[None]:
    """Be the only process that writes into a folder. A lock ends with the process that holds it.

    Raises:
        RunError: another process holds it.
    """
    lock = FileLock(folder / LOCK_FILE, timeout=seconds)
    try:
        with _explained(folder):
            lock.acquire()
    except Timeout as error:
        raise RunError(
            f"Another process is writing {folder}. Wait until it has ended, or ask for a folder of "
            f"its own with `--again`."
        ) from error
    try:
        yield
    finally:
        lock.release()


def is_locked(folder: Path) -> bool:
    """Return whether a process is writing into a folder."""
    lock = FileLock(folder / LOCK_FILE, timeout=0)
    try:
        with lock:
            return False
    except Timeout:
        return True
    except OSError:  # where nothing can be locked, as on a disk that is read-only
        return False


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Describe what could not be written, where and why."""
    try:
        yield
    except Timeout:  # an OSError, too
        raise
    except OSError as error:
        raise RunError(
            f"Could not write {path}: {error.strerror or error}. What was written before is as it "
            f"was."
        ) from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
