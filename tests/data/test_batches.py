import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cl_anomaly.core.errors import InputError
from cl_anomaly.data import batches
from cl_anomaly.data.batches import Batch, read_batches

X = np.random.default_rng(0).random((10, 3), dtype=np.float32)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH_SIZE", 4)


def _write(kind: str, folder: Path) -> Path:
    path = folder / f"x.{kind}"
    table = pd.DataFrame(X, columns=["a", "b", "c"])
    if kind == "npy":
        np.save(path, X)
    elif kind == "npz":
        np.savez(path, x=X, y=np.arange(10))
    elif kind == "csv":
        table.to_csv(path, index=False)
    else:
        path.write_text("".join(f"{json.dumps(row.tolist())}\n" for row in X))
    return path


def _together(read: list[Batch]) -> tuple[list[str], np.ndarray]:
    return [name for batch in read for name in batch.names], np.concatenate([b.x for b in read])


def _header(shape: str, kind: str = "'<f4'") -> bytes:
    text = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY" + struct.pack("<BBH", 1, 0, len(text)) + text


@pytest.mark.parametrize("kind", ["npy", "npz", "csv", "jsonl"])
def test_a_file_is_read_a_batch_at_a_time(kind: str, tmp_path: Path) -> None:
    read = list(read_batches(_write(kind, tmp_path)))
    assert [len(batch.names) for batch in read] == [4, 4, 2]
    names, x = _together(read)
    assert names == [str(row) for row in range(10)]
    assert x.dtype == np.float32
    np.testing.assert_allclose(x, X, rtol=1e-6)


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (b"\x93NUMPY", "array x of .*x.npz.*its header is not one of a plain array"),
        (_header("(1000000000000, 2)"), "array x of .*x.npz.*8,000,000,000,000 bytes.*but got 0"),
        (_header("(1,)", "'|O'") + b"N.", "array x of .*x.npz.*objects, which are never loaded"),
    ],
)
def test_a_damaged_array_is_named_and_takes_no_memory(
    tmp_path: Path, member: bytes, message: str
) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("x.npy", member)
    with pytest.raises(InputError, match=message):
        list(read_batches(tmp_path / "x.npz"))


def test_a_file_that_is_no_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(b"PK\3\4")
    with pytest.raises(InputError, match=r"x.npz.*make it again"):
        list(read_batches(tmp_path / "x.npz"))


def test_images_stay_uint8(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((5, 2, 2), np.uint8))
    (first, _) = read_batches(tmp_path / "x.npy")
    assert first.x.dtype == np.uint8 and first.x.shape == (4, 2, 2)


def test_a_table_names_its_samples_and_leaves_columns_out(tmp_path: Path) -> None:
    table = pd.DataFrame({"id": ["p", "q"], "a": [0.5, 0.25], "label": ["good", "bad"]})
    table.to_csv(tmp_path / "x.csv", index=False)
    (batch,) = read_batches(tmp_path / "x.csv", name_column="id", ignored=["label"])
    assert batch.names == ["p", "q"]
    assert batch.x.tolist() == [[0.5], [0.25]]


@pytest.mark.parametrize("features", [(4, 6), (3, 4, 6)])
def test_images_are_brought_to_the_detectors_shape(
    features: tuple[int, ...], tmp_path: Path
) -> None:
    (tmp_path / "good").mkdir()
    Image.new("L", (12, 8), 90).save(tmp_path / "good" / "b.png")
    Image.new("RGB", (6, 4), (90, 90, 90)).save(tmp_path / "a.png")
    (batch,) = read_batches(tmp_path, features)
    assert batch.names == ["a.png", "good/b.png"]
    assert batch.x.shape == (2, *features) and batch.x.dtype == np.uint8
    assert (abs(batch.x.astype(int) - 90) <= 1).all()
    (alone,) = read_batches(tmp_path / "a.png", features)
    assert alone.names == ["a.png"]


def test_images_need_a_detector_of_images(tmp_path: Path) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"a detector of images to score .*a.png"):
        list(read_batches(tmp_path / "a.png", (64,)))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="to hold images, .*, but it has none"):
        list(read_batches(tmp_path / "empty", (4, 4)))


def test_lines_have_names_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"name": "pump 3", "x": [1, 2]}\n[3, 4]\n')
    (batch,) = read_batches(path)
    assert batch.names == ["pump 3", "1"]
    assert batch.x.tolist() == [[1, 2], [3, 4]]


FAULTS = {
    "x.npy": (b"no array", "Could not read .*x.npy"),
    "x.npz": (b"no archive", "Expected .*x.npz to be what `numpy.savez` writes"),
    "x.jsonl": (b'[1, 2]\n{"y": 3}\n', "line 1, or an object with x and name, but got"),
    "y.jsonl": (b"7\n", "list of numbers in line 0, but got one number"),
    "x.csv": (b"a,b\n1,x\n", "numbers in column 'b' of .*x.csv, but got text"),
    "x.txt": (b"1,2", "a file that ends in .npy, .npz"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_file_that_cannot_be_read_is_named(name: str, tmp_path: Path) -> None:
    content, said = FAULTS[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=said):
        list(read_batches(tmp_path / name))


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no .*nix.npy"):
        list(read_batches(tmp_path / "nix.npy"))
    with pytest.raises(InputError, match="have a column 'id', but it has a, b, c"):
        list(read_batches(_write("csv", tmp_path), name_column="id"))
    np.savez(tmp_path / "two.npz", a=X, b=X)
    with pytest.raises(InputError, match="a single one, but it holds a, b"):
        list(read_batches(tmp_path / "two.npz"))
