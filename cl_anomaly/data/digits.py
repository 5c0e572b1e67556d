"""scikit-learn's handwritten digits, which need no download."""

from typing import Any

import numpy as np

from cl_anomaly.data.bytes import dataset_of_bytes
from cl_anomaly.data.dataset import Dataset


def load_digits() -> Dataset:
    """Load them, split 70/30 by class; the split is the same everywhere."""
    from sklearn import datasets
    from sklearn.model_selection import train_test_split

    bunch: Any = datasets.load_digits()
    arrays: Any = train_test_split(
        bunch.images.astype(np.uint8),
        bunch.target,
        test_size=0.3,
        stratify=bunch.target,
        random_state=0,
    )
    train_x, test_x, train_y, test_y = arrays
    return dataset_of_bytes("digits", train_x, train_y, test_x, test_y, scale=1 / 16)
