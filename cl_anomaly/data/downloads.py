"""Files that torchvision knows how to download: found on this machine, or fetched once."""

import os
import socket
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from platformdirs import user_cache_path

from cl_anomaly.core.errors import InputError

DOWNLOAD_TIMEOUT = 10.0


@dataclass(frozen=True)
class Published:
    """A dataset that torchvision downloads.

    Attributes:
        name: of its class there.
        folder: of its files, below a folder of datasets.
        files: their names.
    """

    name: str
    folder: str
    files: tuple[str, ...]


class NotFoundError(InputError):
    """A dataset is neither on this machine, nor could it be downloaded.

    Attributes:
        places: that were looked into.
    """

    def __init__(self, of: Published, roots: list[Path], reason: object) -> None:
        self.places = ", ".join(str(root / of.folder) for root in roots)
        why = " ".join(str(reason).split())
        super().__init__(
            f"{of.name} is not on this machine and could not be downloaded: {why}\n"
            f"  looked in: {self.places}\n"
            f"  expected files: {', '.join(of.files)}\n"
            f"  what to do: put these files into one of the folders (`--data-root DIR` and "
            f"$CL_ANOMALY_DATA name others),\n"
            f"  or run offline with the embedded data: cl-anomaly run --dataset digits"
        )


def data_roots(data_root: str | None) -> list[Path]:
    """List the folders that are looked into for datasets, first choice first."""
    places = (data_root, os.environ.get("CL_ANOMALY_DATA"), cache_folder())
    return [Path(place) for place in places if place]


def cache_folder() -> Path:
    """Name the folder of what can be fetched or worked out again."""
    return user_cache_path("cl-anomaly", appauthor=False)


def folder_with(of: Published, data_root: str | None) -> Path:
    """Find the folder with a dataset's files, or download them.

    Raises:
        NotFoundError: neither is possible.
    """
    roots = data_roots(data_root)
    target = roots[0] if data_root else roots[-1]
    try:
        if found := found_folder(of, roots):
            return found
        download(of, target)
    except (RuntimeError, ValueError, OSError, HTTPException) as error:
        raise NotFoundError(of, roots, error) from error
    return target / of.folder


def found_folder(of: Published, roots: list[Path]) -> Path | None:
    """Find the first folder that has one of a dataset's files.

    One is enough: a folder with some of them is damaged, and must be reported, not passed over for
    another.
    """
    folders = (root / of.folder for root in roots)
    return next((f for f in folders if any((f / file).exists() for file in of.files)), None)


def download(of: Published, root: Path) -> None:
    """Let torchvision download a dataset's files into a folder of datasets.

    Raises:
        RuntimeError, ValueError, OSError, HTTPException: it could not.
    """
    from torchvision import datasets  # a second of import that only a download needs

    print(f"Downloading {of.name} to {root} ...", file=sys.stderr)
    new = [folder for folder in (root, *root.parents) if not folder.exists()]
    root.mkdir(parents=True, exist_ok=True)
    previous = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT)
    try:
        # Beside its place first: a download that breaks off must not look like a damaged dataset.
        with tempfile.TemporaryDirectory(prefix=f".{of.name}.", dir=root) as partial:
            getattr(datasets, of.name)(partial, download=True)
            (root / of.folder).mkdir(parents=True, exist_ok=True)
            for file in of.files:
                os.replace(Path(partial, of.folder, file), root / of.folder / file)
    finally:
        socket.setdefaulttimeout(previous)
        for folder in new:
            with suppress(OSError):  # it is not empty: the download came
                folder.rmdir()
