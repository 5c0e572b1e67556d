"""Samples to be scored, read from files a batch at a time, so that memory does not grow."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.image_folder import ENDINGS, read_image
from cl_anomaly.data.npz import load_array, names_in, open_npz

BATCH_SIZE = 4096
_IMAGES = 256  # at a time
KINDS = ("npy", "npz", "csv", "parquet", "jsonl")


@dataclass(frozen=True, eq=False)
class Batch:
    """Some samples of an input.

    Attributes:
        names: each sample's name in the input, or its row, from 0.
        x: (n, *features), floats or uint8.
    """

    names: list[str]
    x: NDArray[Any]


def read_batches(
    path: Path,
    features: tuple[int, ...] = (),
    name_column: str | None = None,
    ignored: Sequence[str] = (),
) -> Iterator[Batch]:
    """Read samples from a file, in its order, or from an image or a folder of images.

    Args:
        path: .npy, .npz (the array `x`, `x_test`, or its only one), .csv, .parquet, .jsonl, an
            image, or a folder with images at any depth, in the order of their paths.
        features: shape that images are brought to, (height, width) or (3, height, width).
        name_column: the column of a table with the samples' names.
        ignored: columns of a table that are no features, such as a label.

    Raises:
        InputError: the file is missing or damaged, or holds something else. It names the file.
    """
    if not path.exists():
        raise InputError(setting="input", expected="to be a file", but=f"there is no {path}")
    if path.is_dir() or path.suffix.lower() in ENDINGS:
        yield from _images(path, features)
        return
    kind = path.suffix.removeprefix(".").lower()
    if kind not in _READERS:
        raise InputError(
            setting="input",
            expected=f"to be a file that ends in {', '.join(f'.{k}' for k in KINDS)}, "
            "an image, or a folder of images",
            got=path,
        )
    try:
        yield from _READERS[kind](path, name_column, ignored)
    except InputError:
        raise
    except ImportError as error:
        raise InputError(f"Could not read {path}: {error}. `pip install pyarrow` helps.") from error
    except (OSError, ValueError, KeyError, EOFError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"Could not read {path}: {reason}.") from error


def _images(path: Path, features: tuple[int, ...]) -> Iterator[Batch]:
    is_grey, is_colour = len(features) == 2, len(features) == 3 and features[0] == 3
    if not (is_grey or is_colour):
        raise InputError(
            f"Expected a detector of images to score {path}, but this one takes samples {features}."
        )
    files = [file for file in sorted(path.rglob("*")) if file.suffix.lower() in ENDINGS]
    if path.is_dir() and not files:
        raise InputError(f"Expected {path} to hold images, {', '.join(ENDINGS)}, but it has none.")
    size = (features[-2], features[-1])
    waiting = iter(files if path.is_dir() else [path])
    while part := list(islice(waiting, _IMAGES)):
        x = np.stack([read_image(file, size, is_colour) for file in part])
        names = [str(file.relative_to(path)) if path.is_dir() else file.name for file in part]
        yield Batch(names, np.moveaxis(x, -1, 1) if is_colour else x)


def _npy(path: Path, *_: Any) -> Iterator[Batch]:
    # Mapped anew for each batch: the file may be larger than memory, and what has been read of a
    # map stays in memory as long as the map does.
    for start in range(0, len(np.load(path, "r")), BATCH_SIZE):
        part = np.array(np.load(path, "r")[start : start + BATCH_SIZE])
        yield _numbered(part, start)


def _npz(path: Path, *_: Any) -> Iterator[Batch]:
    with open_npz(path) as archive:
        names = names_in(archive)
        known = next((name for name in ("x", "x_test") if name in names), None)
        if known is None and len(names) != 1:
            raise InputError(
                f"Expected {path} to hold an array x or x_test, or a single one, but it holds "
                f"{', '.join(names) or 'none'}."
            )
        x = load_array(archive, known or names[0], path)
    for start in range(0, len(x), BATCH_SIZE):
        yield _numbered(x[start : start + BATCH_SIZE], start)


def _numbered(part: NDArray[Any], start: int) -> Batch:
    x = part if part.dtype == np.uint8 else part.astype(np.float32)
    return Batch([str(start + row) for row in range(len(part))], x)


def _csv(path: Path, name_column: str | None, ignored: Sequence[str]) -> Iterator[Batch]:
    import pandas as pd

    with pd.read_csv(path, chunksize=BATCH_SIZE) as reader:
        for table in reader:
            yield _of_table(table, path, name_column, ignored)


def _parquet(path: Path, name_column: str | None, ignored: Sequence[str]) -> Iterator[Batch]:
    from pyarrow.parquet import ParquetFile  # pyright: ignore[reportMissingImports]

    start = 0
    for part in ParquetFile(path).iter_batches(BATCH_SIZE):
        table = part.to_pandas()
        table.index = range(start, start + len(table))
        start += len(table)
        yield _of_table(table, path, name_column, ignored)


def _of_table(table: Any, path: Path, name_column: str | None, ignored: Sequence[str]) -> Batch:
    for column in [*([name_column] if name_column else []), *ignored]:
        if column not in table.columns:
            raise InputError(
                f"Expected {path} to have a column {column!r}, but it has "
                f"{', '.join(map(str, table.columns[:10]))}."
            )
    names = table[name_column] if name_column else table.index
    features = table.drop(columns=[*filter(None, [name_column]), *ignored])
    for column in features.columns:
        if features[column].dtype.kind not in "fiub":
            raise InputError(
                f"Expected numbers in column {column!r} of {path}, but got text. If it holds "
                f"names, give `--name-column {column}`; if it is no feature, `--ignore {column}`."
            )
    return Batch([str(name) for name in names], features.to_numpy(np.float32))


def _jsonl(path: Path, *_: Any) -> Iterator[Batch]:
    with path.open(encoding="utf-8") as lines:
        number = 0
        while part := list(islice(lines, BATCH_SIZE)):
            read = [read_line(line, number + row) for row, line in enumerate(part)]
            number += len(part)
            yield Batch([name for name, _ in read], np.stack([x for _, x in read]))


def read_line(line: str, number: int) -> tuple[str, NDArray[np.float32]]:
    """Read a sample from a line of JSON, `[0.1, 0.9]` or `{"name": "pump 3", "x": [0.1, 0.9]}`.

    A sample without a name is called by its number.

    Raises:
        InputError: it is neither.
    """
    try:
        content = json.loads(line)
        name = content.get("name", number) if isinstance(content, dict) else number
        x = np.array(content["x"] if isinstance(content, dict) else content, dtype=np.float32)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"Expected a list of numbers in line {number}, or an object with x and name, but got "
            f"{line.strip()[:80]!r}."
        ) from error
    if not x.ndim:
        raise InputError(f"Expected a list of numbers in line {number}, but got one number.")
    return str(name), x


def read_stream(stream: IO[str]) -> Iterator[tuple[str, NDArray[np.float32]] | InputError]:
    """Read samples from a live feed, a line each; yield the error of one that cannot be read."""
    for number, line in enumerate(stream):
        if not line.strip():
            continue
        try:
            yield read_line(line, number)
        except InputError as error:
            yield error


_READERS: dict[str, Callable[..., Iterator[Batch]]] = {
    "npy": _npy,
    "npz": _npz,
    "csv": _csv,
    "parquet": _parquet,
    "jsonl": _jsonl,
}
