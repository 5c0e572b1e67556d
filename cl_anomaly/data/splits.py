"""Splits into training and test samples, in which the copies of a sample stay together."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cl_anomaly.core.randomness import generator

TEST_SHARE = 0.3


def numbered(samples: NDArray[Any]) -> NDArray[np.int64]:
    """Number distinct samples (n, *features) by first occurrence, from 0: (n,)."""
    numbers: dict[bytes, int] = {}
    # + 0 turns -0.0, which equals 0.0, into the same bytes.
    rows = (row.tobytes() for row in samples + samples.dtype.type(0))
    return np.array([numbers.setdefault(row, len(numbers)) for row in rows], dtype=np.int64)


def seeded_split(
    samples: NDArray[Any],
    labels: NDArray[Any],
    share: float = TEST_SHARE,
    purpose: str = "split",
) -> NDArray[np.bool_]:
    """Draw a share of each class's samples, one or more, so that copies stay together.

    Distinct samples are visited in a random order that is the same everywhere; each is drawn with
    all its copies if these still fit. A sample that occurs in several classes belongs to the class
    in which it occurs first.

    Args:
        samples: (n, *features).
        labels: (n,).
        share: of each class's samples that is drawn.
        purpose: splits for different purposes do not depend on each other.

    Returns:
        (n,), whether a sample is drawn.
    """
    number = numbered(samples)
    _, first, sizes = np.unique(number, return_index=True, return_counts=True)
    is_drawn = np.zeros(len(first), dtype=np.bool_)
    for label in np.unique(labels).tolist():
        places = np.flatnonzero(labels[first] == label)
        order = torch.randperm(len(places), generator=generator(0, purpose, label)).numpy()
        count = max(1, round(share * (labels == label).sum()))
        is_drawn[_that_fit(places[order], sizes, count)] = True
    return is_drawn[number]


def _that_fit(groups: NDArray[np.int64], sizes: NDArray[np.int64], room: int) -> list[int]:
    """Take groups in order, each if it still fits into the number of samples; at least one."""
    taken = []
    for group in groups.tolist():
        if sizes[group] <= room:
            taken.append(group)
            room -= int(sizes[group])
    if taken or len(groups) < 2:
        return taken
    return [int(groups[sizes[groups].argmin()])]


def about_copies(
    name: str,
    train: NDArray[Any],
    test: NDArray[Any],
    train_labels: NDArray[Any],
    test_labels: NDArray[Any],
) -> str | None:
    """Count how many samples (n, *features) of a dataset are copies of others; None if none is."""
    both = train, test
    if train.dtype != test.dtype:  # bytes mean a share of 255
        both = tuple(x / np.float32(255) if x.dtype == np.uint8 else x for x in both)
    number = numbered(np.concatenate(both))
    copies = len(number) - len(np.unique(number))
    if not copies:
        return None
    sentence = _of(copies, len(number), f"samples of {name}", "another", "others")
    is_normal = np.isin(test_labels, train_labels)
    known = np.isin(number[len(train) :][is_normal], number[: len(train)])
    if not known.any():
        return sentence
    what = "normal test samples", "a training sample", "training samples"
    return f"{sentence} {_of(int(known.sum()), len(known), *what)}"


def _of(count: int, whole: int, what: str, one: str, several: str) -> str:
    verb = f"is a copy of {one}" if count == 1 else f"are copies of {several}"
    return f"{count:,} of {whole:,} {what} ({100 * count / whole:.1f} %) {verb}."
