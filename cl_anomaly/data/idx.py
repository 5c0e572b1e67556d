"""IDX files, the format of MNIST: read whole, and checked before use."""

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cl_anomaly.core.errors import InputError

_UNSIGNED_BYTES = 0x08


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Read one IDX file of unsigned bytes.

    The format: two zero bytes, the type (8: unsigned byte), the number of dimensions, each
    dimension's length as a big-endian 32-bit number, then the values
    (LeCun, Cortes and Burges, "The MNIST database of handwritten digits").

    Args:
        path: the file.
        dimensions: how many axes it must have: 3 for images, 1 for labels.

    Raises:
        InputError: the file is missing, truncated, too long, or something else than expected.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"Could not read {path}: {error.strerror}.") from error
    expected = bytes([0, 0, _UNSIGNED_BYTES, dimensions])
    if content[:4] != expected:
        raise InputError(
            f"Expected {path} to be an IDX file of unsigned bytes with {dimensions} dimension(s) "
            f"(first bytes {expected.hex(' ')}), but got {content[:4].hex(' ') or 'an empty file'}."
        )
    header = 4 + 4 * dimensions
    lengths = content[4:header].ljust(4 * dimensions, b"\0")
    shape = tuple(int(n) for n in np.frombuffer(lengths, dtype=">u4"))
    size = header + math.prod(shape)
    if len(content) != size:
        raise InputError(
            f"Expected {path} to have {size:,} bytes, as its header says, but got "
            f"{len(content):,}. It may be truncated: delete it and fetch it again."
        )
    try:
        return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)
    except ValueError as error:  # no values, but lengths that are too large for an array
        raise InputError(f"Expected {path} to hold values, but got the lengths {shape}.") from error


def read_labelled(
    images: Path, labels: Path, classes: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read a pair of IDX files: images (n, height, width) and their labels (n,).

    Raises:
        InputError: a file is damaged, the two do not belong together, or a label is not a class.
    """
    x, y = read_idx(images, 3), read_idx(labels, 1)
    if len(x) != len(y):
        raise InputError(
            f"Expected one label for each image, but {images} has {len(x):,} images and {labels} "
            f"has {len(y):,} labels."
        )
    if len(y) and y.max() >= classes:
        raise InputError(
            f"Expected labels from 0 to {classes - 1} in {labels}, but got {y.max()} at position "
            f"{int(y.argmax())}."
        )
    return x, y
