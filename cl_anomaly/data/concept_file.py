"""Files of concepts: vectors that arrive concept by concept, each with its labelled anomalies."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.labels import ANOMALOUS, NORMAL
from cl_anomaly.data.npz import names_in, open_npz, read_array
from cl_anomaly.data.own_arrays import LabelledArrays

_PARTS = ("train_x", "test_x", "test_y")


def read_concepts(path: Path) -> LabelledArrays:
    """Read the arrays train_x_K, test_x_K and test_y_K of concepts K = 0, 1, … from an NPZ file.

    Training samples are all normal; test labels are 0 for normal samples and 1 for anomalies.

    Returns:
        Samples with the labels conceptK, and anomalyK for the anomalies that concept K brings.

    Raises:
        InputError: the file is missing, damaged, or something else than expected.
    """
    with open_npz(path) as archive:
        numbers = _numbers(names_in(archive), path)
        read = [
            [read_array(archive, f"{part}_{number}", path) for part in _PARTS] for number in numbers
        ]
    train, test, train_labels, test_labels = [], [], [], []
    for number, (train_x, test_x, test_y) in zip(numbers, read, strict=True):
        _check(number, train_x, test_x, test_y, read[0][0], path)
        train.append(train_x)
        test.append(test_x)
        train_labels += [f"{NORMAL}{number}"] * len(train_x)
        test_labels += [f"{(NORMAL, ANOMALOUS)[label]}{number}" for label in test_y.tolist()]
    return LabelledArrays(
        _joined(train), np.array(train_labels), _joined(test), np.array(test_labels)
    )


def _numbers(names: Sequence[str], path: Path) -> list[int]:
    matches = (re.fullmatch(r".*_(\d+)", name) for name in names)
    numbers = sorted({int(match[1]) for match in matches if match})
    expected = [f"{part}_{number}" for number in numbers for part in _PARTS]
    missing = [name for name in expected or ["train_x_0"] if name not in names]
    if missing or numbers != list(range(len(numbers))) or len(numbers) < 2:
        why = f"no {missing[0]}" if missing else f"those of the concepts {numbers}"
        raise InputError(
            f"Expected {path} to hold the arrays train_x_K, test_x_K and test_y_K for two concepts "
            f"or more, K = 0, 1, …, but it has {why}. It has: {', '.join(names[:10]) or 'none'}."
        )
    return numbers


def _check(
    number: int,
    train_x: NDArray[Any],
    test_x: NDArray[Any],
    test_y: NDArray[Any],
    first: NDArray[Any],
    path: Path,
) -> None:
    for name, samples in (("train_x", train_x), ("test_x", test_x)):
        if samples.shape[1:] != first.shape[1:]:
            raise InputError(
                f"Expected samples of one shape in {path}, but train_x_0 has {first.shape[1:]} and "
                f"{name}_{number} has {samples.shape[1:]}."
            )
    if len(test_x) != len(test_y):
        raise InputError(
            f"Expected one label for each sample in {path}, but test_x_{number} has "
            f"{len(test_x):,} samples and test_y_{number} has {len(test_y):,} labels."
        )
    if (labels := sorted(set(test_y.tolist()))) != [0, 1]:
        raise InputError(
            f"Expected test_y_{number} of {path} to hold 0 for normal samples and 1 for anomalies, "
            f"both of them, but got {', '.join(map(str, labels[:5]))}."
        )


def _joined(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Concatenate samples, as bytes if all are."""
    if len({part.dtype for part in parts}) == 1:
        return np.concatenate(parts)
    return np.concatenate(
        [part.astype(np.float32) / 255 if part.dtype == np.uint8 else part for part in parts]
    )
