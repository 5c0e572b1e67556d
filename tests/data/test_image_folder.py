"""Folders of images: what is read, and that a mistake names its file."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.dataset import Dataset
from cl_anomaly.data.dataset_names import Reading
from cl_anomaly.data.datasets import load_dataset
from cl_anomaly.data.image_folder import read_images

GREY = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
COLOUR = np.stack([GREY, GREY // 2, 255 - GREY], axis=2)


def save(path: Path, pixels: np.ndarray = GREY) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Two classes of grey images, two to train on and one to test on each."""
    for name in ("cat", "dog"):
        for file in ("train/{}/1.png", "train/{}/2.png", "test/{}/1.png"):
            save(tmp_path / "pets" / file.format(name), GREY + len(name + file))
    return tmp_path / "pets"


def load(folder: Path, size: str | None = None) -> Dataset:
    return load_dataset(f"folder:{folder}", reading=Reading(image_size=size))


def test_grey_images_are_read_as_they_are(pets: Path) -> None:
    dataset = load(pets)
    assert (dataset.name, dataset.features) == ("pets", (3, 4))
    assert dataset.named(dataset.train_labels) == ["cat", "cat", "dog", "dog"]
    assert dataset.named(dataset.test_labels) == ["cat", "dog"]
    pixels = np.asarray(Image.open(pets / "train" / "cat" / "2.png"))
    assert torch.equal(dataset.train.stored[1], torch.tensor(pixels))
    assert dataset.train.batch(torch.tensor([0])).max() <= 1


def test_one_image_in_colour_makes_all_of_them_so(pets: Path) -> None:
    save(pets / "test" / "dog" / "0.png", COLOUR)
    dataset = load(pets)
    assert dataset.features == (3, 3, 4)
    assert torch.equal(dataset.test.stored[1], torch.tensor(COLOUR).permute(2, 0, 1))
    grey = dataset.train.stored[0]
    assert torch.equal(grey[0], grey[1]) and torch.equal(grey[0], grey[2])


def test_jpg_is_read_and_other_files_are_not(pets: Path) -> None:
    save(pets / "train" / "cat" / "3.JPG", np.full((3, 4), 128, np.uint8))
    (pets / "train" / "cat" / "notes.txt").write_text("text")
    (pets / "train" / "cat" / "._1.png").write_text("left by a file manager")
    assert abs(int(load(pets).train.stored[2].float().mean()) - 128) <= 1


def test_sixteen_bits_become_eight(pets: Path) -> None:
    save(pets / "train" / "cat" / "1.png", (GREY.astype(np.uint16) * 256 + 7))
    assert torch.equal(load(pets).train.stored[0], torch.tensor(GREY))


@pytest.mark.parametrize(("size", "shape"), [("6x8", (6, 8)), ("2x2", (2, 2))])
def test_images_of_other_sizes_are_resized(pets: Path, size: str, shape: tuple[int, int]) -> None:
    save(pets / "test" / "cat" / "2.png", np.full((30, 50), 90, np.uint8))
    dataset = load(pets, size)
    assert dataset.features == shape
    # What is of one shade stays so.
    assert dataset.test.stored[1].unique().tolist() == [90]


def test_classes_that_are_numbers_are_numbers(tmp_path: Path) -> None:
    for name in ("2", "10"):
        save(tmp_path / "train" / name / "1.png")
        save(tmp_path / "test" / name / "1.png")
    assert load(tmp_path).classes == [2, 10]


def test_sizes_that_differ_are_named_with_their_files(pets: Path) -> None:
    other = save(pets / "test" / "dog" / "2.png", np.zeros((5, 4), np.uint8))
    with pytest.raises(InputError) as caught:
        load(pets)
    first = pets / "train" / "cat" / "1.png"
    assert f"{first} has 3x4 pixels and {other} has 5x4" in str(caught.value)
    assert "--image-size" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n" + b"x" * 40])
def test_a_file_that_is_no_image_is_named(pets: Path, content: bytes) -> None:
    (pets / "train" / "dog" / "9.png").write_bytes(content)
    with pytest.raises(InputError, match="train/dog/9.png to be an image"):
        load(pets)


def test_an_image_that_was_cut_off_is_named(pets: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3, 4), dtype=np.uint8)
    path = save(pets / "test" / "dog" / "9.png", noise)
    path.write_bytes(path.read_bytes()[:-25])
    with pytest.raises(InputError, match="test/dog/9.png to be an image"):
        load(pets)


def test_a_class_without_test_images_is_named(pets: Path) -> None:
    save(pets / "train" / "hen" / "1.png")
    with pytest.raises(InputError, match=r"pets/test/hen to hold test images of class hen"):
        load(pets)


def test_folders_that_are_empty_or_not_there(pets: Path, tmp_path: Path) -> None:
    (pets / "test" / "hen").mkdir()
    with pytest.raises(InputError, match="pets/test/hen to hold images"):
        load(pets)
    (tmp_path / "none" / "train").mkdir(parents=True)
    with pytest.raises(InputError, match="none/train to hold a folder of images"):
        read_images(tmp_path / "none", None)
    with pytest.raises(InputError, match="there is no folder .*gone/train"):
        read_images(tmp_path / "gone", None)


def test_an_image_that_changes_is_read_again(pets: Path) -> None:
    before = load(pets).sha256
    assert load(pets, "3x4").sha256 == before
    save(pets / "train" / "cat" / "1.png", GREY + 1)
    assert load(pets).sha256 != before
