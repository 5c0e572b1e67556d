"""scikit-learn's handwritten digits, which need no download.

Its file is read as it is: to import scikit-learn takes longer than a short run.
"""

import gzip

import numpy as np
from numpy.typing import NDArray

from cl_anomaly.data.bytes import dataset_of_bytes
from cl_anomaly.data.dataset import Dataset
from cl_anomaly.data.files import digits_file

_TEST_SAMPLES = 540


def load_digits() -> Dataset:
    """Load them, split 70/30 by class; the split is the same everywhere."""
    with gzip.open(digits_file(), "rt") as file:
        rows = np.loadtxt(file, delimiter=",", dtype=np.int64)
    images, labels = rows[:, :-1].astype(np.uint8).reshape(-1, 8, 8), rows[:, -1]
    train, test = stratified_split(labels, _TEST_SAMPLES)
    return dataset_of_bytes(
        "digits", images[train], labels[train], images[test], labels[test], scale=1 / 16
    )


def stratified_split(
    labels: NDArray[np.int64], test_samples: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split as scikit-learn's `train_test_split` does with `stratify` and `random_state=0`.

    Args:
        labels: (n,), their classes.
        test_samples: how many are for the test.

    Returns:
        The places of the training samples and of the test samples.
    """
    random = np.random.RandomState(0)
    _, counts = np.unique(labels, return_counts=True)
    places = np.split(np.argsort(labels, kind="stable"), np.cumsum(counts)[:-1])
    trained = _shares(counts, len(labels) - test_samples, random)
    tested = _shares(counts - trained, test_samples, random)
    train, test = [], []
    for own, first, then in zip(places, trained, tested, strict=True):
        shuffled = own[random.permutation(len(own))]
        train.append(shuffled[:first])
        test.append(shuffled[first : first + then])
    return random.permutation(np.concatenate(train)), random.permutation(np.concatenate(test))


def _shares(
    counts: NDArray[np.int64], draws: int, random: np.random.RandomState
) -> NDArray[np.int64]:
    """Part draws among classes by their counts; what is left goes to the largest remainders."""
    exact = counts / counts.sum() * draws
    shares = np.floor(exact)
    remainders = exact - shares
    for value in np.sort(np.unique(remainders))[::-1]:
        if left := int(draws - shares.sum()):
            (equal,) = np.where(remainders == value)
            shares[random.choice(equal, size=min(len(equal), left), replace=False)] += 1
    return shares.astype(np.int64)
