"""The packages, built once from a copy of this tree, with what is installed: no network."""

import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.places import ROOT

_BUILD = "import sys; from setuptools import build_meta as b; print(getattr(b, sys.argv[1])('out'))"
_NOT_OURS = shutil.ignore_patterns(
    *(
        ".git",
        ".venv",
        ".nox",
        "venv",
        "build",
        "dist",
        "__pycache__",
        "*.egg-info",
        ".*_cache",
        "_build",
    )
)


@dataclass(frozen=True)
class Built:
    """What was built, one from the other.

    Attributes:
        sdist: the archive.
        tree: the archive, unpacked.
        wheel: built from the tree.
    """

    sdist: Path
    tree: Path
    wheel: Path


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("packages")
    copy = folder / "copy"
    shutil.copytree(ROOT, copy, symlinks=True, ignore=_left_out)
    sdist = _build("build_sdist", copy)
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    tree = folder / sdist.name.removesuffix(".tar.gz")
    return Built(sdist, tree, _build("build_wheel", tree))


def _left_out(folder: str, names: list[str]) -> set[str]:
    """Leave out what is not of this repository, such as results of one's own."""
    left = _NOT_OURS(folder, names)
    return left | (
        set(names) - {"reference", "README.md"} if folder == str(ROOT / "results") else left
    )


def _build(hook: str, tree: Path) -> Path:
    (tree / "out").mkdir()
    command = [sys.executable, "-W", "ignore", "-c", _BUILD, hook]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return tree / "out" / done.stdout.splitlines()[-1]
