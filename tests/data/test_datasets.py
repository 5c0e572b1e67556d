import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.datasets import (
    Dataset,
    Samples,
    choose_dataset,
    load_dataset,
)
from cl_anomaly.data.downloads import data_roots
from cl_anomaly.plan.specification import specify
from cl_anomaly.settings.run_config import RunConfig
from tests.support.helpers import IDX_FILES, TEST_LABELS, TRAIN_LABELS, write_mnist

MNIST_LIKE = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "kmnist": "KMNIST"}


def cache() -> Path:
    return data_roots(None)[-1]


def test_a_batch_is_looked_up_and_scaled() -> None:
    stored = torch.tensor([[0, 51], [102, 153], [204, 255]], dtype=torch.uint8)
    samples = Samples(stored, 1 / 255)
    batch = samples.batch(torch.tensor([[2, 0], [1, 1]]))
    assert batch.dtype == torch.float32
    expected = torch.tensor([[[0.8, 1.0], [0.0, 0.2]], [[0.4, 0.6], [0.4, 0.6]]])
    torch.testing.assert_close(batch, expected)
    assert len(samples) == 3
    # A batch is a copy: the samples stay as they are.
    assert stored.tolist() == [[0, 51], [102, 153], [204, 255]]


@pytest.mark.parametrize("shape", [(4,), (2, 3), (2, 3, 4), (3, 0)])
def test_a_batch_has_the_shape_of_its_indices(shape: tuple[int, ...]) -> None:
    samples = Samples(torch.zeros(5, 28, 28, dtype=torch.uint8), 1 / 255)
    assert samples.batch(torch.zeros(shape, dtype=torch.int64)).shape == (*shape, 28, 28)


@pytest.mark.parametrize("scale", [1 / 255, 1 / 16])
def test_scaled_values_lie_between_0_and_1(scale: float) -> None:
    largest = round(1 / scale)
    samples = Samples(torch.arange(largest + 1, dtype=torch.uint8), scale)
    batch = samples.batch(torch.arange(largest + 1))
    # Binary cross entropy refuses a target above 1, be it by one rounding error.
    assert batch.min() == 0 and batch.max() == 1


def joined(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    everything = [
        split.batch(torch.arange(len(split))).numpy() for split in (dataset.train, dataset.test)
    ]
    labels = torch.cat([dataset.train_labels, dataset.test_labels]).numpy()
    return np.concatenate(everything), labels


def test_digits_are_those_of_scikit_learn(digits: Dataset) -> None:
    source: Any = load_digits()
    images, labels = joined(digits)

    def rows(x: np.ndarray, y: np.ndarray) -> list[tuple[float, ...]]:
        return sorted((int(label), *image.ravel()) for image, label in zip(x, y, strict=True))

    # Every image once, in one of the two splits, still with its label. Sixteenths are exact.
    assert rows(images, labels) == rows(source.images / 16, source.target)
    assert digits.features == (8, 8)
    assert digits.train.stored.dtype == torch.uint8


def test_digits_are_split_70_to_30_in_every_class(digits: Dataset) -> None:
    assert (len(digits.train), len(digits.test)) == (1257, 540)
    train, test = digits.train_labels.bincount(), digits.test_labels.bincount()
    assert len(train) == len(test) == 10
    # Stratified: what is left of exactly 30 % is the rounding to whole images.
    assert ((test - 0.3 * (train + test)).abs() < 1).all()


def test_digits_are_split_in_the_same_way_every_time(digits: Dataset) -> None:
    again = load_dataset("digits")
    assert torch.equal(again.train.stored, digits.train.stored)
    assert torch.equal(again.test_labels, digits.test_labels)
    # Published numbers belong to this very split; another one is another dataset.
    assert digits.train_labels[:10].tolist() == [6, 4, 4, 3, 2, 7, 2, 2, 7, 0]
    assert digits.test_labels[:10].tolist() == [1, 4, 5, 6, 9, 1, 2, 2, 2, 0]


# The MNIST family, from files


@pytest.mark.parametrize("name", MNIST_LIKE)
def test_files_are_read_as_they_are(tmp_path: Path, name: str) -> None:
    raw = write_mnist(tmp_path, folder=MNIST_LIKE[name])
    dataset = load_dataset(name, str(tmp_path))
    assert dataset.name == name
    assert dataset.features == (28, 28)
    assert dataset.train_labels.tolist() == list(TRAIN_LABELS)
    assert dataset.test_labels.tolist() == list(TEST_LABELS)
    assert dataset.train_labels.dtype == dataset.test_labels.dtype == torch.int64
    for samples, file in ((dataset.train, IDX_FILES[0]), (dataset.test, IDX_FILES[2])):
        pixels = (raw / file).read_bytes()[16:]
        assert samples.stored.numpy().tobytes() == pixels
        values = samples.batch(torch.arange(len(samples))).flatten()
        assert values.tolist() == pytest.approx([pixel / 255 for pixel in pixels])


def test_folders_are_looked_into_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, named = tmp_path / "asked", tmp_path / "named"
    # Told apart by the number of training samples.
    for count, root in enumerate([asked, named, cache()], start=1):
        write_mnist(root, TRAIN_LABELS[:count])
    assert len(load_dataset("mnist").train) == 3
    monkeypatch.setenv("CL_ANOMALY_DATA", str(named))
    assert len(load_dataset("mnist").train) == 2
    assert len(load_dataset("mnist", str(asked)).train) == 1
    # A folder without the dataset is passed over.
    assert len(load_dataset("mnist", str(tmp_path / "empty")).train) == 2


def test_the_cache_is_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_roots(None) == [tmp_path / ".cache" / "cl-anomaly"]


@pytest.mark.parametrize("missing", IDX_FILES)
def test_a_folder_with_some_files_is_damaged(tmp_path: Path, missing: str) -> None:
    raw = write_mnist(tmp_path)
    (raw / missing).unlink()
    # It must not be passed over for another folder, either.
    write_mnist(cache())
    with pytest.raises(InputError, match=re.escape(str(raw / missing))):
        load_dataset("mnist", str(tmp_path))


@pytest.mark.parametrize("file", IDX_FILES)
def test_a_truncated_file_is_named(tmp_path: Path, file: str) -> None:
    path = write_mnist(tmp_path) / file
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match=re.escape(str(path))):
        load_dataset("mnist", str(tmp_path))


def test_a_label_that_is_no_class(tmp_path: Path) -> None:
    raw = write_mnist(tmp_path, TRAIN_LABELS, [3, 10])
    with pytest.raises(InputError, match=f"{re.escape(str(raw / IDX_FILES[3]))}, but got 10"):
        load_dataset("mnist", str(tmp_path))


@pytest.mark.parametrize(
    ("train", "test", "size", "file", "got"),
    [
        (TRAIN_LABELS, TEST_LABELS, 14, 0, "5 of 14x14"),
        ([], TEST_LABELS, 28, 0, "0 of"),
        (TRAIN_LABELS, [], 28, 2, "0 of"),
    ],
)
def test_images_of_another_size_or_none(
    tmp_path: Path, train: Sequence[int], test: Sequence[int], size: int, file: int, got: str
) -> None:
    raw = write_mnist(tmp_path, train, test, size=size)
    path = re.escape(str(raw / IDX_FILES[file]))
    with pytest.raises(InputError, match=f"{path}.*28x28 pixels, but got {got}"):
        load_dataset("mnist", str(tmp_path))


@pytest.mark.parametrize(("file", "offset"), [(0, 16), (1, 8), (2, -1), (3, -1)])
def test_one_changed_byte_changes_the_hash(tmp_path: Path, file: int, offset: int) -> None:
    path = write_mnist(tmp_path) / IDX_FILES[file]
    before = load_dataset("mnist", str(tmp_path)).sha256
    assert re.fullmatch("[0-9a-f]{64}", before)
    # It is one of the data, not of their place.
    write_mnist(tmp_path / "elsewhere")
    assert load_dataset("mnist", str(tmp_path / "elsewhere")).sha256 == before
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)
    assert load_dataset("mnist", str(tmp_path)).sha256 != before


def test_an_unknown_name() -> None:
    with pytest.raises(InputError, match="`dataset`.*digits, mnist.*'minst'"):
        load_dataset("minst")


@pytest.mark.parametrize("name", MNIST_LIKE)
def test_what_to_do_where_nothing_can_be_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("CL_ANOMALY_DATA", str(tmp_path / "named"))
    with pytest.raises(InputError) as caught:
        load_dataset(name, str(tmp_path / "asked"))
    message = str(caught.value)
    for root in (tmp_path / "asked", tmp_path / "named", cache()):
        assert str(root / MNIST_LIKE[name] / "raw") in message
    for file in IDX_FILES:
        assert file in message
    assert "no network in tests" in message
    assert "cl-anomaly run --dataset digits" in message


def test_digits_are_chosen_where_mnist_is_not(tmp_path: Path) -> None:
    name, note = choose_dataset(str(tmp_path))
    assert name == "digits"
    assert note is not None and "MNIST" in note and "digits" in note
    assert str(tmp_path / "MNIST" / "raw") in note and str(cache()) in note


# The real MNIST


def test_the_real_mnist(mnist_root: Path) -> None:
    dataset = load_dataset("mnist", str(mnist_root))
    assert dataset.train.stored.shape == (60000, 28, 28)
    assert dataset.test.stored.shape == (10000, 28, 28)
    # How many of each digit there are: facts about MNIST, not output of this program.
    train = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    test = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert dataset.train_labels.bincount().tolist() == train
    assert dataset.test_labels.bincount().tolist() == test
    # The mean and standard deviation that every tutorial normalises with.
    pixels = dataset.train.stored.double() / 255
    assert pixels.mean().item() == pytest.approx(0.1307, abs=5e-5)
    assert pixels.std().item() == pytest.approx(0.3081, abs=5e-5)
    assert choose_dataset(str(mnist_root)) == ("mnist", None)


def test_a_relative_path_is_looked_up_in_the_folder_of_datasets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tables").mkdir()
    np.savez(tmp_path / "tables" / "own.npz", X=np.zeros((30, 2)), y=np.repeat([0, 1, 2], 10))
    monkeypatch.setenv("CL_ANOMALY_DATA", str(tmp_path))
    config = specify(RunConfig(dataset="tables/own.npz")).config
    assert config.dataset == str(tmp_path / "tables" / "own.npz")
    for written in ("concepts:tables/own.npz", "concepts:./tables/own.npz"):
        found = specify(RunConfig(dataset=written)).config.dataset
        assert found == f"concepts:{tmp_path / 'tables' / 'own.npz'}"
    with pytest.raises(InputError, match="neither here nor in a folder of datasets"):
        specify(RunConfig(dataset="tables/other.npz"))
