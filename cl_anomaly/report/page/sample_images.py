"""Images of a run's test set, if its dataset is available."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.json_files import read_json
from cl_anomaly.data.dataset_names import FOLDER, is_own, located, path_of, short_name
from cl_anomaly.data.downloads import data_roots
from cl_anomaly.report.images import as_images
from cl_anomaly.report.page.detected import SampleImages
from cl_anomaly.settings.run_config import ResolvedConfig
from cl_anomaly.store.detectors import DETECTOR_FILE

DOWNLOADED = {
    **{
        name: f"{folder}/raw/t10k-images-idx3-ubyte"
        for name, folder in (
            ("mnist", "MNIST"),
            ("fashion-mnist", "FashionMNIST"),
            ("kmnist", "KMNIST"),
        )
    },
    "cifar10": "cifar-10-batches-py/test_batch",
}
"""A file of each dataset that would be downloaded, which a page does not do."""
_MOST_BYTES = 500_000_000  # of files: reading larger ones would take too long
_ROWS = "Their rows in the test set are given instead."


def sample_images_of(config: Mapping[str, Any], sha256: str, folder: Path) -> SampleImages:
    """Read a run's test set, if it is available, small and has the SHA-256 of the run's data."""
    if len(_features(folder)) == 1:
        return SampleImages(None)
    known = {field.name for field in fields(ResolvedConfig)}
    try:
        resolved = ResolvedConfig(
            **{name: value for name, value in config.items() if name in known}
        )
        return _read(resolved, sha256)
    except (InputError, OSError, TypeError) as error:
        why = " ".join(str(error).split()).rstrip(".")
        return SampleImages(None, f"{why}. {_ROWS}")


def _features(folder: Path) -> tuple[int, ...]:
    """Return the shape of a sample; () if the detector's file is missing."""
    try:
        return tuple(read_json(folder / DETECTOR_FILE)["features"])
    except (InputError, KeyError):
        return ()


def _read(config: ResolvedConfig, sha256: str) -> SampleImages:
    # These import PyTorch.
    from cl_anomaly.data.datasets import load_dataset
    from cl_anomaly.plan.check import reading_of
    from cl_anomaly.plan.replicas import as_stream

    name = located(config.dataset, data_roots(config.data_root))
    _check_at_hand(name, config.data_root)
    dataset = load_dataset(name, config.data_root, reading_of(config))
    dataset = as_stream(config, dataset)
    if dataset.sha256 != sha256:
        raise InputError("the data has changed since the run, by its SHA-256.")
    if len(dataset.features) == 1:
        return SampleImages(None)
    samples = dataset.test.stored.numpy().astype(np.float32) * np.float32(dataset.test.scale)
    try:
        return SampleImages(as_images(samples, 1, dataset.name))
    except InputError:
        shape = " × ".join(map(str, dataset.features))
        raise InputError(f"samples of the shape {shape} are not images.") from None


def _check_at_hand(name: str, data_root: str | None) -> None:
    """Raise InputError if a dataset is not on this machine, or is too large."""
    if name in DOWNLOADED:
        places = [root / DOWNLOADED[name] for root in data_roots(data_root)]
        if not any(place.exists() for place in places):
            raise InputError("the dataset is not on this machine.")
        return
    if not is_own(name):
        return
    path = path_of(name)
    if not path.exists():
        raise InputError(f"{short_name(name)} is no longer where it was for this run.")
    files = path.rglob("*") if name.startswith(FOLDER) else [path]
    size = sum(file.stat().st_size for file in files)
    if size > _MOST_BYTES:
        raise InputError(f"{size / 1e9:.1f} GB are too much to read for a page.")
