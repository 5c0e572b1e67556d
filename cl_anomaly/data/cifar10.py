"""CIFAR-10 from torchvision's files, which are pickles: read so that none can run code."""

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.bytes import dataset_of_bytes
from cl_anomaly.data.dataset import Dataset
from cl_anomaly.data.dataset_names import CLASSES
from cl_anomaly.data.downloads import folder_with
from cl_anomaly.data.files import CIFAR10_TEST, CIFAR10_TRAIN, PUBLISHED

_SHAPE = (3, 32, 32)
# What a pickle of an array of numbers is made of, whichever version of NumPy wrote it.
_PARTS_OF_ARRAYS = {
    (f"numpy.{core}.{module}", name)
    for core in ("core", "_core")
    for module, name in (("multiarray", "_reconstruct"), ("numeric", "_frombuffer"))
} | {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")}


def cifar10_files(data_root: str | None) -> list[Path]:
    """Find the files with samples, or download them.

    Raises:
        NotFoundError: they are not on this machine and cannot be downloaded.
    """
    folder = folder_with(PUBLISHED["cifar10"], data_root)
    return [folder / file for file in (*CIFAR10_TRAIN, *CIFAR10_TEST)]


def load_cifar10(data_root: str | None) -> Dataset:
    """Load CIFAR-10: images (3, 32, 32), uint8 (Krizhevsky, "Learning Multiple Layers", 2009).

    Raises:
        InputError: its files are missing or damaged.
    """
    files = cifar10_files(data_root)
    train, test = _read_all(files[: len(CIFAR10_TRAIN)]), _read_all(files[len(CIFAR10_TRAIN) :])
    names = CLASSES["cifar10"]
    return dataset_of_bytes("cifar10", *train, *test, scale=1 / 255, class_names=names)


def _read_all(files: Sequence[Path]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    images, labels = zip(*map(_read, files), strict=True)
    return np.concatenate(images), np.concatenate(labels)


def _read(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    try:
        with path.open("rb") as file:
            content = _OnlyArrays(file, encoding="latin1").load()
        images, labels = np.asarray(content["data"]), np.asarray(content["labels"])
    except OSError as error:
        raise InputError(f"Could not read {path}: {error.strerror}.") from error
    except Exception as error:  # a damaged pickle may raise anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"Expected {path} to be a batch of CIFAR-10, but: {reason}. It may be damaged: delete "
            f"it and fetch it again."
        ) from error
    size = int(np.prod(_SHAPE))
    if images.dtype != np.uint8 or images.ndim != 2 or images.shape[1] != size or not len(images):
        raise InputError(
            f"Expected {path} to hold images of 3x32x32 unsigned bytes, (n, {size}), but got "
            f"{images.dtype} {images.shape}."
        )
    if labels.dtype.kind not in "iu" or labels.shape != images.shape[:1]:
        raise InputError(
            f"Expected one label for each of the {len(images):,} images of {path}, but got "
            f"{labels.dtype} {labels.shape}."
        )
    if labels.min() < 0 or labels.max() > 9:
        wrong = int(np.argmax((labels < 0) | (labels > 9)))
        raise InputError(
            f"Expected labels from 0 to 9 in {path}, but got {labels[wrong]} at position {wrong}."
        )
    return images.reshape(-1, *_SHAPE), labels.astype(np.int64)


class _OnlyArrays(pickle.Unpickler):
    """Load lists, text and arrays of numbers, and refuse a pickle that asks for more."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _PARTS_OF_ARRAYS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is never run")
        return super().find_class(module, name)
