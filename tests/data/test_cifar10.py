"""CIFAR-10 from made-up files as torchvision lays them out, which are pickles."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.datasets import load_dataset

RANDOM = np.random.default_rng(0)
FILES = [*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]


def batch(labels: list[int]) -> dict[str, Any]:
    data = RANDOM.integers(0, 256, (len(labels), 3072), dtype=np.uint8)
    return {"batch_label": "made up", "labels": labels, "data": data, "filenames": ["x.png"]}


@pytest.fixture
def batches(tmp_path: Path) -> dict[str, dict[str, Any]]:
    """What the six files hold; they are below tmp_path."""
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    content = {file: batch([n, 9, 3]) for n, file in enumerate(FILES)}
    for file, own in content.items():
        (folder / file).write_bytes(pickle.dumps(own, protocol=2))
    return content


def place(root: Path, file: str) -> Path:
    return root / "cifar-10-batches-py" / file


def test_images_and_names_are_read(tmp_path: Path, batches: dict[str, dict[str, Any]]) -> None:
    dataset = load_dataset("cifar10", str(tmp_path))
    assert dataset.features == (3, 32, 32)
    assert dataset.train.stored.shape == (15, 3, 32, 32)
    assert dataset.train_labels.tolist() == [0, 9, 3, 1, 9, 3, 2, 9, 3, 3, 9, 3, 4, 9, 3]
    assert dataset.named(dataset.test_labels) == ["dog", "truck", "cat"]
    # Red first, then green and blue, row after row.
    pixels = torch.tensor(batches["data_batch_2"]["data"][1])
    assert torch.equal(dataset.train.stored[4, 1, 2], pixels[1024 + 64 : 1024 + 96])


def test_a_pickle_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batches: object
) -> None:
    monkeypatch.chdir(tmp_path)
    code = b'cbuiltins\nexec\n(S\'open("executed", "w").close()\'\ntR.'
    place(tmp_path, "test_batch").write_bytes(code)
    with pytest.raises(InputError, match="test_batch to be.*builtins.exec, which is never"):
        load_dataset("cifar10", str(tmp_path))
    assert not Path("executed").exists()
    pickle.loads(code)  # noqa: S301 - the pickle of this test would run
    assert Path("executed").exists()


WRONG: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a list": (lambda own: [own], "to be a batch"),
    "no labels": (lambda own: {"data": own["data"]}, "'labels'"),
    "floats": (lambda own: own | {"data": own["data"] / 255}, "float64"),
    "other images": (lambda own: own | {"data": own["data"][:, :784]}, r"\(3, 784\)"),
    "none": (lambda own: own | {"data": own["data"][:0], "labels": []}, r"\(0, 3072\)"),
    "a label too few": (lambda own: own | {"labels": [1, 2]}, r"one label.*\(2,\)"),
    "no class": (lambda own: own | {"labels": [1, 2, 10]}, "but got 10 at position 2"),
}


@pytest.mark.parametrize(("change", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_damaged_file_is_named(
    tmp_path: Path,
    batches: dict[str, dict[str, Any]],
    change: Callable[[dict[str, Any]], object],
    said: str,
) -> None:
    path = place(tmp_path, "data_batch_3")
    path.write_bytes(pickle.dumps(change(batches["data_batch_3"])))
    with pytest.raises(InputError, match=said) as caught:
        load_dataset("cifar10", str(tmp_path))
    assert str(path) in str(caught.value)
    path.write_bytes(b"cut off")
    with pytest.raises(InputError, match="data_batch_3.*fetch it again"):
        load_dataset("cifar10", str(tmp_path))


def test_what_to_do_where_nothing_can_be_downloaded(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_dataset("cifar10", str(tmp_path))
    for word in ("CIFAR10 is not on this machine", "cifar-10-batches-py", "no network in tests"):
        assert word in str(caught.value)


def test_a_folder_with_some_files_is_damaged(tmp_path: Path, batches: object) -> None:
    place(tmp_path, "test_batch").unlink()
    with pytest.raises(InputError, match="Could not read .*test_batch"):
        load_dataset("cifar10", str(tmp_path))
