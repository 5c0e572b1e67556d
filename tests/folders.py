"""Folders of results, written as the program does, with whatever files a test wants."""

from collections.abc import Callable
from pathlib import Path

from cl_anomaly.runs.claims import claimed
from cl_anomaly.storage.files import publish


def write_folder(out: Path, name: str, write: Callable[[Path], None]) -> Path:
    """A new folder, complete, with what `write` writes."""
    with claimed(out, name, again=True) as folder:
        publish(folder, write, complete=True)
    return folder
