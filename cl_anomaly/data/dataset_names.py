"""Names, files and folders that `--dataset` takes. Reading this imports no PyTorch."""

import csv
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.labels import Label

FOLDER = "folder:"
CONCEPTS = "concepts:"
_STARTS = (FOLDER, CONCEPTS)
TABLES = (".csv", ".parquet")
FILES = (".npz", *TABLES)
OR_YOUR_OWN = ", or FILE.npz, FILE.csv, FILE.parquet, folder:DIR or concepts:FILE.npz"

_DIGITS: tuple[Label, ...] = tuple(range(10))
CLASSES: dict[str, tuple[Label, ...]] = {
    **dict.fromkeys(("digits", "mnist", "fashion-mnist", "kmnist"), _DIGITS),
    "cifar10": tuple("airplane automobile bird cat deer dog frog horse ship truck".split()),
}
"""The classes of the datasets that have a name."""


@dataclass(frozen=True)
class Reading:
    """How the user's own data is read.

    Attributes:
        image_size: HEIGHTxWIDTH that images of a folder are resized to; None keeps their size.
        label_column: the column of a table that holds the labels.
        split_column: the column of a table that says train or test.
    """

    image_size: str | None = None
    label_column: str | None = None
    split_column: str | None = None


def is_own(name: str) -> bool:
    """Return whether a dataset is the user's own file or folder."""
    return name.startswith(_STARTS) or name.endswith(FILES)


def is_table(name: str) -> bool:
    """Return whether a dataset is a table."""
    return name.endswith(TABLES) and not name.startswith(_STARTS)


def path_of(name: str) -> Path:
    """Return the path of a file or a folder."""
    return Path(name.removeprefix(_start_of(name)))


def absolute(name: str) -> str:
    """Name a file or a folder by its absolute path; other names stay as they are."""
    return _start_of(name) + os.path.abspath(path_of(name)) if is_own(name) else name


def _start_of(name: str) -> str:
    """Return the prefix of a path, such as "folder:"."""
    return next((start for start in _STARTS if name.startswith(start)), "")


def located(name: str, roots: Sequence[Path]) -> str:
    """Name a file or a folder where it lies: here, or in the first of the `roots` that has it."""
    path = path_of(name)
    if not is_own(name) or path.is_absolute() or path.exists():
        return name
    place = next((root / path for root in roots if (root / path).exists()), None)
    return name if place is None else f"{_start_of(name)}{place}"


def short_name(name: str) -> str:
    """Name a dataset without its folder and its ending."""
    path = path_of(name)
    return path.stem if name.endswith(FILES) and not name.startswith(FOLDER) else path.name


def size_of(image_size: str) -> tuple[int, int]:
    """Read HEIGHTxWIDTH."""
    height, width = image_size.split("x")
    return int(height), int(width)


def check_own(name: str, reading: Reading) -> None:
    """Refuse a file or folder that is missing, and reading options that do not fit the dataset.

    Raises:
        InputError: always in these cases.
    """
    is_folder, path = name.startswith(FOLDER), path_of(name)
    if is_folder and not path.is_dir():
        why = "is a file" if path.exists() else "is not there"
        raise InputError(
            setting="dataset", expected="to be folder:DIR with a folder", but=f"{path} {why}"
        )
    if is_own(name) and not is_folder and not os.path.exists(path):
        raise InputError(
            setting="dataset",
            expected="to be a file",
            but=f"there is no {name!r}, neither here nor in a folder of datasets "
            "(`--data-root DIR` and $CL_ANOMALY_DATA name some)",
        )
    if reading.image_size is not None and not is_folder:
        raise InputError(
            setting="image_size",
            expected="with images of your own, `--dataset folder:DIR`",
            but=f"the dataset is {name}",
        )
    for setting in ("label_column", "split_column"):
        if getattr(reading, setting) is not None and not is_table(name):
            raise InputError(
                setting=setting,
                expected="with a table of your own, FILE.csv or FILE.parquet",
                but=f"the dataset is {name}",
            )
    if is_table(name) and reading.label_column is None:
        raise InputError(
            setting="label_column",
            expected=f", the column of {name} that holds the labels",
            got="none",
            hint=f"Name it with `--label-column`{_columns(path)}.",
        )


def _columns(path: Path) -> str:
    """List the columns of a CSV file that can be read."""
    if path.suffix != ".csv":
        return ""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            columns = next(csv.reader(file), [])
    except (OSError, ValueError, csv.Error):
        return ""
    return f"; it has {listed_columns(columns)}" if columns else ""


def listed_columns(columns: Iterable[object]) -> str:
    """List the first 20 columns of a table, and count the others."""
    names = [str(name) for name in columns]
    return ", ".join(names[:20] + [f"{len(names) - 20} more"] * (len(names) > 20))
