"""Suites that ship with the package: by name and by path they are the same."""

from pathlib import Path

import pytest

from cl_anomaly.core.errors import InputError
from cl_anomaly.suites.shipped import shipped_suites, suite_file
from cl_anomaly.suites.suite import suite_name
from cl_anomaly.suites.suite_file import read_suite_file
from tests.support.command import cli
from tests.support.places import ROOT

# It needs benchmarks/batch_ewc.py, and the repository's root to start from.
NOT_SHIPPED = {"avalanche"}


def test_each_suite_has_one_source() -> None:
    listed = {path.stem: path for path in ROOT.glob("benchmarks/*.toml")}
    assert set(listed) - NOT_SHIPPED == set(shipped_suites())
    for name, path in shipped_suites().items():
        assert listed[name].read_bytes() == path.read_bytes()
        # An unpacked source distribution, which nobody edits, has copies.
        assert listed[name].resolve() == path.resolve() or (ROOT / "PKG-INFO").exists()


@pytest.mark.parametrize("name", shipped_suites())
def test_a_name_gives_the_same_suite_as_its_path(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Files of data that only a folder of datasets has are not looked for.
    monkeypatch.setattr("cl_anomaly.plan.check.check_own", lambda *_: None)
    by_name = read_suite_file(suite_file(Path(name)))
    by_path = read_suite_file(ROOT / "benchmarks" / f"{name}.toml")
    assert suite_name(by_name) == suite_name(by_path) == name
    assert by_name.title
    assert by_name.file is not None
    assert by_path.file is not None
    assert by_name.file.name == by_path.file.name
    # What a run's identity and a suite's folder are made of.
    assert by_name.members({}, {}) == by_path.members({}, {})
    assert by_name.candidates({}) == by_path.candidates({})


def test_a_file_in_the_working_directory_stays_a_path() -> None:
    Path("digits.toml").write_text("[runs.mine]\nstrategy = 'lower'\n", encoding="utf-8")
    assert list(read_suite_file(suite_file(Path("digits.toml"))).runs) == ["mine"]
    assert list(read_suite_file(suite_file(Path("./digits.toml"))).runs) == ["mine"]
    assert "mine" not in read_suite_file(suite_file(Path("digits"))).runs


@pytest.mark.parametrize("given", ["digts", "gone.toml", "folder/digits.toml"])
def test_an_unknown_name_is_answered_with_those_that_there_are(given: str) -> None:
    with pytest.raises(InputError, match=rf"\({', '.join(shipped_suites())}\)") as raised:
        suite_file(Path(given))
    assert ("Did you mean 'digits'?" in str(raised.value)) == (given != "gone.toml")


@pytest.mark.parametrize("command", [("bench",), ("compare", "--suite")])
def test_the_command_line_names_the_suites(command: tuple[str, ...]) -> None:
    done = cli(*command, "nope")
    assert done.code == 2
    assert "suite` to be a TOML file, or the name of a suite" in done.err
    assert "nsl-kdd, paper, replay_ratio, tabular" in done.err
