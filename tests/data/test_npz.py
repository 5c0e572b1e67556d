"""Datasets of the user's own, from NPZ files."""

import io
import re
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.dataset import Samples
from cl_anomaly.data.datasets import find_dataset, load_dataset
from cl_anomaly.data.npz import read_npz
from tests.support.command import cli, config_of

# Two features, three classes, and both ends of what samples may be.
X_TRAIN = np.array([[0, 255], [51, 102], [1, 2], [3, 4]], dtype=np.uint8)
X_TEST = np.array([[0.0, 1.0], [0.25, 0.5], [0.1, 0.9]])
GOOD: dict[str, np.ndarray] = {
    "x_train": X_TRAIN,
    "y_train": np.array([0, 2, 1, 0]),
    "x_test": X_TEST,
    "y_test": np.array([1, 0, 2], dtype=">u2"),
}


def write(path: Path, **changed: Any) -> Path:
    arrays = {name: array for name, array in (GOOD | changed).items() if array is not None}
    np.savez(path, allow_pickle=True, **arrays)
    return path


def npy(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def write_members(path: Path, **changed: bytes) -> Path:
    """An NPZ file whose arrays are these bytes, with a right checksum."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in ({name: npy(array) for name, array in GOOD.items()} | changed).items():
            archive.writestr(f"{name}.npy", content)
    return path


def header(shape: str, descr: str = "'<f4'", version: int = 1) -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return (
        b"\x93NUMPY" + struct.pack("<BBH" if version == 1 else "<BBI", version, 0, len(text)) + text
    )


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_file_is_read_as_it_is(tmp_path: Path, save: Any) -> None:
    path = tmp_path / "mine.npz"
    save(path, more=np.zeros(3), **GOOD)
    dataset = load_dataset(str(path))
    assert dataset.name == "mine"
    assert dataset.features == (2,)
    assert torch.equal(dataset.train.stored, torch.from_numpy(X_TRAIN))
    assert dataset.train_labels.tolist() == [0, 2, 1, 0]
    assert dataset.test_labels.tolist() == [1, 0, 2]
    assert dataset.train_labels.dtype == dataset.test_labels.dtype == torch.int64


def test_bytes_are_divided_by_255_and_floats_are_not(tmp_path: Path) -> None:
    dataset = load_dataset(str(write(tmp_path / "mine.npz")))
    assert dataset.train.batch(torch.arange(2)).tolist() == [[0.0, 1.0], pytest.approx([0.2, 0.4])]
    test = dataset.test.batch(torch.tensor([[1, 0]]))
    assert test.dtype == torch.float32
    assert test.tolist() == [[[0.25, 0.5], [0.0, 1.0]]]


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_a_batch_of_stored_floats_is_a_copy(tmp_path: Path, scale: float) -> None:
    stored = torch.tensor([[0.25, 1.0], [0.5, 0.0]])
    batch = Samples(stored, scale).batch(torch.tensor([0, 1]))
    assert batch.tolist() == [[0.25 * scale, scale], [0.5 * scale, 0.0]]
    batch.zero_()
    assert stored.tolist() == [[0.25, 1.0], [0.5, 0.0]]


@pytest.mark.parametrize("dtype", ["<f2", ">f4", "<f8", ">f8", np.longdouble])
def test_floats_of_any_size_are_stored_as_float32(tmp_path: Path, dtype: Any) -> None:
    path = write(tmp_path / "mine.npz", x_test=X_TEST.astype(dtype))
    expected = X_TEST.astype(dtype).astype(np.float32)
    assert np.array_equal(read_npz(path).x_test, expected)
    assert read_npz(path).x_test.dtype == np.float32


@pytest.mark.parametrize("dtype", ["i1", "u1", ">i2", "<u4", ">i8", "u8"])
def test_labels_of_any_whole_type_are_the_same(tmp_path: Path, dtype: str) -> None:
    path = write(tmp_path / "mine.npz", y_train=np.array([0, 100, 7, 0], dtype=dtype))
    assert read_npz(path).y_train.tolist() == [0, 100, 7, 0]


def test_labels_may_be_any_number_that_a_whole_number_holds(tmp_path: Path) -> None:
    labels = np.array([2**63 - 1, 300, 0, 2**40], dtype=np.uint64)
    path = write(tmp_path / "mine.npz", y_train=labels)
    assert load_dataset(str(path)).train_labels.tolist() == labels.tolist()


def test_columns_first_are_read_as_they_are(tmp_path: Path) -> None:
    images = np.arange(24, dtype=np.uint8).reshape(4, 3, 2)
    test = np.zeros((3, 3, 2), np.uint8)
    path = write(tmp_path / "mine.npz", x_train=np.asfortranarray(images), x_test=test)
    assert np.array_equal(read_npz(path).x_train, images)
    assert load_dataset(str(path)).features == (3, 2)


def test_a_header_that_python_2_wrote(tmp_path: Path) -> None:
    path = write_members(tmp_path / "mine.npz", y_test=header("(3L,)", "'|u1'") + bytes([1, 0, 2]))
    assert read_npz(path).y_test.tolist() == [1, 0, 2]


def test_the_hash_is_of_the_data(tmp_path: Path) -> None:
    def sha256(**changed: Any) -> str:
        return load_dataset(str(write(tmp_path / "mine.npz", **changed))).sha256

    before = sha256()
    assert re.fullmatch("[0-9a-f]{64}", before)
    # The same numbers in another type, file or order in memory are the same data.
    assert sha256(y_train=GOOD["y_train"].astype(np.uint8)) == before
    assert sha256(x_test=np.asfortranarray(X_TEST.astype(np.float32))) == before
    elsewhere = write(tmp_path / "other.npz", more=np.zeros(3))
    assert load_dataset(str(elsewhere)).sha256 == before
    others = [
        sha256(y_train=np.array([0, 2, 1, 256])),  # 0 of the first, were it taken as a byte
        sha256(y_test=np.array([1, 0, 0])),
        sha256(x_train=X_TRAIN[::-1]),
        sha256(x_train=X_TRAIN[..., None], x_test=X_TEST[..., None]),
        sha256(x_train=X_TRAIN.astype(np.float32) / 255),
    ]
    assert len({before, *others}) == 6


def test_defaults() -> None:
    spec = find_dataset("folder/mine.npz")
    assert (spec.name, spec.epochs, spec.batch_size) == ("folder/mine.npz", 10, 32)


def test_an_unknown_name_is_told_of_files() -> None:
    known = "FILE.npz, FILE.csv, FILE.parquet, folder:DIR or concepts:FILE.npz.*'mine'"
    with pytest.raises(InputError, match=known):
        find_dataset("mine")


FULL = np.full((3, 2), 0.5)
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "missing": ({"y_train": None}, "has no y_train.* It has: x_train, x_test, y_test"),
    "two missing": ({"x_test": None, "y_test": None}, "has no x_test, y_test"),
    "whole numbers": ({"x_train": X_TRAIN.astype(int)}, "array x_train of FILE .*uint8.*int64"),
    "signed bytes": ({"x_train": X_TRAIN.astype("i1")}, "x_train.*int8"),
    "truth": ({"x_train": X_TRAIN > 3}, "x_train.*bool"),
    "bytes as labels": ({"y_test": np.array([b"a", b"b", b"c"])}, "y_test.*or text.*S1"),
    "a label with a comma": ({"y_test": np.array(["a", "b,c", "d"])}, "FILE.*'b,c' has a comma"),
    "a label for all": ({"y_test": np.array(["a", "all", "d"])}, "FILE.*'all' is one of all"),
    "an empty label": ({"y_test": np.array(["a", "", "d"])}, "FILE.*'' is empty"),
    "complex": ({"x_test": FULL * 1j}, "x_test.*complex128"),
    "fractions as labels": ({"y_test": np.array([1.0, 0.0, 2.0])}, "y_test.*float64"),
    "truth as labels": ({"y_test": np.array([True, False, True])}, "y_test.*bool"),
    "objects": ({"x_train": np.array([[1, None]])}, "x_train.*objects, which are never loaded"),
    "objects as labels": ({"y_test": np.array([1, None, 2])}, "y_test.*objects"),
    "no features": ({"x_train": X_TRAIN[:, 0]}, r"x_train.*\(samples, \*features\).*\(4,\)"),
    "zero features": ({"x_train": X_TRAIN[:, :0]}, r"x_train.*\(4, 0\)"),
    "no samples": ({"x_test": X_TEST[:0], "y_test": np.zeros(0, int)}, r"x_test.*\(0, 2\)"),
    "one number": ({"x_train": np.uint8(3)}, r"x_train.*\(\)"),
    "labels in a column": ({"y_train": np.zeros((4, 1), int)}, r"y_train.*\(samples,\).*\(4, 1\)"),
    "one-hot labels": ({"y_test": np.eye(3, dtype=int)}, r"y_test.*\(3, 3\)"),
    "negative label": ({"y_test": np.array([0, 1, -1])}, "y_test.*-1 at position 2"),
    "huge label": (
        {"y_test": np.array([0, 2**63, 1], np.uint64)},
        f"y_test.*{2**63} at position 1",
    ),
    "nan": (
        {"x_test": np.where(FULL == X_TEST, np.nan, FULL)},
        r"x_test.*nan at position \(1, 1\)",
    ),
    "infinite": ({"x_test": FULL * np.inf}, r"x_test.*inf at position \(0, 0\)"),
    "above 1 beside bytes": (
        {"x_test": X_TEST * 255},
        r"x_test of FILE.*\[0, 1\].*uint8.*255.0 at position \(0, 1\)",
    ),
    "bytes beside above 1": (
        {"x_train": X_TRAIN * 2.0, "x_test": X_TRAIN[:3]},
        "x_train of FILE.*are uint8, but got 510.0",
    ),
    "below 0": ({"x_test": FULL * -1e-30}, r"x_test.*\[0, 1\].*-5.0+.*e-31"),
    "infinite as float32": ({"x_test": FULL * 1e300}, r"x_test.*5e\+299 at position \(0, 0\)"),
    "a label too few": ({"y_train": np.array([0, 1, 2])}, "x_train has 4 samples.*y_train has 3"),
    "no labels": ({"y_test": np.zeros(0, int)}, "x_test has 3 samples.*y_test has 0 labels"),
    "other features": ({"x_test": np.zeros((3, 4))}, r"x_train and x_test.*\(2,\) and \(4,\)"),
    "one class": ({"y_train": np.full(4, 7), "y_test": np.full(3, 7)}, "two classes.*only class 7"),
}


@pytest.mark.parametrize(("changed", "said"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_named_with_its_file(
    tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    path = write(tmp_path / "mine.npz", **changed)
    with pytest.raises(InputError, match=said.replace("FILE", re.escape(str(path)))) as caught:
        load_dataset(str(path))
    assert str(path) in str(caught.value)


def test_values_outside_0_and_1_are_kept_as_they_are(tmp_path: Path) -> None:
    x_train, x_test = X_TRAIN * 3.0 - 7, X_TEST * 1.03
    dataset = load_dataset(str(write(tmp_path / "mine.npz", x_train=x_train, x_test=x_test)))
    assert np.array_equal(dataset.train.stored.numpy(), x_train.astype(np.float32))
    assert np.array_equal(dataset.test.stored.numpy(), x_test.astype(np.float32))
    assert not dataset.train.is_bounded


def test_a_test_sample_just_above_1_is_no_error(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.npz", x_train=X_TRAIN / 255, x_test=X_TEST * 1.03)
    dataset = load_dataset(str(path))
    assert dataset.train.is_bounded
    assert float(dataset.test.batch(torch.tensor([0]))[0, 1]) == pytest.approx(1.03)


def test_labels_may_be_names(tmp_path: Path) -> None:
    names = np.array(["cat", "ant", "a dog", "cat"])
    path = write(tmp_path / "mine.npz", y_train=names, y_test=np.array(["bee", "ant", "cat"]))
    dataset = load_dataset(str(path))
    assert dataset.class_names == ("a dog", "ant", "bee", "cat") == tuple(dataset.classes)
    assert dataset.train_labels.tolist() == [3, 1, 0, 3]
    assert dataset.named(dataset.test_labels) == ["bee", "ant", "cat"]
    assert dataset.trained_classes == ["a dog", "ant", "cat"]
    other = np.array(["cat", "ant", "a hog", "cat"])
    again = load_dataset(str(write(tmp_path / "other.npz", y_train=other)))
    assert again.sha256 != dataset.sha256


def test_names_that_are_numbers_are_numbers(tmp_path: Path) -> None:
    changed = {"y_train": np.array(["0", "2", "10", "0"]), "y_test": np.array(["10", "0", "2"])}
    dataset = load_dataset(str(write(tmp_path / "mine.npz", **changed)))
    assert dataset.class_names is None
    assert dataset.classes == [0, 2, 10]
    assert dataset.train_labels.tolist() == [0, 2, 10, 0]


def test_one_class_in_training_and_another_in_the_test_are_two(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.npz", y_train=np.full(4, 7))
    assert set(load_dataset(str(path)).train_labels.tolist()) == {7}


PICKLE = b'cbuiltins\nexec\n(S\'open("executed", "w").close()\'\ntR.'
NO_HEADER = "its header is not one of a plain array"
DAMAGED: dict[str, tuple[bytes, str]] = {
    "pickle": (header("(3, 2)", "'|O'") + PICKLE, "objects, which are never loaded"),
    "pickle for an array": (PICKLE, NO_HEADER),
    "pickle in a field": (header("(3, 2)", "[('a', '|O')]") + PICKLE, "objects"),
    "empty": (b"", NO_HEADER),
    "huge": (header("(1000000000000, 2)"), "8,000,000,000,000 bytes.*got 0"),
    "huge beyond 64 bits": (header(f"({2**62}, 4)"), f"{2**66:,} bytes"),
    "huge dimension": (header(f"(3, {10**30})"), "bytes"),
    "negative": (header("(-3, -2)") + bytes(24), r"\(-3, -2\)"),
    "short": (header("(3, 2)") + bytes(23), "24 bytes.*got 23"),
    "long": (header("(3, 2)") + bytes(25), "24 bytes.*got 25"),
    "code as a header": (header("(3, __import__('os').mkdir('executed'))"), NO_HEADER),
    "nested header": (header("(" * 3000), NO_HEADER),
    "long header": (header(" " * 20000 + "(3, 2)", version=2) + bytes(24), NO_HEADER),
    "version": (header("(3, 2)", version=3) + bytes(24), NO_HEADER),
    "not a tuple": (header("[3, 2]") + bytes(24), NO_HEADER),
    "no such type": (header("(3, 2)", "'x9'") + bytes(24), NO_HEADER),
    "no type": (header("(3, 2)", "()") + bytes(24), NO_HEADER),
}


@pytest.mark.parametrize(("content", "said"), DAMAGED.values(), ids=DAMAGED.keys())
def test_damage_is_named_with_its_array_and_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_members(tmp_path / "mine.npz", x_test=content)
    with pytest.raises(InputError, match=f"(?s)array x_test of {re.escape(str(path))}.*{said}"):
        read_npz(path)
    assert list(tmp_path.iterdir()) == [path]


def test_the_pickle_of_these_tests_would_run(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_members(tmp_path / "mine.npz", x_test=header("(1,)", "'|O'") + PICKLE)
    np.load(path, allow_pickle=True)["x_test"]
    assert Path("executed").exists()


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.npz")
    content = path.read_bytes()
    place = content.index(X_TRAIN.tobytes())
    damaged = content[:place] + b"\1" + content[place + 1 :]
    for damage in (damaged, content[:-1], content[:200], b"", b"\x80\x04N.", npy(FULL)):
        path.write_bytes(damage)
        with pytest.raises(InputError, match=f"{re.escape(str(path))}.*make it again"):
            load_dataset(str(path))


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{re.escape(str(tmp_path))}/gone.npz: No such file"):
        load_dataset(str(tmp_path / "gone.npz"))
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(InputError, match=f"{re.escape(str(tmp_path))}/folder.npz: Is a directory"):
        load_dataset(str(tmp_path / "folder.npz"))


# From the command line


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dataset of three classes, bright in a corner each, in an empty current folder."""
    monkeypatch.chdir(tmp_path)
    labels = np.repeat([0, 3, 300], 40)
    images = np.random.default_rng(0).random((120, 3, 3)) * 0.2
    images[np.arange(120), labels % 7 % 3, labels % 7 % 3] += 0.8
    return write(Path("mine.npz"), x_train=images, y_train=labels, x_test=images, y_test=labels)


def test_a_run_on_a_file(mine: Path) -> None:
    settings = ["--dataset", mine, "--epochs", "2", "--device", "cpu", "--anomaly-class", "300"]
    done = cli("run", *settings, "--out", "out", "--quiet")
    assert done.code == 0, done.err
    folder = done.last_line
    assert folder.name.startswith("mine-gr-")
    config = config_of(folder)
    assert (config["dataset"], config["epochs"], config["batch_size"]) == (
        str(mine.resolve()),
        2,
        32,
    )
    metrics = pd.read_csv(folder / "metrics.csv")
    assert set(metrics["dataset"]) == {"mine.npz"}
    assert set(metrics["task"]) == {0, 1, 2}
    # Its configuration is enough to run it again.
    again = cli("run", "--config", folder / "config.json", "--out", "again", "--quiet")
    assert again.code == 0, again.err
    assert again.last_line.name == folder.name
    assert (again.last_line / "metrics.csv").read_bytes() == (folder / "metrics.csv").read_bytes()


@pytest.mark.parametrize("dtype", ["int16", "uint8", "float64"])
def test_a_file_of_x_and_y_is_split_and_its_anomalies_are_for_the_test(
    tmp_path: Path, dtype: str
) -> None:
    x = np.arange(60).reshape(20, 3).astype(dtype)
    np.savez(tmp_path / "own.npz", X=x, y=np.repeat([0, 1], [16, 4]))
    arrays = read_npz(tmp_path / "own.npz")
    assert arrays.x_train.dtype == arrays.x_test.dtype == np.float32
    assert (arrays.y_train == 0).all()
    assert np.bincount(arrays.y_test).tolist() == [5, 4]  # 30 % of 16, and all anomalies
    everything = np.concatenate([arrays.x_train, arrays.x_test])
    np.testing.assert_array_equal(everything[everything[:, 0].argsort()], x)


def test_classes_of_x_and_y_are_split_alike(tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", X=np.arange(60).reshape(30, 2), y=np.repeat([0, 1, 2], 10))
    arrays = read_npz(tmp_path / "own.npz")
    assert np.bincount(arrays.y_test).tolist() == [3, 3, 3]
    assert np.bincount(arrays.y_train).tolist() == [7, 7, 7]
