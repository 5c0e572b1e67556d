"""Any table with labelled anomalies as a stream: clusters of normal samples are the concepts."""

import hashlib
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor

from cl_anomaly.data.samples import Dataset, Samples
from cl_anomaly.data.scaling import Scaling
from cl_anomaly.errors import InputError
from cl_anomaly.labels import Label

ANOMALY = "anomaly"
"""What all anomalies are called in the clustered dataset."""

# A concept with fewer samples is no task to learn, and its AUROC is no number to report.
_FEWEST = {"training": 10, "test": 5}


@lru_cache(maxsize=4)
def clustered(dataset: Dataset, anomalous: tuple[Label, ...], concepts: int) -> Dataset:
    """Make concepts of a dataset: k-means clusters of the standardised normal training samples.

    As in the studies of lifelong anomaly detection, such as Faber, Corizzo, Sniezynski and
    Japkowicz, "Lifelong Continual Learning for Anomaly Detection" (IEEE Access 2024), section IV:
    the clusters stand for conditions that normality goes through. Held-out normal samples belong to
    the concept whose centre is nearest. All anomalies are for the test, those of the training set
    included.

    The clusters are a property of the data, the same for every seed of a run; the largest is
    concept1. A cluster with fewer than 10 training or 5 test samples is none: its samples join the
    clusters that are nearest to them, and there are fewer concepts. Features are standardised by
    the mean and the standard deviation of all normal training samples, because the clusters are
    made so; no anomaly and no test sample is looked at.

    Args:
        dataset: samples, labelled normal by all classes but some.
        anomalous: these.
        concepts: how many clusters, 2 or more.

    Returns:
        The same samples, with the classes concept1, concept2, … and "anomaly".

    Raises:
        InputError: there are too few normal samples for so many concepts.
    """
    codes = dataset.codes(anomalous)
    train_is_normal, test_is_normal = (
        ~torch.isin(labels, codes) for labels in (dataset.train_labels, dataset.test_labels)
    )
    scaling = _standard(dataset.train.stored[train_is_normal])
    normal, held_out = (
        _flat(samples.scaled_by(scaling), which)
        for samples, which in ((dataset.train, train_is_normal), (dataset.test, test_is_normal))
    )
    train_labels, test_concepts, concepts = _clusters(normal, held_out, concepts, dataset.name)
    arrived_late = dataset.train.stored[~train_is_normal]
    test_labels = torch.full((len(dataset.test) + len(arrived_late),), concepts)
    test_labels[: len(dataset.test)][test_is_normal] = test_concepts
    test = torch.cat([dataset.test.stored, arrived_late])
    names = (*(f"concept{number}" for number in range(1, concepts + 1)), ANOMALY)
    digest = hashlib.sha256(f"{dataset.sha256} {names}".encode())
    for labels in (train_labels, test_labels):
        digest.update(labels.numpy().tobytes())
    return replace(
        dataset,
        train=Samples(dataset.train.stored[train_is_normal], dataset.train.scale, scaling),
        train_labels=train_labels,
        test=Samples(test, dataset.test.scale, scaling),
        test_labels=test_labels,
        sha256=digest.hexdigest(),
        class_names=names,
    )


def _standard(normal: Tensor) -> Scaling:
    """Give the scaling (x − mean) / standard deviation of each feature of (n, *features)."""
    values = normal.to(torch.float64)
    mean, deviation = values.mean(0), values.std(0, correction=0)
    # What hardly varies is left as it is, not blown up.
    deviation = torch.where(deviation > 1e-6 * (mean.abs() + 1e-6), deviation, 1.0)
    return Scaling(mean[None].float(), (mean + deviation)[None].float())


def _flat(samples: Samples, which: Tensor) -> NDArray[np.float64]:
    chosen = samples.batch(which.nonzero().squeeze(1))
    return chosen.flatten(1).numpy().astype(np.float64)


def _clusters(
    normal: NDArray[np.float64], held_out: NDArray[np.float64], concepts: int, name: str
) -> tuple[Tensor, Tensor, int]:
    """Number the clusters of training and held-out samples, the largest first; and count them."""
    from sklearn.cluster import KMeans  # half a second, for those who need it

    fewest = concepts * _FEWEST["training"]
    if concepts < 2 or len(normal) < fewest:
        raise InputError(
            f"Expected `concepts` to be 2 or more, with {_FEWEST['training']} normal training "
            f"samples of {name} for each, but got {concepts} for {len(normal):,} samples."
        )
    # More threads would add in another order every time.
    with threadpool_limits(1):
        found = KMeans(concepts, n_init=10, random_state=0).fit(normal)  # type: ignore[arg-type]
    centres = found.cluster_centers_
    while True:
        own, tested = (_nearest(samples, centres) for samples in (normal, held_out))
        counts = np.bincount(own, minlength=len(centres))
        held = np.bincount(tested, minlength=len(centres))
        short = (counts < _FEWEST["training"]) | (held < _FEWEST["test"])
        if not short.any():
            break
        # Its samples join the clusters that are nearest to them.
        centres = np.delete(centres, np.where(short, counts, len(normal)).argmin(), axis=0)
    if len(centres) < 2:
        raise InputError(
            f"Expected clusters of {name} with {_FEWEST['training']} normal training samples and "
            f"{_FEWEST['test']} normal test samples or more in each, but k-means found only one of "
            f"{concepts}."
        )
    places = np.empty(len(centres), dtype=np.int64)
    places[np.argsort(-counts, kind="stable")] = np.arange(len(centres))
    return torch.from_numpy(places[own]), torch.from_numpy(places[tested]), len(centres)


def _nearest(samples: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.int64]:
    """Number the centre that each sample is nearest to, (n,)."""
    distances = [np.square(samples - centre).sum(1) for centre in centres]
    return np.argmin(distances, axis=0)
