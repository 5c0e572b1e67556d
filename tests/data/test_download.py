"""The download, by torchvision's own code from a server on this machine: see `served`."""

import gzip
import re
import socket
import threading
from http.client import BadStatusLine
from pathlib import Path

import pytest

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.datasets import choose_dataset, load_dataset
from cl_anomaly.data.downloads import data_roots
from tests.support.helpers import TEST_LABELS, TRAIN_LABELS, mnist_files


def cache() -> Path:
    return data_roots(None)[-1]


@pytest.mark.parametrize("asked", [True, False], ids=["data_root", "cache"])
def test_mnist_is_downloaded_once(
    tmp_path: Path,
    served: dict[str, bytes],
    capsys: pytest.CaptureFixture[str],
    asked: bool,
) -> None:
    root = tmp_path if asked else cache()
    data_root = str(tmp_path) if asked else None
    dataset = load_dataset("mnist", data_root)
    assert dataset.train_labels.tolist() == list(TRAIN_LABELS)
    assert dataset.test_labels.tolist() == list(TEST_LABELS)
    for name, content in mnist_files().items():
        assert (root / "MNIST" / "raw" / name).read_bytes() == content
    assert f"Downloading MNIST to {root}" in capsys.readouterr().err
    assert socket.getdefaulttimeout() is None

    served.clear()
    assert load_dataset("mnist", data_root).sha256 == dataset.sha256
    assert choose_dataset(data_root) == ("mnist", None)


def test_a_folder_named_by_the_environment_is_not_downloaded_to(
    tmp_path: Path, served: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Such a folder is often shared, and not one's own to write to.
    monkeypatch.setenv("CL_ANOMALY_DATA", str(tmp_path))
    assert choose_dataset() == ("mnist", None)
    assert (cache() / "MNIST" / "raw").is_dir()
    assert not any(tmp_path.iterdir())


def test_a_download_of_something_else_is_refused(tmp_path: Path, served: dict[str, bytes]) -> None:
    first = next(iter(served))
    served[first] = gzip.compress(b"something else")
    with pytest.raises(InputError, match=f"could not be downloaded: .*{re.escape(first)}"):
        load_dataset("mnist", str(tmp_path))
    assert choose_dataset(str(tmp_path))[0] == "digits"


def test_a_download_that_breaks_off_leaves_nothing_half(
    tmp_path: Path, served: dict[str, bytes]
) -> None:
    last = list(served)[-1]
    whole, served[last] = served[last], b"broken"
    assert choose_dataset(str(tmp_path))[0] == "digits"
    assert not list(tmp_path.rglob("*ubyte*"))
    served[last] = whole
    assert choose_dataset(str(tmp_path)) == ("mnist", None)
    assert load_dataset("mnist", str(tmp_path)).train_labels.tolist() == list(TRAIN_LABELS)


def test_an_answer_that_is_no_http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(name: str, root: Path) -> None:
        raise BadStatusLine("nonsense")

    monkeypatch.setattr("cl_anomaly.data.downloads.download", download)
    assert choose_dataset(str(tmp_path))[0] == "digits"


@pytest.mark.parametrize("said", ["refused", "timed out"])
def test_a_server_that_does_not_answer(
    tmp_path: Path, served: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    monkeypatch.setattr("cl_anomaly.data.downloads.DOWNLOAD_TIMEOUT", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if said == "timed out":
            silent.listen()
        # Where there is no time limit, a reset ends the wait, and is not what is expected.
        guard = threading.Timer(5, silent.close)
        guard.start()
        mirror = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        monkeypatch.setattr("torchvision.datasets.MNIST.mirrors", [mirror])
        with pytest.raises(InputError, match=f"could not be downloaded: .*{said}"):
            load_dataset("mnist", str(tmp_path))
        assert choose_dataset(str(tmp_path))[0] == "digits"
        guard.cancel()
    assert socket.getdefaulttimeout() is None


def test_failed_download_takes_its_folders_away_again(tmp_path: Path) -> None:
    # The fixtures' refusal comes before anything is made; a server that is not there comes after.
    from tests.support.helpers import REAL_DOWNLOAD

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torchvision.datasets.MNIST.mirrors", ["http://127.0.0.1:1/"])
        patch.setattr("cl_anomaly.data.downloads.download", REAL_DOWNLOAD)
        assert choose_dataset(str(tmp_path / "no" / "such"))[0] == "digits"
    assert not list(tmp_path.iterdir())
