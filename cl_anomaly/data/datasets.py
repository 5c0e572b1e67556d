"""Datasets by name, each loaded once as whole tensors."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.cifar10 import cifar10_files, load_cifar10
from cl_anomaly.data.concept_file import read_concepts
from cl_anomaly.data.dataset import Dataset, Samples
from cl_anomaly.data.dataset_names import (
    CONCEPTS,
    FOLDER,
    OR_YOUR_OWN,
    Reading,
    check_own,
    is_own,
    is_table,
    path_of,
    short_name,
    size_of,
)
from cl_anomaly.data.digits import load_digits
from cl_anomaly.data.downloads import NotFoundError
from cl_anomaly.data.image_folder import image_files, read_images
from cl_anomaly.data.loaded_once import loaded_once
from cl_anomaly.data.mnist import load_mnist_like, mnist_files
from cl_anomaly.data.npz import read_npz
from cl_anomaly.data.own_arrays import LabelledArrays, dataset_of
from cl_anomaly.data.tables import read_table

__all__ = ["DATASETS", "Dataset", "DatasetSpec", "OWN", "Samples", "find_dataset", "load_dataset"]


@dataclass(frozen=True)
class DatasetSpec:
    """How to get a dataset, and the defaults that go with it; `files` are those it is read from.

    Attributes:
        name: what `--dataset` calls it.
        summary: what it is, in a line.
        epochs: by default.
        batch_size: by default; a task that has fewer samples trains with all of them.
        load: loads it; is given the folder of datasets.
        read: the function that reads its files.
        files: finds its files; is given the same.
        is_downloaded: whether a folder of datasets is looked into.
    """

    name: str
    summary: str
    epochs: int
    batch_size: int
    load: Callable[[str | None], Dataset]
    read: Callable[..., Any]
    files: Callable[[str | None], list[Path]] = lambda _: []
    is_downloaded: bool = False


def load_dataset(
    name: str, data_root: str | None = None, reading: Reading | None = None
) -> Dataset:
    """Load a dataset by its name, once for as long as its files stay as they are.

    Args:
        name: from DATASETS, or FILE.npz, FILE.csv, FILE.parquet, folder:DIR or concepts:FILE.npz.
        data_root: a folder of datasets, looked into first.
        reading: how data of one's own is read.

    Raises:
        InputError: there is no such dataset, or its files are missing or damaged.
    """
    spec = find_dataset(name, reading)
    if (given := given_dataset(name, reading)) is not None:
        return given
    return loaded_once(_key(name, reading), spec.files(data_root), lambda: spec.load(data_root))


_given: dict[str, Dataset] = {}


def give_dataset(name: str, reading: Reading | None, dataset: Dataset) -> None:
    """Let a dataset be what `load_dataset` gives in this process, whose files lie elsewhere.

    Args:
        name: what it is called; the one before of that name is forgotten, and so are all others.
        reading: how it was read.
    """
    _given.clear()
    _given[_key(name, reading)] = dataset


def given_dataset(name: str, reading: Reading | None) -> Dataset | None:
    """Return the dataset that `give_dataset` was given under a name."""
    return _given.get(_key(name, reading))


def _key(name: str, reading: Reading | None) -> str:
    return f"{name} {reading or Reading()}"


def find_dataset(name: str, reading: Reading | None = None) -> DatasetSpec:
    """Look a dataset's description up, or make that of the user's own data.

    Raises:
        InputError: there is none of that name.
    """
    if is_own(name):
        return _own(name, reading or Reading())
    if name not in DATASETS:
        raise InputError(
            setting="dataset",
            expected=f"to be one of {', '.join(DATASETS)}{OR_YOUR_OWN}",
            got=repr(name),
        )
    return DATASETS[name]


def choose_dataset(data_root: str | None = None) -> tuple[str, str | None]:
    """Choose the dataset where none is asked for: MNIST, or digits where MNIST is not to be had.

    Returns:
        The name, and a sentence for the user where it is the second choice.
    """
    try:
        mnist_files("mnist", data_root)
    except NotFoundError as error:
        return "digits", (
            "MNIST is neither on this machine nor could it be downloaded, so this run uses the "
            f"embedded dataset 'digits' (1,797 images of 8x8 pixels). Looked in: {error.places}. "
            "Ask for `--dataset mnist` to be told what is missing."
        )
    return "mnist", None


def _own(name: str, reading: Reading) -> DatasetSpec:
    path, read = path_of(name), _reader_of(name)

    def arrays() -> LabelledArrays:
        more: tuple[Any, ...] = ()
        if read is read_images:
            more = (reading.image_size and size_of(reading.image_size),)
        if read is read_table:
            check_own(name, reading)
            more = (str(reading.label_column), reading.split_column)
        return read(path, *more)

    return DatasetSpec(
        name,
        "Samples of your own",
        _OWN_EPOCHS,
        _OWN_BATCH_SIZE,
        load=lambda _: dataset_of(short_name(name), arrays(), path),
        read=read,
        files=lambda _: image_files(path) if name.startswith(FOLDER) else [path],
    )


def _reader_of(name: str) -> Callable[..., LabelledArrays]:
    if name.startswith(FOLDER):
        return read_images
    if is_table(name):
        return read_table
    return read_concepts if name.startswith(CONCEPTS) else read_npz


def _mnist_like(name: str, summary: str) -> DatasetSpec:
    return DatasetSpec(
        name,
        f"{summary}: 60,000 + 10,000 images of 28x28 pixels, 10 classes (downloaded once)",
        epochs=10,
        batch_size=64,
        load=lambda data_root: load_mnist_like(name, data_root),
        read=load_mnist_like,
        files=lambda data_root: mnist_files(name, data_root),
        is_downloaded=True,
    )


DATASETS = {
    spec.name: spec
    for spec in (
        DatasetSpec(
            "digits",
            "scikit-learn's handwritten digits: 1,257 + 540 images of 8x8 pixels, 10 classes "
            "(embedded)",
            epochs=60,
            batch_size=32,
            load=lambda _: load_digits(),
            read=load_digits,
        ),
        _mnist_like("mnist", "Handwritten digits"),
        _mnist_like("fashion-mnist", "Pictures of clothes"),
        _mnist_like("kmnist", "Cursive Japanese characters"),
        DatasetSpec(
            "cifar10",
            "Pictures of animals and vehicles: 50,000 + 10,000 of 3x32x32 pixels, 10 classes "
            "(downloaded once)",
            epochs=10,
            batch_size=64,
            load=load_cifar10,
            read=load_cifar10,
            files=cifar10_files,
            is_downloaded=True,
        ),
    )
}
"""Those that have a name."""

_OWN_EPOCHS, _OWN_BATCH_SIZE = 10, 32
OWN = {
    "FILE.npz": "Arrays of your own: x_train, y_train, x_test and y_test; or X and y",
    "FILE.csv": "A table of your own, FILE.csv or FILE.parquet, with --label-column NAME",
    "folder:DIR": "Images of your own: DIR/train/CLASS/*.png and DIR/test/CLASS/*.png, or .jpg",
    "concepts:FILE.npz": "Vectors that arrive by concept: train_x_K, test_x_K, test_y_K",
}
"""What data of the user's own may be; its defaults are those of `find_dataset`."""
