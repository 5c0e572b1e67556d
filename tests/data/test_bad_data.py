"""Files of data at fault: a person is told which, and nothing is written."""

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.datasets import load_dataset
from cl_anomaly.data.idx import read_idx, read_labelled
from cl_anomaly.data.npz import read_npz
from cl_anomaly.data.own_arrays import dataset_of
from tests.support.command import cli
from tests.support.examples import MANY, SOME, check_refused, damaged
from tests.support.helpers import IDX_FILES, idx_bytes, mnist_files


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


IMAGES = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
SHAPES = st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 4), min_size=3, max_size=3)
HEADERS = SHAPES.map(lambda shape: struct.pack(">4B3I", 0, 0, 8, 3, *shape))


@MANY
@given(damaged(idx_bytes(IMAGES)) | st.binary() | HEADERS | HEADERS.map(lambda h: h + bytes(12)))
@example(struct.pack(">4B3I", 0, 0, 8, 3, 2**31, 2**31, 4))  # as many bytes as 64 bits count to
def test_images_are_read_or_their_file_is_named(content: bytes) -> None:
    path = Path("images")
    path.write_bytes(content)
    for dimensions in (3, 1):
        try:
            assert read_idx(path, dimensions).ndim == dimensions
        except InputError as error:
            assert str(path) in str(error)


@SOME
@given(damaged(idx_bytes(IMAGES)), damaged(idx_bytes(np.array([3, 9]))))
def test_labelled_images_are_read_or_a_file_is_named(images: bytes, labels: bytes) -> None:
    Path("images").write_bytes(images)
    Path("labels").write_bytes(labels)
    try:
        x, y = read_labelled(Path("images"), Path("labels"), classes=10)
        assert len(x) == len(y)
    except InputError as error:
        assert "images" in str(error) or "labels" in str(error)


FILES = mnist_files()


@SOME
@given(st.sampled_from(IDX_FILES).flatmap(lambda f: st.tuples(st.just(f), damaged(FILES[f]))))
def test_mnist_is_read_or_a_file_is_named(change: tuple[str, bytes]) -> None:
    raw = Path("data/MNIST/raw")
    raw.mkdir(parents=True, exist_ok=True)
    for name, content in FILES.items():
        (raw / name).write_bytes(content)
    (raw / change[0]).write_bytes(change[1])
    try:
        assert load_dataset("mnist", "data").features == (28, 28)
    except InputError as error:
        assert str(raw / change[0]) in str(error)


@pytest.mark.parametrize("root", ["x" * 300, "file", "\0"])
def test_a_folder_of_data_that_is_none(root: str) -> None:
    Path("file").touch()
    with pytest.raises(InputError, match="MNIST is not on this machine"):
        load_dataset("mnist", root)


LABELLED = {
    "x_train": np.zeros((3, 2), np.uint8),
    "y_train": np.arange(3),
    "x_test": np.full((2, 2), 0.5),
    "y_test": np.arange(2),
}


def npz(arrays: dict[str, Any]) -> bytes:
    content = io.BytesIO()
    np.savez(content, allow_pickle=True, **arrays)
    return content.getvalue()


def check_npz(content: bytes) -> None:
    path = Path("mine.npz")
    path.write_bytes(content)
    try:
        dataset = dataset_of("mine", read_npz(path), path)
    except InputError as error:
        assert str(path) in str(error)
        return
    for own, y in ((dataset.train, dataset.train_labels), (dataset.test, dataset.test_labels)):
        x = own.stored
        assert x.dtype in (torch.uint8, torch.float32) and y.dtype == torch.int64
        assert len(x) == len(y) > 0 and x[0].numel() > 0
        assert y.min() >= 0 and x.float().isfinite().all()
        assert len(dataset.named(y)) == len(y)


ANY_ARRAY = npst.arrays(
    npst.scalar_dtypes() | npst.floating_dtypes() | npst.integer_dtypes(),
    npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
    elements={"allow_subnormal": False},  # training flushes those to zero
)


@MANY
@given(st.dictionaries(st.sampled_from([*LABELLED, "more"]), ANY_ARRAY | st.none(), min_size=1))
def test_arrays_are_read_or_their_file_is_named(changed: dict[str, Any]) -> None:
    check_npz(npz({k: v for k, v in (LABELLED | changed).items() if v is not None}))


@MANY
@given(damaged(npz(LABELLED)) | st.binary())
def test_a_damaged_file_of_arrays_is_named(content: bytes) -> None:
    check_npz(content)


NPY = zipfile.ZipFile(io.BytesIO(npz(LABELLED))).read("x_test.npy")


@MANY
@given(st.sampled_from(list(LABELLED)), damaged(NPY) | st.binary())
def test_a_damaged_array_with_a_right_checksum_is_named(name: str, content: bytes) -> None:
    whole = io.BytesIO(npz({k: v for k, v in LABELLED.items() if k != name}))
    with zipfile.ZipFile(whole, "a") as archive:
        archive.writestr(f"{name}.npy", content)
    check_npz(whole.getvalue())


@pytest.mark.parametrize("changed", [{"y_test": None}, {"x_train": np.array([[1, None]] * 3)}])
def test_a_file_of_arrays_at_fault_leaves_nothing(changed: dict[str, Any]) -> None:
    arrays = {k: v for k, v in (LABELLED | changed).items() if v is not None}
    Path("mine.npz").write_bytes(npz(arrays))
    done = cli("run", "--dataset", "mine.npz", "--out", "out")
    check_refused(done, f"{next(iter(changed))}")
    assert "mine.npz" in done.err
