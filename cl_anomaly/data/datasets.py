"""Datasets by name, each loaded once as whole tensors."""

import hashlib
import os
import socket
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from http.client import HTTPException
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cl_anomaly.data.idx import read_labelled
from cl_anomaly.data.loaded_once import loaded_once
from cl_anomaly.data.npz import LabelledArrays, read_npz
from cl_anomaly.errors import InputError

DOWNLOAD_TIMEOUT = 10.0


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples as they were read, whole, on one device; a batch is an index lookup.

    Attributes:
        stored: (N, *features), uint8 or float32.
        scale: what a stored value is multiplied by to lie in [0, 1].
    """

    stored: Tensor
    scale: float

    def __len__(self) -> int:
        """Count the samples."""
        return len(self.stored)

    def to(self, device: torch.device) -> "Samples":
        """Move them to a device."""
        return replace(self, stored=self.stored.to(device))

    def batch(self, indices: Tensor) -> Tensor:
        """Look samples up.

        Args:
            indices: of any shape, such as (R, B), int64, on the samples' device.

        Returns:
            (*indices.shape, *features), float32 in [0, 1].
        """
        picked = self.stored.index_select(0, indices.flatten()).to(torch.float32)
        return picked.mul_(self.scale).unflatten(0, indices.shape)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled samples to train and to test on.

    Attributes:
        name: what `--dataset` calls it; of FILE.npz, FILE without its folder.
        train: N training samples.
        train_labels: (N,), int64.
        test: n test samples.
        test_labels: (n,), int64.
        sha256: of the samples and labels, to tell whether two runs saw the same data.
    """

    name: str
    train: Samples
    train_labels: Tensor
    test: Samples
    test_labels: Tensor
    sha256: str

    @property
    def features(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(self.train.stored.shape[1:])


@dataclass(frozen=True)
class DatasetSpec:
    """How to get a dataset, and the defaults that go with it; `files` are those it is read from."""

    name: str
    summary: str
    epochs: int
    batch_size: int
    load: Callable[[str | None], Dataset]
    files: Callable[[str | None], list[Path]] = lambda _: []


def load_dataset(name: str, data_root: str | None = None) -> Dataset:
    """Load a dataset by its name, once for as long as its files stay as they are.

    Raises:
        InputError: there is no such dataset, or its files are missing or damaged.
    """
    spec = find_dataset(name)
    return loaded_once(spec.name, spec.files(data_root), lambda: spec.load(data_root))


def find_dataset(name: str) -> DatasetSpec:
    """Look a dataset's description up, or make that of FILE.npz; see `cl_anomaly.data.npz`.

    Raises:
        InputError: there is none of that name.
    """
    if name.endswith(".npz"):
        return DatasetSpec(
            name,
            "Samples of your own",
            epochs=10,
            batch_size=32,
            load=lambda data_root: _load_npz(Path(name)),
            files=lambda data_root: [Path(name)],
        )
    if name not in DATASETS:
        raise InputError(
            f"Expected `dataset` to be one of {', '.join(DATASETS)}, or FILE.npz with the arrays "
            f"{', '.join(LabelledArrays._fields)}, but got {name!r}."
        )
    return DATASETS[name]


def choose_dataset(data_root: str | None = None) -> tuple[str, str | None]:
    """Choose the dataset where none is asked for: MNIST, or digits where MNIST is not to be had.

    Returns:
        The name, and a sentence for the user where it is the second choice.
    """
    try:
        _mnist_folder("MNIST", data_root)
    except _NotFound as error:
        return "digits", (
            "MNIST is neither on this machine nor could it be downloaded, so this run uses the "
            f"embedded dataset 'digits' (1,797 images of 8x8 pixels). Looked in: {error.places}. "
            "Ask for `--dataset mnist` to be told what is missing."
        )
    return "mnist", None


def data_roots(data_root: str | None) -> list[Path]:
    """List the folders that are looked into for datasets, first choice first."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cl-anomaly"
    return [Path(p) for p in (data_root, os.environ.get("CL_ANOMALY_DATA"), cache) if p]


class _NotFound(InputError):
    def __init__(self, name: str, roots: list[Path], files: list[str], reason: object) -> None:
        self.places = ", ".join(str(root / name / "raw") for root in roots)
        why = " ".join(str(reason).split())
        super().__init__(
            f"{name} is not on this machine and could not be downloaded: {why}\n"
            f"  looked in: {self.places}\n"
            f"  expected files: {', '.join(files)}\n"
            f"  what to do: put these files into one of the folders (`--data-root DIR` and "
            f"$CL_ANOMALY_DATA name others),\n"
            f"  or run offline with the embedded data: cl-anomaly run --dataset digits"
        )


_IDX_FILES = {
    split: (f"{stem}-images-idx3-ubyte", f"{stem}-labels-idx1-ubyte")
    for split, stem in {"train": "train", "test": "t10k"}.items()
}
_FILES = [file for pair in _IDX_FILES.values() for file in pair]


def _mnist_folder(name: str, data_root: str | None) -> Path:
    """Find the folder with torchvision's files of one of the MNIST family, or download them."""
    roots = data_roots(data_root)
    target = roots[0] if data_root else roots[-1]
    try:
        for root in roots:
            # One file is enough: a folder with some of them is damaged, and must be reported, not
            # passed over for another.
            if any((root / name / "raw" / file).exists() for file in _FILES):
                return root / name / "raw"
        _download(name, target)
    except (RuntimeError, ValueError, OSError, HTTPException) as error:
        raise _NotFound(name, roots, _FILES, error) from error
    return target / name / "raw"


def _download(name: str, root: Path) -> None:
    from torchvision import datasets  # a second of import that only a download needs

    print(f"Downloading {name} to {root} ...", file=sys.stderr)
    new = [folder for folder in (root, *root.parents) if not folder.exists()]
    root.mkdir(parents=True, exist_ok=True)
    previous = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT)
    try:
        # Beside its place first: a download that breaks off must not look like a damaged dataset.
        with tempfile.TemporaryDirectory(prefix=f".{name}.", dir=root) as partial:
            getattr(datasets, name)(partial, download=True)
            (root / name / "raw").mkdir(parents=True, exist_ok=True)
            for file in _FILES:
                os.replace(Path(partial, name, "raw", file), root / name / "raw" / file)
    finally:
        socket.setdefaulttimeout(previous)
        for folder in new:
            with suppress(OSError):  # it is not empty: the download came
                folder.rmdir()


def _load_mnist_like(name: str, folder: str, data_root: str | None) -> Dataset:
    raw = _mnist_folder(folder, data_root)
    pairs = [read_labelled(raw / x, raw / y, classes=10) for x, y in _IDX_FILES.values()]
    for (x, _), (images, _) in zip(pairs, _IDX_FILES.values(), strict=True):
        if x.shape[1:] != (28, 28) or not len(x):
            raise InputError(
                f"Expected {raw / images} to hold images of 28x28 pixels, but got "
                f"{len(x):,} of {x.shape[1]}x{x.shape[2]}."
            )
    return _dataset(name, *pairs[0], *pairs[1], scale=1 / 255)


def _load_digits(data_root: str | None) -> Dataset:
    """scikit-learn's digits, split 70/30 by class; the split is the same everywhere."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    bunch: Any = load_digits()
    arrays: Any = train_test_split(
        bunch.images.astype(np.uint8),
        bunch.target,
        test_size=0.3,
        stratify=bunch.target,
        random_state=0,
    )
    train_x, test_x, train_y, test_y = arrays
    return _dataset("digits", train_x, train_y, test_x, test_y, scale=1 / 16)


def _dataset(name: str, *arrays: np.ndarray, scale: float) -> Dataset:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape}".encode())
        digest.update(array.astype(np.uint8).tobytes())
    train_x, train_y, test_x, test_y = arrays
    return Dataset(
        name=name,
        train=Samples(torch.tensor(train_x), scale),
        train_labels=torch.tensor(train_y, dtype=torch.int64),
        test=Samples(torch.tensor(test_x), scale),
        test_labels=torch.tensor(test_y, dtype=torch.int64),
        sha256=digest.hexdigest(),
    )


def _load_npz(path: Path) -> Dataset:
    arrays = read_npz(path)
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    x_train, x_test = (
        Samples(torch.tensor(x), 1 / 255 if x.dtype == np.uint8 else 1.0)
        for x in (arrays.x_train, arrays.x_test)
    )
    y_train, y_test = torch.tensor(arrays.y_train), torch.tensor(arrays.y_test)
    return Dataset(path.stem, x_train, y_train, x_test, y_test, digest.hexdigest())


def _mnist_like(name: str, folder: str, summary: str) -> DatasetSpec:
    return DatasetSpec(
        name,
        f"{summary}: 60,000 + 10,000 images of 28x28 pixels, 10 classes (downloaded once)",
        epochs=10,
        batch_size=64,
        load=lambda data_root: _load_mnist_like(name, folder, data_root),
        files=lambda data_root: [_mnist_folder(folder, data_root) / file for file in _FILES],
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
            load=_load_digits,
        ),
        _mnist_like("mnist", "MNIST", "Handwritten digits"),
        _mnist_like("fashion-mnist", "FashionMNIST", "Pictures of clothes"),
        _mnist_like("kmnist", "KMNIST", "Cursive Japanese characters"),
    )
}
