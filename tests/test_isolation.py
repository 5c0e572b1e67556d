"""Tests write to folders of their own, and see the same environment on every machine."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.isolation import ROOT, Watch

WAYS: dict[str, Callable[[Path], object]] = {
    "write": lambda path: path.write_text("mine"),
    "append": lambda path: path.open("a").close(),
    "low": lambda path: os.close(os.open(path, os.O_CREAT | os.O_RDWR)),
    "folder": lambda path: path.mkdir(),
    "rename": lambda path: Path("here").rename(path),
    "link": lambda path: os.link("here", path),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_what_is_written_elsewhere_is_noted(way: Callable[[Path], object], tmp_path: Path) -> None:
    watch = Watch([tmp_path / "own"])
    (tmp_path / "own").mkdir()
    Path("here").write_text("mine")
    with watch.watching():
        (tmp_path / "own" / "file").write_text("mine")
        way(tmp_path / "elsewhere")
        Path("here").write_text("mine")
        (tmp_path / "own" / "file").read_text()
    (tmp_path / "later").write_text("mine")
    here = Path("here").resolve()
    assert [line.split(": ")[1] for line in watch.outside] == [
        str(tmp_path / "elsewhere"),
        str(here),
    ]


def test_a_test_is_in_an_empty_folder_of_its_own() -> None:
    assert not list(Path.cwd().iterdir())
    assert not Path.cwd().is_relative_to(ROOT)


def test_other_processes_import_this_checkout_and_write_to_another_home() -> None:
    code = "import tests, cl_anomaly, pathlib; print(cl_anomaly.__file__, pathlib.Path.home())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    file, home = done.stdout.split()
    assert Path(file).is_relative_to(ROOT)
    assert "home-of-tests-" in home


def test_a_checkout_among_temporary_files_is_none_of_them() -> None:
    watch = Watch([ROOT.parent])
    assert watch.allows(ROOT.parent / "file")
    assert not watch.allows(ROOT / "results" / "file")
    assert Watch([ROOT.parent, ROOT / "own"]).allows(ROOT / "own" / "file")
