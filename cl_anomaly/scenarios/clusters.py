"""Any table with labelled anomalies as a stream: clusters of normal samples are the concepts."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.labels import ANOMALOUS, NORMAL, Label
from cl_anomaly.data.dataset import Dataset, Samples
from cl_anomaly.data.scaling import Scaling
from cl_anomaly.scenarios.base import Scenario

ANOMALY = "anomaly"
"""Label of all anomalies in the clustered dataset, if the concepts share them."""

# A concept with fewer training samples is no task to learn.
_FEWEST = 10
# An AUROC of fewer normal test samples is hardly a number: the note says so.
_FEW_TESTED = 5


@lru_cache(maxsize=4)
def clustered(
    dataset: Dataset,
    anomalous: tuple[Label, ...],
    concepts: int,
    scaling: str = "first",
    brings_own: bool = False,
) -> Dataset:
    """Make concepts of a dataset: k-means clusters of the standardised normal training samples.

    The clusters stand for conditions that normality goes through, as in Faber, Corizzo, Sniezynski
    and Japkowicz, "Lifelong Continual Learning for Anomaly Detection" (IEEE Access 2024), section
    IV. Normal test samples belong to the concept with the nearest centre. All anomalies are for
    testing, those of the training set included. In the paper each concept brings its own anomalies,
    as with `brings_own`: k-means makes as many clusters of the anomalies, and each concept, the
    largest first, takes the one whose mean is nearest to its own. (The paper compares whole
    clusters by their Wasserstein distance, and limits their size.)

    The clusters are a property of the data, the same for every seed of a run; the largest is
    concept1. The samples of a cluster with fewer than 10 training samples join the clusters nearest
    to them, and there are fewer concepts. Features are standardised by all normal training samples
    to make the clusters; test samples are not looked at, and anomalies only to cluster them.

    Args:
        dataset: with classes of which some are anomalous.
        anomalous: these.
        concepts: how many clusters, 2 or more.
        scaling: "all" leaves the samples standardised as for clustering; "first" leaves that to
            `standardised`.
        brings_own: whether each concept brings its own anomalies.

    Returns:
        The same samples, with the classes concept1, concept2, … and "anomaly", or anomaly1,
        anomaly2, …; warnings join its note.

    Raises:
        InputError: there are too few samples for so many concepts.
    """
    codes = dataset.codes(anomalous)
    is_trained = ~torch.isin(dataset.train_labels, codes)
    train, test, is_normal = dataset.train.stored[is_trained], *_tested(dataset, codes)
    scale = _standard(train)
    normal, held_out, anomalies = (
        scale(samples.float()).flatten(1).numpy().astype(np.float64)
        for samples in (train, test[is_normal], test[~is_normal])
    )
    centres = _centres(normal, concepts, dataset.name)
    train_labels, tested = (torch.from_numpy(_nearest(x, centres)) for x in (normal, held_out))
    test_labels = torch.full((len(test),), len(centres))
    test_labels[is_normal] = tested
    names: list[Label] = [f"{NORMAL}{number + 1}" for number in range(len(centres))]
    if brings_own:
        test_labels[~is_normal] = len(centres) + _assigned(anomalies, centres, dataset.name)
        names += [f"{ANOMALOUS}{number + 1}" for number in range(len(centres))]
    else:
        names.append(ANOMALY)
    note = _about(dataset.name, concepts, torch.bincount(tested, minlength=len(centres)))
    sample_scale = scale if scaling == "all" else None
    return replace(
        dataset,
        train=Samples(train, dataset.train.scale, sample_scale),
        train_labels=train_labels,
        test=Samples(test, dataset.test.scale, sample_scale),
        test_labels=test_labels,
        sha256=_sha256(dataset.sha256, names, train_labels, test_labels),
        class_names=tuple(names),
        note=" ".join(filter(None, [dataset.note, *note])) or None,
    )


def _tested(dataset: Dataset, anomalous: Tensor) -> tuple[Tensor, Tensor]:
    """Return the test samples, anomalies of the training set last, and which are normal, (n,)."""
    is_anomaly = torch.isin(dataset.train_labels, anomalous)
    samples = torch.cat([dataset.test.stored, dataset.train.stored[is_anomaly]])
    is_normal = torch.zeros(len(samples), dtype=torch.bool)
    is_normal[: len(dataset.test)] = ~torch.isin(dataset.test_labels, anomalous)
    return samples, is_normal


def _sha256(data: str, names: Sequence[Label], *labels: Tensor) -> str:
    digest = hashlib.sha256(f"{data} {tuple(names)}".encode())
    for each in labels:
        digest.update(each.numpy().tobytes())
    return digest.hexdigest()


def standardised(scenario: Scenario) -> Scenario:
    """Standardise a scenario's samples by the training samples of its first task."""
    dataset = scenario.dataset
    scaling = _standard(dataset.train.stored[scenario.tasks[0].indices])
    train, test = dataset.train.scaled_by(scaling), dataset.test.scaled_by(scaling)
    return replace(scenario, dataset=replace(dataset, train=train, test=test))


def _standard(normal: Tensor) -> Scaling:
    """Return the scaling (x − mean) / standard deviation of each feature of (n, *features)."""
    values = normal.to(torch.float64)
    mean, deviation = values.mean(0), values.std(0, correction=0)
    # A feature that hardly varies is not blown up.
    deviation = torch.where(deviation > 1e-6 * (mean.abs() + 1e-6), deviation, 1.0)
    return Scaling(mean[None].float(), (mean + deviation)[None].float())


def _centres(normal: NDArray[np.float64], concepts: int, name: str) -> NDArray[np.float64]:
    """Find the clusters' centres, (k, d), the largest first; none is too small."""
    if concepts < 2 or len(normal) < concepts * _FEWEST:
        raise InputError(
            setting="concepts",
            expected=f"to be 2 or more, with {_FEWEST} normal training samples of {name} for each",
            got=f"{concepts} for {len(normal):,} samples",
        )
    centres, _ = _k_means(normal, concepts)
    while True:
        counts = np.bincount(_nearest(normal, centres), minlength=len(centres))
        if counts.min() >= _FEWEST:
            break
        # Its samples join the clusters that are nearest to them.
        centres = np.delete(centres, counts.argmin(), axis=0)
    if len(centres) < 2:
        raise InputError(
            f"Expected clusters of {name} with {_FEWEST} normal training samples or more in each, "
            f"but k-means found only one of {concepts}."
        )
    return centres[np.argsort(-counts, kind="stable")]


def _assigned(anomalies: NDArray[np.float64], centres: NDArray[np.float64], name: str) -> Tensor:
    """Return the concept that brings each anomaly, (m,): concept after concept takes a cluster."""
    if (distinct := len(np.unique(anomalies, axis=0))) < len(centres):
        raise InputError(
            setting="cluster_anomalies",
            expected=f"own with one distinct anomaly of {name} or more for each of "
            f"{len(centres)} concepts",
            but=f"there are {distinct}",
            hint="Ask for fewer concepts.",
        )
    means, cluster = _k_means(anomalies, len(centres))
    concept, free = np.empty(len(centres), dtype=np.int64), list(range(len(centres)))
    for number, centre in enumerate(centres):
        nearest = min(free, key=lambda candidate: float(np.square(means[candidate] - centre).sum()))
        free.remove(nearest)
        concept[nearest] = number
    return torch.from_numpy(concept[cluster])


def _k_means(
    samples: NDArray[np.float64], clusters: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Find the clusters' centres, (k, d), and each sample's cluster, (n,)."""
    from sklearn.cluster import KMeans  # takes half a second

    # More threads would add in another order every time.
    with threadpool_limits(1):
        fitted = KMeans(clusters, n_init=10, random_state=0).fit(samples)  # type: ignore[arg-type]
    return fitted.cluster_centers_, np.asarray(fitted.labels_, dtype=np.int64)


def _nearest(samples: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the centre nearest to each sample, (n,)."""
    distances = [np.square(samples - centre).sum(1) for centre in centres]
    return np.argmin(distances, axis=0)


def _about(name: str, asked: int, tested: Tensor) -> list[str]:
    """Warn of fewer clusters than asked for and of few test samples; refuse one with none."""
    used, warnings = len(tested), []
    if used < asked:
        warnings.append(
            f"Of {asked} clusters of {name}, {asked - used} had too few training samples, which "
            f"have joined others: there are {used} concepts."
        )
    for number, count in enumerate(tested.tolist(), 1):
        if not count:
            raise InputError(
                f"Expected normal test samples of {name} in each cluster, but {NORMAL}{number} has "
                f"none. Ask for fewer clusters, such as `--concepts {max(2, used - 1)}`."
            )
        if count < _FEW_TESTED:
            warnings.append(f"{NORMAL}{number} has few normal test samples, {count}.")
    return warnings
