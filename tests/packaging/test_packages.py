"""The wheel and the source distribution hold what they should, and nothing else."""

import email
import os
import subprocess
import sys
import tomllib
import zipfile
from email.message import Message
from pathlib import Path

import pytest

from cl_anomaly.suites.shipped import shipped_suites
from cl_anomaly.version import __version__
from tests.packaging.conftest import Built
from tests.support.places import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def _files(folder: Path) -> set[str]:
    """The files below a folder of this tree, links followed, by their paths from the root."""
    return {
        str(path.relative_to(ROOT))
        for path in folder.rglob("*")
        if path.is_file() and not {"__pycache__", "_build"} & set(path.parts)
    }


def _metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return email.message_from_string(archive.read(name).decode())


def test_the_wheel_holds_the_package_and_nothing_else(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == _files(ROOT / "cl_anomaly")
    page = {f"report/page/page.{ending}" for ending in ("html.j2", "css", "js")}
    assert {"py.typed", *page, "suites/digits.toml"} <= {
        name.removeprefix("cl_anomaly/") for name in held
    }


def test_metadata_is_complete(built: Built) -> None:
    said = _metadata(built.wheel)
    assert (said["Name"], said["Version"]) == ("cl-anomaly", __version__)
    assert said["Summary"] == PROJECT["description"]
    assert said["Requires-Python"] == ">=3.11"
    assert said["License-Expression"] == "MIT"
    assert said.get_all("License-File") == ["LICENSE"]
    assert said["Description-Content-Type"] == "text/markdown"
    assert str(said.get_payload()).startswith("# cl-anomaly\n")
    assert set(said.get_all("Classifier", [])) == set(PROJECT["classifiers"])
    assert set(said.get_all("Provides-Extra", [])) == set(PROJECT["optional-dependencies"])
    needed = [own for own in said.get_all("Requires-Dist", []) if "extra ==" not in own]
    assert len(needed) == len(PROJECT["dependencies"])


def test_the_wheel_has_the_command_and_the_family_of_strategies(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        (name,) = [own for own in archive.namelist() if own.endswith("entry_points.txt")]
        text = archive.read(name).decode()
    assert "cl-anomaly = cl_anomaly.cli.main:main" in text
    assert "[cl_anomaly.strategy_families]" in text


@pytest.mark.parametrize("folder", [".ci", "benchmarks", "docs", "results/reference", "tests"])
def test_the_source_distribution_holds_all_that_tests_need(built: Built, folder: str) -> None:
    assert {name for name in _files(ROOT / folder) if not (built.tree / name).is_file()} == set()


def test_the_source_distribution_holds_what_stands_at_the_top(built: Built) -> None:
    names = "README.md CHANGELOG.md CONTRIBUTING.md CITATION.cff LICENSE pyproject.toml noxfile.py"
    for name in [*names.split(), "Dockerfile", ".dockerignore", "results/README.md"]:
        assert (built.tree / name).read_bytes() == (ROOT / name).read_bytes(), name


def test_the_source_distribution_holds_suites_twice_and_alike(built: Built) -> None:
    for name in shipped_suites():
        own = (built.tree / "cl_anomaly" / "suites" / f"{name}.toml").read_bytes()
        assert (built.tree / "benchmarks" / f"{name}.toml").read_bytes() == own


def test_suites_are_found_from_the_wheel_alone(built: Built, tmp_path: Path) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = "import cl_anomaly; from cl_anomaly.cli.main import main; print(cl_anomaly.__file__); "
    code += "main(['list', 'suites']); main(['bench', 'digits', '--check'])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert Path(done.stdout.splitlines()[0]).is_relative_to(tmp_path)
    for name in shipped_suites():
        assert f" {name} " in done.stdout
    # The suite is there; its results are not.
    assert "Expected results of the suite digits" in done.stderr
