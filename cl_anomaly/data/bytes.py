"""Datasets of unsigned bytes: samples and labels as they stand in their files."""

import hashlib

import numpy as np
import torch

from cl_anomaly.core.labels import Label
from cl_anomaly.data.dataset import Dataset, Samples


def dataset_of_bytes(
    name: str, *arrays: np.ndarray, scale: float, class_names: tuple[Label, ...] | None = None
) -> Dataset:
    """Make a dataset.

    Args:
        name: as `--dataset` calls it.
        arrays: training samples (N, *features), their labels (N,), test samples and their labels.
        scale: factor that brings a byte into [0, 1].
        class_names: of the classes 0, 1, …
    """
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
        class_names=class_names,
    )
