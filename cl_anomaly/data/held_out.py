"""A part of the training set in place of the test set, for choices that the test must not see."""

import hashlib
from dataclasses import replace

import torch

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.labels import listed
from cl_anomaly.data.dataset import Dataset
from cl_anomaly.data.splits import seeded_split


def held_out(dataset: Dataset, share: float) -> Dataset:
    """Put a part of the training set in the place of the test set, which is not looked at.

    Args:
        dataset: whose test set is left out.
        share: of each class's training samples, copies together; one sample or more.

    Returns:
        A dataset whose test samples are that part, the rest its training samples.

    Raises:
        InputError: a class has test samples alone.
    """
    if missing := [label for label in dataset.classes if label not in dataset.trained_classes]:
        raise InputError(
            setting="held_out",
            expected="with a dataset whose classes all have training samples, because "
            "the test set is not looked at",
            but=f"{listed(missing)} of {dataset.name} has none",
            hint="Choose options on another dataset.",
        )
    drawn = seeded_split(
        dataset.train.stored.numpy(), dataset.train_labels.numpy(), share, "held out"
    )
    places = torch.from_numpy(drawn)
    return replace(
        dataset,
        train=replace(dataset.train, stored=dataset.train.stored[~places]),
        train_labels=dataset.train_labels[~places],
        test=replace(dataset.train, stored=dataset.train.stored[places]),
        test_labels=dataset.train_labels[places],
        sha256=hashlib.sha256(f"{dataset.sha256} held out {share}".encode()).hexdigest(),
    )
