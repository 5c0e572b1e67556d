"""NPZ files, for datasets of the user's own: read whole, and checked before anything is done.

Nothing in them is unpickled: a pickle can run whatever its author likes.
"""

import math
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from cl_anomaly.errors import InputError

_HEADER_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


class LabelledArrays(NamedTuple):
    """Samples and labels to train and to test on.

    Attributes:
        x_train: (N, *features), uint8, or float32 in [0, 1].
        y_train: (N,), int64, 0 or more.
        x_test: (n, *features), uint8, or float32 in [0, 1].
        y_test: (n,), int64, 0 or more.
    """

    x_train: NDArray[Any]
    y_train: NDArray[np.int64]
    x_test: NDArray[Any]
    y_test: NDArray[np.int64]


def read_npz(path: Path) -> LabelledArrays:
    """Read the arrays x_train, y_train, x_test and y_test, which is what Keras calls them.

    Args:
        path: a file that `numpy.savez` or `numpy.savez_compressed` has written. Samples may be of
            any floating type, and labels of any integer type.

    Raises:
        InputError: the file is missing, damaged, or something else than expected.
    """
    with _explained(f"{path}"), zipfile.ZipFile(path) as archive:
        there = [name.removesuffix(".npy") for name in archive.namelist()]
        if missing := [name for name in LabelledArrays._fields if name not in there]:
            raise InputError(
                f"Expected {path} to hold the arrays {', '.join(LabelledArrays._fields)}, but it "
                f"has no {', '.join(missing)}. It has: {', '.join(there[:10]) or 'none'}."
            )
        arrays = LabelledArrays(*(_read(archive, n, path) for n in LabelledArrays._fields))
    _check_together(arrays, path)
    return arrays


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


def _read(archive: zipfile.ZipFile, name: str, path: Path) -> NDArray[Any]:
    is_samples, what = name.startswith("x"), f"array {name} of {path}"
    with _explained(what), archive.open(f"{name}.npy") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that Python 2 wrote it
        shape, is_fortran, dtype = _read_header(file)
        check = _check_samples_header if is_samples else _check_labels_header
        check(shape, dtype, what)
        # Before any memory is taken: a damaged header may claim more than there is.
        size, there = math.prod(shape) * dtype.itemsize, archive.getinfo(file.name).file_size
        if size != there - file.tell():
            raise InputError(
                f"Expected {what} to have {size:,} bytes, as its header says, but got "
                f"{there - file.tell():,}. The file may be damaged: make it again."
            )
        values = np.frombuffer(file.read(), dtype).reshape(shape, order="F" if is_fortran else "C")
    return _checked_samples(values, what) if is_samples else _checked_labels(values, what)


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
            f"Expected {what} to hold samples, uint8 or floats in [0, 1], but got {_named(dtype)}."
        )
    if len(shape) < 2 or min(shape) < 1:
        raise InputError(
            f"Expected {what} to have the shape (samples, *features), 1 or more of each, but got "
            f"{shape}."
        )


def _check_labels_header(shape: tuple[int, ...], dtype: np.dtype[Any], what: str) -> None:
    if dtype.kind not in "iu":
        raise InputError(f"Expected {what} to hold labels, whole numbers, but got {_named(dtype)}.")
    if len(shape) != 1:
        raise InputError(f"Expected {what} to have the shape (samples,), but got {shape}.")


def _named(dtype: np.dtype[Any]) -> str:
    return "Python objects, which are never loaded" if dtype.hasobject else f"{dtype}"


def _checked_samples(values: NDArray[Any], what: str) -> NDArray[Any]:
    if values.dtype == np.uint8:
        return values
    with np.errstate(invalid="ignore"):  # of NaN, which compares as false
        outside = ~((values >= 0) & (values <= 1))
    if outside.any():
        place = tuple(int(n) for n in np.argwhere(outside)[0])
        raise InputError(
            f"Expected {what} to hold floats in [0, 1], but got {values[place]} at position "
            f"{place}. Scale them, or store uint8, which is divided by 255."
        )
    return values.astype(np.float32)


def _checked_labels(values: NDArray[Any], what: str) -> NDArray[np.int64]:
    labels = values.astype(np.int64)
    if len(labels) and labels.min() < 0:  # unsigned ones too large for int64 are negative now
        place = int(labels.argmin())
        raise InputError(
            f"Expected {what} to hold labels from 0 to {np.iinfo(np.int64).max}, but got "
            f"{values[place]} at position {place}."
        )
    return labels


def _check_together(arrays: LabelledArrays, path: Path) -> None:
    x_train, y_train, x_test, y_test = arrays
    for split, x, y in (("train", x_train, y_train), ("test", x_test, y_test)):
        if len(x) != len(y):
            raise InputError(
                f"Expected one label for each sample in {path}, but x_{split} has {len(x):,} "
                f"samples and y_{split} has {len(y):,} labels."
            )
    if x_train.shape[1:] != x_test.shape[1:]:
        raise InputError(
            f"Expected samples of one shape in x_train and x_test of {path}, but got "
            f"{x_train.shape[1:]} and {x_test.shape[1:]}."
        )
    classes = np.union1d(y_train, y_test)
    if len(classes) < 2:
        raise InputError(
            f"Expected two classes or more in y_train and y_test of {path}, one of them the "
            f"anomaly, but got only class {classes[0]}."
        )
