"""Labelled arrays from the user's own file or folder, checked, and made a dataset."""

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.labels import Label, label_from, ordered, why_no_label
from cl_anomaly.data.dataset import Dataset, Samples
from cl_anomaly.data.splits import about_copies


class LabelledArrays(NamedTuple):
    """Samples and labels to train and to test on.

    Attributes:
        x_train: (N, *features), uint8 or finite float32.
        y_train: (N,), int64 of 0 or more, or text.
        x_test: (n, *features), uint8 or finite float32.
        y_test: (n,), int64 of 0 or more, or text.
    """

    x_train: NDArray[Any]
    y_train: NDArray[Any]
    x_test: NDArray[Any]
    y_test: NDArray[Any]


def dataset_of(name: str, arrays: LabelledArrays, path: Path) -> Dataset:
    """Make a dataset of the arrays of a file or folder.

    Raises:
        InputError: the arrays do not belong together, or a class has a name that is not allowed.
    """
    _check_samples(arrays, path)
    y_train, y_test, names = _coded(arrays.y_train, arrays.y_test, path)
    classes = np.union1d(y_train, y_test)
    if len(classes) < 2:
        only = classes[0] if names is None else names[0]
        raise InputError(
            f"Expected two classes or more in the training and test samples of {path}, one of them "
            f"the anomaly, but got only class {only}."
        )
    digest = hashlib.sha256()
    for array in (arrays.x_train, y_train, arrays.x_test, y_test):
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    if names is not None:
        digest.update(repr(names).encode())
    train, test = (
        Samples(torch.tensor(x), 1 / 255 if x.dtype == np.uint8 else 1.0)
        for x in (arrays.x_train, arrays.x_test)
    )
    labels = torch.tensor(y_train), torch.tensor(y_test)
    note = about_copies(name, arrays.x_train, arrays.x_test, y_train, y_test)
    return Dataset(name, train, labels[0], test, labels[1], digest.hexdigest(), names, note)


def float32_of(values: NDArray[Any], what: str) -> NDArray[np.float32]:
    """Convert numbers to float32; `what` they are is for the message.

    Raises:
        InputError: one of them is not finite.
    """
    with np.errstate(over="ignore"):
        floats = values.astype(np.float32)
    if not (finite := np.isfinite(floats)).all():
        place = tuple(int(n) for n in np.argwhere(~finite)[0])
        raise InputError(
            f"Expected {what} to hold finite floats, but got {values[place]} at position {place}."
        )
    return floats


def _check_samples(arrays: LabelledArrays, path: Path) -> None:
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
    kinds = {x.dtype == np.uint8 for x in (x_train, x_test)}
    if len(kinds) > 1:  # bytes mean a share of 255, and floats have to mean the same
        name, floats = ("x_test", x_test) if x_train.dtype == np.uint8 else ("x_train", x_train)
        if (outside := (floats < 0) | (floats > 1)).any():
            place = tuple(int(n) for n in np.argwhere(outside)[0])
            raise InputError(
                f"Expected array {name} of {path} to hold floats in [0, 1], as the other samples "
                f"are uint8, but got {floats[place]} at position {place}. Store both alike."
            )


def _coded(
    train: NDArray[Any], test: NDArray[Any], path: Path
) -> tuple[NDArray[np.int64], NDArray[np.int64], tuple[Label, ...] | None]:
    """Number the classes, and name them unless all labels are whole numbers from 0."""
    if train.dtype.kind != "U" and test.dtype.kind != "U":
        return train, test, None
    distinct, places = np.unique(np.concatenate([train.astype(str), test.astype(str)]), False, True)
    for name in distinct.tolist():
        if why := why_no_label(name):
            raise InputError(
                f"Expected the labels of {path} to name classes, but {name!r} {why}. Call the "
                f"class something else."
            )
    labels = [label_from(name) for name in distinct.tolist()]
    if not all(isinstance(label, int) for label in labels):
        labels = distinct.tolist()
    numbers = [label for label in labels if isinstance(label, int) and 0 <= label < 2**63]
    names = None if len(numbers) == len(labels) else tuple(ordered(labels))
    codes = np.array([names.index(c) for c in labels] if names else numbers, dtype=np.int64)
    coded = codes[places.reshape(-1)]
    return coded[: len(train)], coded[len(train) :], names
