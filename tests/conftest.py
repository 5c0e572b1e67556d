import ctypes
import gzip
import hashlib
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from http.server import ThreadingHTTPServer
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import torch

from cl_anomaly.data import downloads
from cl_anomaly.data.datasets import Dataset, load_dataset
from cl_anomaly.data.downloads import Published
from cl_anomaly.store import fingerprint
from tests.support.helpers import (
    IDX_FILES,
    REAL_DOWNLOAD,
    FileHandler,
    mnist_files,
)
from tests.support.isolation import Watch, set_environment

# Read before `machine_independent` hides it.
_REAL_DATA_ROOT = os.environ.get("CL_ANOMALY_DATA")


def pytest_configure(config: pytest.Config) -> None:
    """Before anything is imported that looks at the user's home."""
    home = Path(tempfile.mkdtemp(prefix="home-of-tests-"))
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    set_environment(home)


@cache
def _distributions_on(path: tuple[str, ...]) -> Mapping[str, list[str]]:
    """Look all installed packages up, once for each path: that takes a second."""
    return packages_distributions()


@pytest.fixture(scope="session", autouse=True)
def _watch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    """Holds for fixtures that several tests share, too, which are made before a test's own."""
    watch = Watch([tmp_path_factory.getbasetemp(), Path(tempfile.gettempdir())])
    with pytest.MonkeyPatch.context() as patch, watch.watching():
        patch.delenv("CL_ANOMALY_DATA", raising=False)
        patch.chdir(tmp_path_factory.mktemp("here"))
        patch.setattr(
            fingerprint, "packages_distributions", lambda: _distributions_on(tuple(sys.path))
        )
        torch.set_num_threads(1)
        yield watch


@pytest.fixture(scope="module", autouse=True)
def gives_memory_back() -> Iterator[Callable[[], None]]:
    """Let the system have again what the tests of a file have freed, where its C library can."""

    def trim() -> None:
        if sys.platform == "linux":
            getattr(ctypes.CDLL(None), "malloc_trim", lambda _: 0)(0)

    yield trim
    trim()


@pytest.fixture(autouse=True)
def writes_nothing_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, _watch: Watch
) -> Iterator[None]:
    """A test has a folder of its own to be in, and no process of its own writes outside it."""
    monkeypatch.chdir(tmp_path_factory.mktemp("here"))
    yield
    outside, _watch.outside = _watch.outside, []
    assert not outside, "written outside the tests' own folders"


@pytest.fixture(scope="session")
def _matplotlib_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("matplotlib")


@pytest.fixture(autouse=True)
def machine_independent(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    _matplotlib_folder: Path,
) -> None:
    """No test may see this machine's datasets, or the network."""

    def refuse(of: Published, root: Path) -> None:
        raise OSError("no network in tests")

    monkeypatch.delenv("CL_ANOMALY_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    # Matplotlib follows XDG_CACHE_HOME too, and would list the fonts anew in each child process.
    monkeypatch.setenv("MPLCONFIGDIR", str(_matplotlib_folder))
    monkeypatch.setattr(downloads, "download", refuse)


@pytest.fixture(scope="session")
def mnist_root() -> Path:
    """The folder with the real MNIST: what $CL_ANOMALY_DATA named when the tests started."""
    if not _REAL_DATA_ROOT:
        pytest.skip("the real MNIST is needed: set $CL_ANOMALY_DATA to the folder that holds it")
    root = Path(_REAL_DATA_ROOT)
    missing = [f for f in IDX_FILES if not (root / "MNIST" / "raw" / f).exists()]
    if missing:
        pytest.skip(f"$CL_ANOMALY_DATA is set, but {root}/MNIST/raw lacks {', '.join(missing)}")
    return root


@pytest.fixture(scope="session")
def digits() -> Dataset:
    return load_dataset("digits")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    """Let torchvision download a small MNIST from a server on this machine.

    These are the compressed files by name, with the checksums that torchvision expects. What a
    test changes in them, or takes away, is damaged or missing on the server.
    """
    import torchvision.datasets

    files = {f"{name}.gz": gzip.compress(content) for name, content in mnist_files().items()}
    sums = [(n, hashlib.md5(c, usedforsecurity=False).hexdigest()) for n, c in files.items()]
    handler = type("Handler", (FileHandler,), {"files": files})
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(downloads, "download", REAL_DOWNLOAD)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        mirrors = [f"http://127.0.0.1:{server.server_port}/"]
        monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", mirrors)
        monkeypatch.setattr(torchvision.datasets.MNIST, "resources", sums)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield files
        server.shutdown()
        thread.join()
