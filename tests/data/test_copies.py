"""Rows that occur more than once: on one side of a split that is drawn, and counted."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from cl_anomaly.core.randomness import generator
from cl_anomaly.data.dataset_names import Reading
from cl_anomaly.data.datasets import Dataset, load_dataset
from cl_anomaly.data.splits import seeded_split
from cl_anomaly.plan.build import resolve
from cl_anomaly.settings.run_config import RunConfig

NUMBERS = np.random.default_rng(0)
# 150 distinct rows, a third of them three times, one of them as -0.0 once; ten anomalies.
DISTINCT = NUMBERS.normal(size=(150, 3)).astype(np.float32)
COPIES = np.concatenate([DISTINCT[:50], DISTINCT[:50]])
ANOMALIES = NUMBERS.normal(9, size=(10, 3)).astype(np.float32)


def copied() -> tuple[np.ndarray, np.ndarray]:
    x = np.concatenate([DISTINCT, COPIES, ANOMALIES])
    x[0, 0], x[150, 0], x[200, 0] = 0.0, -0.0, 0.0
    order = NUMBERS.permutation(len(x))
    return x[order], np.repeat([0, 1], [250, 10])[order]


def as_npz(folder: Path) -> Dataset:
    x, y = copied()
    np.savez(folder / "copied.npz", X=x, y=y)
    return load_dataset(str(folder / "copied.npz"))


def as_csv(folder: Path) -> Dataset:
    x, y = copied()
    table = pd.DataFrame(x, columns=["a", "b", "c"]).assign(kind=y)
    table.to_csv(folder / "copied.csv", index=False)
    return load_dataset(str(folder / "copied.csv"), reading=Reading(label_column="kind"))


@pytest.mark.parametrize("made", [as_npz, as_csv])
def test_no_normal_test_row_equals_a_training_row(tmp_path: Path, made: type) -> None:
    dataset: Dataset = made(tmp_path)
    train, test = (
        pd.DataFrame(samples.stored[labels == 0].numpy())
        for samples, labels in (
            (dataset.train, dataset.train_labels),
            (dataset.test, dataset.test_labels),
        )
    )
    assert len(train) + len(test) == 250
    assert len(train.drop_duplicates()) + len(test.drop_duplicates()) == 150
    assert train.merge(test).empty
    assert len(test) == 0.3 * 250


def test_the_exact_share_of_copies_is_said(tmp_path: Path) -> None:
    as_npz(tmp_path)
    config = RunConfig(strategy="lower", dataset=str(tmp_path / "copied.npz"), anomaly_class=1)
    said = str(resolve(config).dataset_note)
    assert "100 of 260 samples of copied (38.5 %) are copies of others." in said
    assert "test" not in said


def test_a_split_that_a_dataset_brings_stays_and_its_copies_are_counted(tmp_path: Path) -> None:
    x, y = DISTINCT, np.repeat([0, 1], [140, 10])
    np.savez(
        tmp_path / "own.npz",
        x_train=x[:100],
        y_train=y[:100],
        x_test=np.concatenate([x[90:], x[:2]]),
        y_test=np.concatenate([y[90:], [1, 1]]),
    )
    dataset = load_dataset(str(tmp_path / "own.npz"))
    assert (len(dataset.train), len(dataset.test)) == (100, 62)
    # Ten of the 50 normal test rows are training rows; anomalies that equal some are none of them.
    assert dataset.note == (
        "12 of 162 samples of own (7.4 %) are copies of others. 10 of 50 normal test samples "
        "(20.0 %) are copies of training samples."
    )


def test_nothing_is_said_where_no_row_occurs_twice(tmp_path: Path) -> None:
    np.savez(tmp_path / "once.npz", X=DISTINCT, y=np.repeat([0, 1], [140, 10]))
    assert load_dataset(str(tmp_path / "once.npz")).note is None


def test_a_split_without_copies_is_what_it_was(tmp_path: Path) -> None:
    # By hand: the permutation of the class's rows in the order of the file.
    np.savez(tmp_path / "once.npz", X=DISTINCT, y=np.zeros(150, dtype=int) + (np.arange(150) < 10))
    dataset = load_dataset(str(tmp_path / "once.npz"))
    places = torch.arange(10, 150)
    order = torch.randperm(140, generator=generator(0, "split", 0))[:42]
    expected = {*places[order].tolist()}
    found = [own.tobytes() for own in dataset.test.stored[dataset.test_labels == 0].numpy()]
    assert {n for n, own in enumerate(DISTINCT) if own.tobytes() in found} == expected


def test_a_row_that_is_too_often_there_for_the_test_is_for_training() -> None:
    x = np.concatenate([np.zeros((40, 2)), np.arange(120).reshape(60, 2) + 1])
    is_test = seeded_split(x, np.zeros(100))
    assert (is_test[:40].sum(), is_test.sum()) == (0, 30)
    # Unless there is nothing else: then the row with the fewest copies.
    few = seeded_split(np.repeat([[1.0], [2.0]], [7, 4], axis=0), np.zeros(11))
    assert few.tolist() == [False] * 7 + [True] * 4
