"""The files that datasets are read from. Finding them imports no PyTorch."""

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.dataset_names import FOLDER, is_own, path_of
from cl_anomaly.data.downloads import Published, data_roots, found_folder

MNIST_FILES = {
    split: (f"{stem}-images-idx3-ubyte", f"{stem}-labels-idx1-ubyte")
    for split, stem in {"train": "train", "test": "t10k"}.items()
}
"""By split, the files of images and of labels."""
CIFAR10_TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
CIFAR10_TEST = ("test_batch",)


def _mnist_like(folder: str) -> Published:
    files = tuple(file for pair in MNIST_FILES.values() for file in pair)
    return Published(folder, f"{folder}/raw", files)


PUBLISHED = {
    "mnist": _mnist_like("MNIST"),
    "fashion-mnist": _mnist_like("FashionMNIST"),
    "kmnist": _mnist_like("KMNIST"),
    # torchvision's own check wants the names of the classes beside the samples.
    "cifar10": Published(
        "CIFAR10", "cifar-10-batches-py", (*CIFAR10_TRAIN, *CIFAR10_TEST, "batches.meta")
    ),
}
"""Datasets that torchvision downloads, by the name that `--dataset` has for them."""


@cache
def digits_file() -> Path:
    """Find the file of the dataset that scikit-learn brings along, which is not imported."""
    spec = find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise InputError("Expected scikit-learn, which brings the dataset digits, but it is gone.")
    return Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"


def sha256_of_data(name: str, data_root: str | None) -> list[str] | None:
    """Return the SHA-256 of each file of a dataset; None if they cannot all be read.

    Args:
        name: from `list datasets`, or a file of the user's own.
        data_root: a folder of datasets, looked into first; nothing is downloaded to it.
    """
    try:
        return [_sha256(path) for path in _there(name, data_root)] or None
    except (OSError, InputError):
        return None


def _there(name: str, data_root: str | None) -> Sequence[Path]:
    if name == "digits":
        return [digits_file()]
    if is_own(name):
        return [] if name.startswith(FOLDER) else [path_of(name)]
    published = PUBLISHED.get(name)
    folder = published and found_folder(published, data_roots(data_root))
    return [folder / file for file in published.files] if published and folder else []


def _sha256(path: Path) -> str:
    status = path.stat()
    return _sha256_as_it_is(path, status.st_ino, status.st_mtime_ns, status.st_size)


@cache
def _sha256_as_it_is(path: Path, *_status: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
