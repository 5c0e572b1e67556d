"""Folders of images, DIR/train/CLASS/*.png and DIR/test/CLASS/*.png: read once, into one array."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.own_arrays import LabelledArrays

ENDINGS = (".png", ".jpg", ".jpeg")
_GREY = ("1", "L", "LA", "I;16", "I;16B", "I;16L", "I")

ClassImages = list[tuple[str, Path]]
"""Images, each with the name of its class."""


def image_files(folder: Path) -> list[Path]:
    """List all images of a folder; `read_images` refuses one without any."""
    return [path for split in ("train", "test") for _, path in _list_images(folder / split)]


def read_images(folder: Path, size: tuple[int, int] | None) -> LabelledArrays:
    """Read all images, as (n, height, width), or (n, 3, height, width) if any is in colour.

    Args:
        folder: with `train` and `test`, each with a folder for each class.
        size: height and width that images are resized to, with antialiasing; None if all have one
            size.

    Raises:
        InputError: a folder or images are missing, an image cannot be read, or sizes differ.
    """
    train, test = (_images_of(folder, split) for split in ("train", "test"))
    tested = {name for name, _ in test}
    for name in dict.fromkeys(name for name, _ in train):
        if name not in tested:
            raise InputError(
                f"Expected {folder / 'test' / name} to hold test images of class {name}, which "
                f"{folder / 'train' / name} trains on, but it holds none."
            )
    in_colour = any(_has_colours(path) for _, path in (*train, *test))
    first: tuple[Path, tuple[int, int]] | None = None
    images: list[NDArray[np.uint8]] = []
    for _, path in (*train, *test):
        image = read_image(path, size, in_colour)
        shape = (image.shape[0], image.shape[1])
        first = first or (path, shape)
        if shape != first[1]:
            sizes = [f"{height}x{width}" for height, width in (first[1], shape)]
            raise InputError(
                f"Expected images of one size in {folder}, but {first[0]} has {sizes[0]} pixels "
                f"and {path} has {sizes[1]}. Give a size that all are resized to, such as "
                f"`--image-size {min(*shape, *first[1])}`."
            )
        images.append(image)
    array = np.stack(images)
    if in_colour:
        array = np.ascontiguousarray(array.transpose(0, 3, 1, 2))
    labels = np.array([name for name, _ in (*train, *test)])
    count = len(train)
    return LabelledArrays(array[:count], labels[:count], array[count:], labels[count:])


def _images_of(folder: Path, split: str) -> ClassImages:
    place = folder / split
    if not place.is_dir():
        raise InputError(
            f"Expected {folder} to hold train/CLASS/*.png and test/CLASS/*.png, but there is no "
            f"folder {place}."
        )
    images = _list_images(place)
    classes = {name for name, _ in images}
    for entry in sorted(place.iterdir()):
        if entry.is_dir() and not entry.name.startswith(".") and entry.name not in classes:
            raise InputError(
                f"Expected {entry} to hold images ({', '.join(ENDINGS)}), but it holds none."
            )
    if not images:
        raise InputError(
            f"Expected {place} to hold a folder of images for each class, but it holds none."
        )
    return images


def _list_images(place: Path) -> ClassImages:
    """List images by class, in an order that is the same everywhere."""
    return [
        (path.parent.name, path)
        for path in sorted(place.glob("*/*"))
        if path.suffix.lower() in ENDINGS and not path.name.startswith(".")
    ]


def _has_colours(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            return image.mode not in _GREY
    except Exception as error:  # Pillow's readers each raise their own
        raise _unreadable(path, error) from error


def read_image(path: Path, size: tuple[int, int] | None, in_colour: bool) -> NDArray[np.uint8]:
    """Read an image, upright, as (height, width), or (height, width, 3) in colour.

    Args:
        path: of the file.
        size: height and width that it is resized to.
        in_colour: whether grey images, too, get three channels.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as opened:
                image: Any = ImageOps.exif_transpose(opened)
                if image.mode.startswith("I"):  # 16 bits, of which the upper 8 count
                    image = Image.fromarray((np.asarray(image) // 256).astype(np.uint8))
                image = image.convert("RGB" if in_colour else "L")
                if size is not None:
                    image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
                return np.asarray(image)
    except Exception as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> InputError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return InputError(
        f"Expected {path} to be an image, but it could not be read: {reason.removesuffix('.')}. "
        f"Take it out of the folder, or save it again."
    )
