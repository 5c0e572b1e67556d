"""Folders of results, written as the program does, with whatever files a test wants."""

import shutil
from collections.abc import Callable
from pathlib import Path

from cl_anomaly.runs.folder_lock import claimed
from cl_anomaly.store.files import publish


def write_folder(out: Path, name: str, write: Callable[[Path], None]) -> Path:
    """A new folder, complete, with what `write` writes."""
    with claimed(out, name, again=True) as folder:
        publish(folder, write, complete=True)
    return folder


def begun(finished: Path, folder: Path) -> Path:
    """A folder with what a finished run had written when it had only begun."""
    folder.mkdir(parents=True)

    def write(partial: Path) -> None:
        for name in ("config.json", "environment.json"):
            shutil.copy(finished / name, partial / name)

    publish(folder, write, complete=False)
    return folder
