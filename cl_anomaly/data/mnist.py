"""MNIST, and what has the same files: Fashion-MNIST, KMNIST."""

from pathlib import Path

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.bytes import dataset_of_bytes
from cl_anomaly.data.dataset import Dataset
from cl_anomaly.data.downloads import folder_with
from cl_anomaly.data.files import MNIST_FILES, PUBLISHED
from cl_anomaly.data.idx import read_labelled


def mnist_files(name: str, data_root: str | None) -> list[Path]:
    """Find the files of one of the family, such as "fashion-mnist", or download them.

    Raises:
        NotFoundError: neither is possible.
    """
    raw = folder_with(PUBLISHED[name], data_root)
    return [raw / file for file in PUBLISHED[name].files]


def load_mnist_like(name: str, data_root: str | None) -> Dataset:
    """Load one of the family.

    Args:
        name: what `--dataset` calls it.
        data_root: the folder that is looked into first.

    Raises:
        InputError: its files are missing or damaged.
    """
    raw = mnist_files(name, data_root)[0].parent
    pairs = [read_labelled(raw / x, raw / y, classes=10) for x, y in MNIST_FILES.values()]
    for (x, _), (images, _) in zip(pairs, MNIST_FILES.values(), strict=True):
        if x.shape[1:] != (28, 28) or not len(x):
            raise InputError(
                f"Expected {raw / images} to hold images of 28x28 pixels, but got "
                f"{len(x):,} of {x.shape[1]}x{x.shape[2]}."
            )
    return dataset_of_bytes(name, *pairs[0], *pairs[1], scale=1 / 255)
