"""The Dockerfile, as far as it can be tried without Docker."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.packaging.conftest import Built
from tests.support.places import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def _stages() -> list[list[tuple[str, str]]]:
    """The instructions and their arguments, stage by stage; those before the first come first."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", "")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    stages: list[list[tuple[str, str]]] = [[]]
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "FROM":
            stages.append([])
        stages[-1].append((word, rest.strip()))
    return stages


def _copied(stage: list[tuple[str, str]]) -> list[str]:
    """What a stage copies from the repository."""
    copies = [shlex.split(rest) for word, rest in stage if word == "COPY"]
    return [source for own in copies if not own[0].startswith("--from=") for source in own[:-1]]


def test_its_python_is_supported() -> None:
    before, *stages = _stages()
    (version,) = re.findall(r"PYTHON=([\d.]+)", dict(before)["ARG"])
    assert f"Programming Language :: Python :: {version}" in PROJECT["classifiers"]
    assert [dict(stage)["FROM"] for stage in stages] == [
        "python:${PYTHON}-slim AS wheel",
        "python:${PYTHON}-slim",
    ]


def test_what_it_copies_is_there_and_not_ignored() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*", "nothing but what is named travels to Docker"
    named = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    assert named == {source for stage in _stages() for source in _copied(stage)}
    for name in named:
        assert (ROOT / name).exists(), name


def test_its_first_stage_makes_the_same_wheel(built: Built, tmp_path: Path) -> None:
    _, stage, _ = _stages()
    for source in _copied(stage):
        copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
        copy(ROOT / source, tmp_path / source)
    (command,) = [rest for word, rest in stage if rest.startswith("pip wheel")]
    words = shlex.split(command.replace("/wheels", "wheels"))
    # What the stage installs before is installed here: nothing is fetched.
    assert dict(stage)["FROM"].endswith("AS wheel")
    assert ("RUN", 'pip install --no-cache-dir "setuptools>=77"') in stage
    environment = os.environ | {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run(
        [sys.executable, "-m", *words],
        cwd=tmp_path,
        env=environment,
        check=True,
        capture_output=True,
    )
    (wheel,) = (tmp_path / "wheels").glob("*.whl")
    with zipfile.ZipFile(wheel) as own, zipfile.ZipFile(built.wheel) as other:
        assert set(own.namelist()) == set(other.namelist())


def test_it_runs_as_a_user_whose_folders_exist() -> None:
    *_, last = _stages()
    words = [word for word, _ in last]
    said = dict(last)
    assert json.loads(said["ENTRYPOINT"]) == ["cl-anomaly"]
    assert "cl-anomaly" in PROJECT["scripts"]
    (makes_user,) = [rest for word, rest in last if word == "RUN" and "useradd" in rest]
    assert makes_user.split("&&")[0].split()[-1] == said["USER"] != "root"
    for folder in json.loads(said["VOLUME"]):
        assert folder in makes_user.split("&&")[1].split()
    # What a volume's folder belongs to has to be settled before it is one.
    assert words.index("VOLUME") > last.index(("RUN", makes_user))
    assert said["ENV"] == "CL_ANOMALY_DATA=/srv/data"


@pytest.mark.parametrize("requirement", ["torch", "torchvision"])
def test_a_build_that_is_chosen_is_there_before_the_wheel_asks_for_any(requirement: str) -> None:
    *_, last = _stages()
    installs = [rest for word, rest in last if word == "RUN" and rest.startswith("pip install")]
    assert requirement in installs[0].split()
    assert ("ARG", 'TORCH=""') in last
    assert "${TORCH}" in installs[0].split()
    assert installs[1].split()[-1] == "/wheels/*.whl"
