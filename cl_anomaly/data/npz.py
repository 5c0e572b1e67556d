"""NPZ files, for datasets of the user's own: read whole, and checked before anything is done.

Nothing in them is unpickled: a pickle can run whatever its author likes.
"""

import math
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.own_arrays import LabelledArrays, float32_of
from cl_anomaly.data.splits import seeded_split

_HEADER_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read_npz(path: Path) -> LabelledArrays:
    """Read the arrays x_train, y_train, x_test and y_test, which is what Keras calls them.

    Or X and y, which is what collections of tables such as ADBench (Han et al., NeurIPS 2022) call
    them: 30 % of each class are for the test, so that copies of a sample stay together. If all
    labels are 0 and 1, 1 is an anomaly, and all anomalies are for the test.

    Args:
        path: a file that `numpy.savez` or `numpy.savez_compressed` has written. Samples may be of
            any floating type, and labels of any integer type or text. The features X may be
            integers, too.

    Raises:
        InputError: the file is missing, damaged, or something else than expected.
    """
    with open_npz(path) as archive:
        there = names_in(archive)
        if {"X", "y"} <= set(there) and "x_train" not in there:
            return _split(*(read_array(archive, name, path) for name in ("X", "y")))
        if missing := [name for name in LabelledArrays._fields if name not in there]:
            raise InputError(
                f"Expected {path} to hold the arrays {', '.join(LabelledArrays._fields)}, or X and "
                f"y, but it has no {', '.join(missing)}. It has: {', '.join(there[:10]) or 'none'}."
            )
        return LabelledArrays(*(read_array(archive, n, path) for n in LabelledArrays._fields))


@contextmanager
def open_npz(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open what `numpy.savez` has written; its names are those of the arrays, with .npy.

    Raises:
        InputError: it is missing or damaged.
    """
    with _explained(f"{path}"), zipfile.ZipFile(path) as archive:
        yield archive


def names_in(archive: zipfile.ZipFile) -> list[str]:
    """List the names of the arrays."""
    return [name.removesuffix(".npy") for name in archive.namelist()]


def _split(x: NDArray[Any], y: NDArray[Any]) -> LabelledArrays:
    is_test = seeded_split(x, y)
    if set(np.unique(y).tolist()) == {0, 1}:
        is_test |= y == 1
    return LabelledArrays(x[~is_test], y[~is_test], x[is_test], y[is_test])


@contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"Could not read {what}: {error.strerror or error}.") from error
    except Exception as error:  # zipfile, zlib, NumPy and Python's parser each raise their own
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"Expected {what} to be what `numpy.savez` writes, but: {reason.removesuffix('.')}. "
            f"The file may be damaged: make it again."
        ) from error


def read_array(archive: zipfile.ZipFile, name: str, path: Path) -> NDArray[Any]:
    """Read an array: labels where its name has a y, as in y_test; else samples.

    Returns:
        uint8 or float32 of samples; int64 or text of labels. The features X are float32.

    Raises:
        InputError: it is something else, or damaged.
    """
    is_samples, what = "y" not in name, f"array {name} of {path}"
    with _explained(what), archive.open(f"{name}.npy") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that Python 2 wrote it
        shape, is_fortran, dtype = _read_header(file)
        check = _check_samples_header if is_samples else _check_labels_header
        check(shape, np.dtype(np.float32) if name == "X" and dtype.kind in "iu" else dtype, what)
        # Before any memory is taken: a damaged header may claim more than there is.
        size, there = math.prod(shape) * dtype.itemsize, archive.getinfo(file.name).file_size
        if size != there - file.tell():
            raise InputError(
                f"Expected {what} to have {size:,} bytes, as its header says, but got "
                f"{there - file.tell():,}. The file may be damaged: make it again."
            )
        values = np.frombuffer(file.read(), dtype).reshape(shape, order="F" if is_fortran else "C")
    if is_samples:
        as_bytes = values.dtype == np.uint8 and name != "X"
        return values if as_bytes else float32_of(values, what)
    return values if values.dtype.kind == "U" else _checked_labels(values, what)


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    try:
        return _HEADER_READERS[npy.read_magic(file)](file)
    except zipfile.BadZipFile:
        raise
    except Exception as error:  # whose advice may be to trust the file
        raise ValueError("its header is not one of a plain array") from error


def _check_samples_header(shape: tuple[int, ...], dtype: np.dtype[Any], what: str) -> None:
    if dtype != np.uint8 and dtype.kind != "f":
        raise InputError(
            f"Expected {what} to hold samples, uint8 or floats, but got {_named(dtype)}."
        )
    if len(shape) < 2 or min(shape) < 1:
        raise InputError(
            f"Expected {what} to have the shape (samples, *features), 1 or more of each, but got "
            f"{shape}."
        )


def _check_labels_header(shape: tuple[int, ...], dtype: np.dtype[Any], what: str) -> None:
    if dtype.kind not in "iuU":
        raise InputError(
            f"Expected {what} to hold labels, whole numbers or text, but got {_named(dtype)}."
        )
    if len(shape) != 1:
        raise InputError(f"Expected {what} to have the shape (samples,), but got {shape}.")


def _named(dtype: np.dtype[Any]) -> str:
    return "Python objects, which are never loaded" if dtype.hasobject else f"{dtype}"


def _checked_labels(values: NDArray[Any], what: str) -> NDArray[np.int64]:
    labels = values.astype(np.int64)
    if len(labels) and labels.min() < 0:  # unsigned ones too large for int64 are negative now
        place = int(labels.argmin())
        raise InputError(
            f"Expected {what} to hold labels from 0 to {np.iinfo(np.int64).max}, but got "
            f"{values[place]} at position {place}."
        )
    return labels
