import re
import struct
from pathlib import Path

import numpy as np
import pytest

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.idx import read_idx, read_labelled

# Two images of 2x3 pixels, written out: magic (unsigned bytes, 3 dimensions), lengths, pixels.
PIXELS = bytes([0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255])
IMAGES = struct.pack(">4B3I", 0, 0, 8, 3, 2, 2, 3) + PIXELS
LABELS = struct.pack(">4BI", 0, 0, 8, 1, 2) + bytes([9, 0])


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_images(tmp_path: Path) -> None:
    images = read_idx(write(tmp_path / "images", IMAGES), 3)
    assert images.dtype == np.uint8
    assert images.tolist() == [[[0, 1, 2], [3, 4, 5]], [[250, 251, 252], [253, 254, 255]]]


def test_labels(tmp_path: Path) -> None:
    assert read_idx(write(tmp_path / "labels", LABELS), 1).tolist() == [9, 0]


def test_lengths_are_big_endian(tmp_path: Path) -> None:
    content = bytes([0, 0, 8, 1, 0, 0, 1, 2]) + bytes(258)
    assert read_idx(write(tmp_path / "labels", content), 1).shape == (258,)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "an empty file"),
        (b"\0\0", "00 00"),
        (b"<html>", "3c 68 74 6d"),
        (b"\x1f\x8b" + IMAGES, "1f 8b"),  # still compressed
        (b"\0\0\x0d\x03" + IMAGES[4:], "00 00 0d 03"),  # floats
        (LABELS, "00 00 08 01"),
        (IMAGES[:-1], "28 bytes.* got 27"),
        (IMAGES[:16], "28 bytes.* got 16"),
        (IMAGES[:12], "got 12"),  # ends within the header
        (IMAGES[:15], "got 15"),  # and within one of its numbers
        (IMAGES[:4], "got 4"),
        (IMAGES + b"\0", "28 bytes.* got 29"),
        (IMAGES[:4] + struct.pack(">3I", 2**32 - 1, 2, 3) + PIXELS, "25,769,803,786 bytes"),
    ],
    ids=[
        "empty",
        "two bytes",
        "html",
        "gzip",
        "floats",
        "labels for images",
        "a byte short",
        "no pixels",
        "cut in the header",
        "cut in a number",
        "only the magic",
        "a byte long",
        "a huge length",
    ],
)
def test_damage_is_named_with_its_file(tmp_path: Path, content: bytes, said: str) -> None:
    path = write(tmp_path / "images", content)
    with pytest.raises(InputError, match=f"{re.escape(str(path))}.*{said}"):
        read_idx(path, 3)


def test_images_for_labels(tmp_path: Path) -> None:
    path = write(tmp_path / "labels", IMAGES)
    with pytest.raises(InputError, match=f"{re.escape(str(path))}.*1 dimension.*00 00 08 03"):
        read_idx(path, 1)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{re.escape(str(tmp_path / 'gone'))}: No such file"):
        read_idx(tmp_path / "gone", 3)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=re.escape(str(tmp_path))):
        read_idx(tmp_path, 3)


def test_images_with_their_labels(tmp_path: Path) -> None:
    images, labels = write(tmp_path / "images", IMAGES), write(tmp_path / "labels", LABELS)
    x, y = read_labelled(images, labels, classes=10)
    assert x.tobytes() == PIXELS
    assert y.tolist() == [9, 0]


def test_a_label_for_each_image(tmp_path: Path) -> None:
    images = write(tmp_path / "images", IMAGES)
    labels = write(tmp_path / "labels", struct.pack(">4BI", 0, 0, 8, 1, 3) + bytes(3))
    with pytest.raises(InputError) as caught:
        read_labelled(images, labels, classes=10)
    assert f"{images} has 2 images" in str(caught.value)
    assert f"{labels} has 3 labels" in str(caught.value)


def test_a_label_beyond_the_classes(tmp_path: Path) -> None:
    images = write(tmp_path / "images", IMAGES)
    labels = write(tmp_path / "labels", LABELS[:-2] + bytes([9, 10]))
    with pytest.raises(
        InputError, match=f"0 to 9 in {re.escape(str(labels))}, but got 10 at position 1"
    ):
        read_labelled(images, labels, classes=10)


@pytest.mark.parametrize("damaged", ["images", "labels"])
def test_damage_in_a_pair_names_the_damaged_one(tmp_path: Path, damaged: str) -> None:
    images, labels = write(tmp_path / "images", IMAGES), write(tmp_path / "labels", LABELS)
    path = tmp_path / damaged
    write(path, path.read_bytes()[:-1])
    with pytest.raises(InputError, match=re.escape(str(path))):
        read_labelled(images, labels, classes=10)
