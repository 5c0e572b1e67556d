"""Part of the training set in place of the test set, for choices that the test must not see."""

import hashlib
from dataclasses import replace

import torch

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.labels import listed
from cl_anomaly.data.dataset import Dataset
from cl_anomaly.data.splits import seeded_split


def held_out(dataset: Dataset, share: float) -> Dataset:
    """Test on a share of each class's training samples, copies together, and train on the rest.

    Raises:
        InputError: a class has only test samples.
    """
    if missing := [label for label in dataset.classes if label not in dataset.trained_classes]:
        raise InputError(
            setting="held_out",
            expected="with a dataset whose classes all have training samples, because "
            "the test set is not looked at",
            but=f"{listed(missing)} of {dataset.name} has none",
            hint="Choose options on another dataset.",
        )
    stored, labels = dataset.train.stored.numpy(), dataset.train_labels.numpy()
    places = torch.from_numpy(seeded_split(stored, labels, share, "held out"))
    return replace(
        dataset,
        train=replace(dataset.train, stored=dataset.train.stored[~places]),
        train_labels=dataset.train_labels[~places],
        test=replace(dataset.train, stored=dataset.train.stored[places]),
        test_labels=dataset.train_labels[places],
        sha256=hashlib.sha256(f"{dataset.sha256} held out {share}".encode()).hexdigest(),
    )
