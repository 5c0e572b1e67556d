"""What a suite was made from, looked at again: any change of it is seen."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cl_anomaly.suites.up_to_date import MADE_FROM_FILE, how_many, is_up_to_date, made_from

from cl_anomaly.store.files import read_sealed, write_sealed
from cl_anomaly.suites import up_to_date
from cl_anomaly.suites.suite import Suite
from cl_anomaly.suites.suite_file import read_suite_file
from tests.support.folders import write_folder

SETTINGS = {"epochs": 1}


def read_suite(text: str = "") -> Suite:
    path = Path("small.toml")
    runs = "[runs.ewc]\nstrategy = 'ewc'\n[runs.lower]\nstrategy = 'lower'\n"
    more = "[each]\nseeds = [[0], [1], [2]]\n[tune]\nseeds = [9]\n[tune.grid.ewc]\nlam = [1.0, 2.0]"
    path.write_text(f"dataset = 'digits'\n{text}\n{runs}{more}", encoding="utf-8")
    return read_suite_file(path)


def write_run(out: Path, name: str) -> Path:
    def write(folder: Path) -> None:
        (folder / "metrics.csv").write_text("numbers")
        (folder / "config.json").write_text("{}")

    return write_folder(out, name, write)


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The results of a suite: two runs, and the suite's folder beside them."""
    monkeypatch.chdir(tmp_path)
    Path("data.npz").write_bytes(b"data")
    out = tmp_path / "results"
    runs = [write_run(out, name) for name in ("one", "two")]
    content = made_from(read_suite(), SETTINGS, runs, [Path("data.npz")])
    assert content is not None

    def write(folder: Path) -> None:
        (folder / MADE_FROM_FILE).write_text(json.dumps(content))
        (folder / "table.csv").write_text("a table")

    write_folder(out, "small", write)
    return out


def test_what_has_not_changed_is_up_to_date(out: Path) -> None:
    assert is_up_to_date(out / "small", read_suite(), SETTINGS)


def test_other_settings_or_another_suite_are_not(out: Path) -> None:
    folder, suite = out / "small", read_suite()
    assert not is_up_to_date(folder, suite, {})
    assert not is_up_to_date(folder, suite, {"epochs": 2})
    assert not is_up_to_date(folder, read_suite("calibration = 0.1"), SETTINGS)
    assert not is_up_to_date(folder, replace(suite, each={"seeds": [[0], [1]]}), SETTINGS)
    assert suite.tuning is not None
    assert not is_up_to_date(folder, replace(suite, pairs=(("ewc", "lower"),)), SETTINGS)
    fewer = replace(suite.tuning, grid={"ewc": {"lam": [1.0]}})
    assert not is_up_to_date(folder, replace(suite, tuning=fewer), SETTINGS)


def _reseal(path: Path) -> None:
    content = read_sealed(path)
    write_sealed(path, content | {"files": content["files"] | {"more": {"bytes": 0}}})


CHANGES: dict[str, Callable[[Path], Any]] = {
    "a run is gone": lambda out: (out / "one").rename(out / "other"),
    "a file of a run is gone": lambda out: (out / "two" / "metrics.csv").unlink(),
    "a file of a run is shorter": lambda out: (out / "two" / "metrics.csv").write_text("number"),
    "a run was run anew": lambda out: _reseal(out / "one" / "manifest.json"),
    "a run is not finished": lambda out: (out / "one" / "manifest.json").unlink(),
    "the table is gone": lambda out: (out / "small" / "table.csv").unlink(),
    "the record is another": lambda out: (out / "small" / MADE_FROM_FILE).write_text("{}"),
    "the data are others": lambda out: (out.parent / "data.npz").write_bytes(b"more data"),
    "the data were written again": lambda out: os.utime(out.parent / "data.npz", (1, 1)),
    "the data are gone": lambda out: (out.parent / "data.npz").unlink(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_seen(out: Path, change: str) -> None:
    CHANGES[change](out)
    assert not is_up_to_date(out / "small", read_suite(), SETTINGS)


def test_other_code_of_this_package_is_seen(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = out.parent / "package"
    package.mkdir()
    (package / "module.py").write_text("1")
    monkeypatch.setattr(up_to_date, "_PACKAGE", package)
    up_to_date._package.cache_clear()
    try:
        before = up_to_date._package()
        assert not is_up_to_date(out / "small", read_suite(), SETTINGS)
        (package / "module.py").write_text("2")
        up_to_date._package.cache_clear()
        assert up_to_date._package() != before
    finally:
        up_to_date._package.cache_clear()


@pytest.mark.parametrize("name", ["CL_ANOMALY_DATA", "CUDA_VISIBLE_DEVICES"])
def test_another_machine_is_seen(out: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "elsewhere")
    assert not is_up_to_date(out / "small", read_suite(), SETTINGS)


def test_a_relative_path_may_mean_another_file_elsewhere(out: Path) -> None:
    suite = read_suite()
    (out / "there").mkdir()
    os.chdir(out / "there")
    assert not is_up_to_date(out / "small", suite, SETTINGS)


def test_of_a_strategy_in_a_file_nothing_is_said(out: Path) -> None:
    suite = read_suite()
    own = replace(suite, runs=suite.runs | {"mine": {"strategy": "my_file.py:Mine"}})
    assert made_from(own, {}, [out / "one"], []) is None
    assert made_from(suite, {}, [out / "one"], []) is not None
    (out / "one" / "manifest.json").unlink()
    assert made_from(suite, {}, [out / "one"], []) is None


def test_runs_and_candidates_are_counted() -> None:
    suite = read_suite()
    assert how_many(suite, []) == (6, 2)
    assert how_many(suite, ["ewc"]) == (3, 2)
    assert how_many(suite, ["lower"]) == (3, 0)
    assert len(suite.members({}, {})) == 6


def test_of_each_run_only_its_manifest_is_read(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suite, read = read_suite(), []
    opened = Path.read_bytes

    def noted(path: Path) -> bytes:
        read.append(path)
        return opened(path)

    up_to_date._package()
    monkeypatch.setattr(Path, "read_bytes", noted)
    assert is_up_to_date(out / "small", suite, SETTINGS)
    of_runs = [path for path in read if path.parent.name in ("one", "two")]
    assert sorted(of_runs) == [out / "one" / "manifest.json", out / "two" / "manifest.json"]
