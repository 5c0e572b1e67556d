"""What several test modules share: small datasets in MNIST's files, and made-up datasets."""

import struct
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cl_anomaly.data import downloads
from cl_anomaly.data.dataset import Dataset, Samples
from cl_anomaly.settings.run_config import RunConfig
from cl_anomaly.suites.suite import Suite

IDX_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)

# Labels of a small MNIST, where a test does not care which.
TRAIN_LABELS: Sequence[int] = (0, 1, 2, 9, 9)
TEST_LABELS: Sequence[int] = (3, 0, 1)

# Taken before the fixtures in conftest.py put a function in its place that refuses.
REAL_DOWNLOAD = downloads.download


def idx_bytes(array: np.ndarray) -> bytes:
    """An IDX file of unsigned bytes, written without the code under test."""
    values = np.asarray(array, dtype=np.uint8)
    magic = bytes([0, 0, 8, values.ndim])
    return magic + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def mnist_files(
    train_labels: Sequence[int] = TRAIN_LABELS,
    test_labels: Sequence[int] = TEST_LABELS,
    size: int = 28,
) -> dict[str, bytes]:
    """The four files of MNIST, by name, with random pixels: the same ones every time."""
    random = np.random.default_rng(0)
    content = []
    for labels in (train_labels, test_labels):
        pixels = random.integers(0, 256, (len(labels), size, size), dtype=np.uint8)
        content += [idx_bytes(pixels), idx_bytes(np.array(labels, dtype=np.uint8))]
    return dict(zip(IDX_FILES, content, strict=True))


def write_mnist(
    root: Path,
    train_labels: Sequence[int] = TRAIN_LABELS,
    test_labels: Sequence[int] = TEST_LABELS,
    folder: str = "MNIST",
    size: int = 28,
) -> Path:
    """Write the four files as torchvision lays them out; returns the folder that holds them."""
    raw = root / folder / "raw"
    raw.mkdir(parents=True)
    for name, content in mnist_files(train_labels, test_labels, size).items():
        (raw / name).write_bytes(content)
    return raw


def labelled(train_labels: Sequence[int], test_labels: Sequence[int]) -> Dataset:
    """A dataset with these labels, whose samples are blank."""
    train, test = torch.tensor(train_labels), torch.tensor(test_labels)
    return Dataset(
        name="made-up",
        train=Samples(torch.zeros(len(train), 2, dtype=torch.uint8), 1.0),
        train_labels=train,
        test=Samples(torch.zeros(len(test), 2, dtype=torch.uint8), 1.0),
        test_labels=test,
        sha256="",
    )


class FileHandler(BaseHTTPRequestHandler):
    """Serves what a subclass has in `files`, and says nothing about it."""

    files: Mapping[str, bytes]

    def do_GET(self) -> None:
        content = self.files.get(self.path.lstrip("/"))
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def configs_of(suite: Suite, settings: dict[str, Any]) -> dict[str, RunConfig]:
    """Check every run of a suite, and give its configuration as it was asked for."""
    suite.specifications(settings)
    return {name: member.config for name, member in suite.members(settings, {}).items()}
