"""NPZ files: each array is checked before memory is taken for it, and nothing is unpickled."""

import math
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.own_arrays import LabelledArrays, float32_of
from cl_anomaly.data.splits import seeded_split

HeaderCheck = Callable[[tuple[int, ...], np.dtype[Any], str], None]
"""Given the shape, the type and the name of an array, raises an InputError if it cannot be used."""

_HEADER_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read_npz(path: Path) -> LabelledArrays:
    """Read the arrays x_train, y_train, x_test and y_test, which is what Keras calls them.

    Or X and y, which is what collections of tables such as ADBench (Han et al., NeurIPS 2022) call
    them: 30 % of each class is held out for testing, copies of a sample together. If all labels are
    0 and 1, 1 is an anomaly, and all anomalies are for testing.

    Samples may be uint8 or of any floating type, and labels of any integer type or text. The
    features X may be integers, too.

    Raises:
        InputError: the file is missing, damaged, or something else than expected.
    """
    with open_npz(path) as archive:
        names, expected = names_in(archive), LabelledArrays._fields
        if {"X", "y"} <= set(names) and "x_train" not in names:
            return _split(*(read_array(archive, name, path) for name in ("X", "y")))
        if missing := [name for name in expected if name not in names]:
            raise InputError(
                f"Expected {path} to hold the arrays {', '.join(expected)}, or X and y, but it has "
                f"no {', '.join(missing)}. It has: {', '.join(names[:10]) or 'none'}."
            )
        return LabelledArrays(*(read_array(archive, name, path) for name in expected))


@contextmanager
def open_npz(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open what `numpy.savez` or `numpy.savez_compressed` has written.

    Raises:
        InputError: the file is missing or damaged.
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


def _check_plain(shape: tuple[int, ...], dtype: np.dtype[Any], what: str) -> None:
    if dtype.hasobject:
        raise InputError(f"Expected {what} to hold numbers, but got {_type_of(dtype)}.")


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
    """Read an array: labels if its name has a y, as in y_test; else samples.

    Returns:
        uint8 or float32 for samples; int64 or text for labels. The features X are float32.

    Raises:
        InputError: it is something else, or damaged.
    """
    what = f"array {name} of {path}"
    if "y" in name:
        labels = load_array(archive, name, path, _check_labels_header)
        return labels if labels.dtype.kind == "U" else _checked_labels(labels, what)
    check = _check_features_header if name == "X" else _check_samples_header
    samples = load_array(archive, name, path, check)
    return samples if samples.dtype == np.uint8 and name != "X" else float32_of(samples, what)


def load_array(
    archive: zipfile.ZipFile, name: str, path: Path, check: HeaderCheck = _check_plain
) -> NDArray[Any]:
    """Load an array once its header passes `check` and claims as many bytes as there are.

    Raises:
        InputError: it is damaged, or holds Python objects.
    """
    what = f"array {name} of {path}"
    with _explained(what), archive.open(f"{name}.npy") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that Python 2 wrote it
        try:
            shape, is_fortran, dtype = _HEADER_READERS[npy.read_magic(file)](file)
        except zipfile.BadZipFile:
            raise
        except Exception as error:  # whose advice may be to trust the file
            raise ValueError("its header is not one of a plain array") from error
        check(shape, dtype, what)
        size, available = math.prod(shape) * dtype.itemsize, archive.getinfo(file.name).file_size
        if size != available - file.tell():
            raise InputError(
                f"Expected {what} to have {size:,} bytes, as its header says, but got "
                f"{available - file.tell():,}. The file may be damaged: make it again."
            )
        return np.frombuffer(file.read(), dtype).reshape(shape, order="F" if is_fortran else "C")


def _check_features_header(shape: tuple[int, ...], dtype: np.dtype[Any], what: str) -> None:
    _check_samples_header(shape, np.dtype(np.float32) if dtype.kind in "iu" else dtype, what)


def _check_samples_header(shape: tuple[int, ...], dtype: np.dtype[Any], what: str) -> None:
    if dtype != np.uint8 and dtype.kind != "f":
        raise InputError(
            f"Expected {what} to hold samples, uint8 or floats, but got {_type_of(dtype)}."
        )
    if len(shape) < 2 or min(shape) < 1:
        raise InputError(
            f"Expected {what} to have the shape (samples, *features), 1 or more of each, but got "
            f"{shape}."
        )


def _check_labels_header(shape: tuple[int, ...], dtype: np.dtype[Any], what: str) -> None:
    if dtype.kind not in "iuU":
        raise InputError(
            f"Expected {what} to hold labels, whole numbers or text, but got {_type_of(dtype)}."
        )
    if len(shape) != 1:
        raise InputError(f"Expected {what} to have the shape (samples,), but got {shape}.")


def _type_of(dtype: np.dtype[Any]) -> str:
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
