"""Code of one's own and of packages in a run's identity, and what a record of code tells."""

import importlib.util
import os
import py_compile
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from cl_anomaly.settings.own_files import load_class
from cl_anomaly.store import fingerprint as code
from cl_anomaly.store.fingerprint import changes, describe_code, recorded_code
from cl_anomaly.strategies import find_strategy


def test_another_strategys_file_does_not_count() -> None:
    ewc, upper = (describe_code(name, find_strategy(name)) for name in ("ewc", "upper"))
    assert ewc["sha256"] != upper["sha256"]
    assert "cl_anomaly/strategies/upper.py" in upper["files"]
    assert "cl_anomaly/models/shared/fisher.py" not in upper["files"]


MINE = """
from cl_anomaly.strategies import Strategy
from helping import share


class Mine(Strategy):
    amount = share
"""


def _mine(folder: Path, name: str = "mine", source: str = MINE, helping: str = "share = 5") -> Any:
    folder.mkdir(parents=True)
    (folder / f"{name}.py").write_text(source)
    (folder / "helping.py").write_text(helping)
    strategy = f"{folder / name}.py:Mine"
    sys.modules.pop("helping", None)
    return describe_code(strategy, find_strategy(strategy))


def test_a_file_counts_by_its_content_and_what_it_imports_beside_it(tmp_path: Path) -> None:
    own = _mine(tmp_path / "a")
    assert {"strategy.py", "./helping.py"} <= own["files"].keys()
    assert str(tmp_path) not in str(own), "no paths of this machine"
    assert _mine(tmp_path / "b", name="other") == own
    assert _mine(tmp_path / "c", source=f"# mine\n{MINE}")["sha256"] == own["sha256"]
    assert _mine(tmp_path / "d", source=MINE + "    x = 1\n")["sha256"] != own["sha256"]
    assert _mine(tmp_path / "e", helping="share = 6")["sha256"] != own["sha256"]


def test_base_classes_count(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from importlib import import_module\n\n\n"
        "class Mine(import_module('cl_anomaly.strategies.ewc').EWC):\n    pass\n"
    )
    strategy = f"{tmp_path / 'mine.py'}:Mine"
    assert (
        "cl_anomaly/strategies/ewc.py" in describe_code(strategy, find_strategy(strategy))["files"]
    )


def _install(folder: Path, monkeypatch: pytest.MonkeyPatch, share: int, number: str) -> None:
    about, package = folder / "theirs-1.0.dist-info", folder / "theirs_package"
    about.mkdir(parents=True)
    package.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: theirs\nVersion: {number}\n")
    (about / "RECORD").write_text("theirs_package/__init__.py,,\n")
    (about / "entry_points.txt").write_text(
        "[cl_anomaly.strategies]\ntheirs = theirs_package:Theirs"
    )
    (package / "__init__.py").write_text("from .inner import Theirs\n")
    (package / "inner.py").write_text(
        "from cl_anomaly.strategies import Strategy\nfrom theirs_package import shares\n\n\n"
        "class Theirs(Strategy):\n    amount = shares.SHARE\n"
    )
    (package / "shares.py").write_text(f"SHARE = {share}\n")
    (package / "unused.py").write_text("")
    for name in [name for name in sys.modules if name.startswith("theirs_package")]:
        monkeypatch.delitem(sys.modules, name)
    code._folder_of.cache_clear()
    monkeypatch.syspath_prepend(str(folder))


def test_an_installed_package_counts_with_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = []
    for place, (share, number) in enumerate([(5, "1.0"), (5, "1.0"), (6, "1.0"), (5, "1.1")]):
        _install(tmp_path / str(place), monkeypatch, share, number)
        codes.append(describe_code("theirs", find_strategy("theirs")))
    one, same, other_source, other_version = codes
    theirs = {name for name in one["files"] if name.startswith("theirs")}
    assert theirs == {f"theirs_package/{name}.py" for name in ("__init__", "inner", "shares")}
    assert one["packages"] == {"theirs": "1.0"}
    assert one == same
    assert len({own["sha256"] for own in (one, other_source, other_version)}) == 3
    # What is recorded is found again without importing it: the last is the one that is there.
    for name in [name for name in sys.modules if name.startswith("theirs_package")]:
        monkeypatch.delitem(sys.modules, name)
    assert changes(other_version, "theirs") == []
    assert changes(one, "theirs") == ["theirs was 1.0, and is 1.1"]
    assert "theirs_package/shares.py differs" in changes(other_source, "theirs")
    assert "theirs_package" not in sys.modules
    code._folder_of.cache_clear()


def test_changes_are_named(tmp_path: Path) -> None:
    own = _mine(tmp_path / "a")
    strategy = f"{tmp_path / 'a' / 'mine.py'}:Mine"
    assert changes(own, strategy) == []
    (tmp_path / "a" / "mine.py").write_text(MINE + "    x = 1\n")
    assert changes(own, strategy) == ["mine.py differs"]
    (tmp_path / "a" / "mine.py").unlink()
    assert changes(own, strategy) == ["mine.py is gone"]
    files = own["files"] | {"cl_anomaly/runs/run.py": "0" * 64}
    assert changes(own | {"files": files}, strategy)[0] == "cl_anomaly/runs/run.py differs"
    packages = {"numpy": "0.1", "no-such-package": "1"}
    assert changes(own | {"files": {}, "packages": packages}, strategy) == [
        f"numpy was 0.1, and is {version('numpy')}",
        "no-such-package was 1, and is gone",
    ]


def test_a_record_that_anybody_may_have_written_leads_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "evil").mkdir()
    (tmp_path / "evil" / "__init__.py").write_text("raise AssertionError('imported')")
    (tmp_path / "mine.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    read: list[Path] = []
    monkeypatch.setattr(code, "_content", lambda path: read.append(path) or b"")
    names = ["/dev/zero", "./../x", "../../etc/passwd", "evil.inner/x.py", "cl_anomaly/../../x", ""]
    record = {"files": dict.fromkeys(names, "0" * 64), "packages": {}}
    assert changes(record, f"{tmp_path / 'mine.py'}:Mine") == [f"{name} is gone" for name in names]
    assert not read


@pytest.mark.parametrize(
    "recorded",
    [
        None,
        3,
        {},
        {"sha256": 3},
        {"sha256": "a", "files": 3, "packages": {}},
        {"sha256": "a", "files": {"a": 3}, "packages": {}},
        {"sha256": "a", "files": {}},
    ],
)
def test_a_record_that_is_none_is_none(recorded: Any) -> None:
    assert recorded_code({"code": recorded}) is None


def test_a_file_is_run_once_for_each_content(tmp_path: Path) -> None:
    file, ran = tmp_path / "mine.py", tmp_path / "ran"
    source = (
        f"with open({str(ran)!r}, 'a') as file:\n    file.write('x')\n\n\nclass Mine:\n    n = 1\n"
    )
    file.write_text(source)
    classes = {load_class(file, "Mine") for _ in range(3)} | {load_class(file, "Mine")}
    assert len(classes) == 1 and ran.read_text() == "x"
    file.write_text(source.replace("n = 1", "n = 2"))
    assert load_class(file, "Mine").n == 2 and ran.read_text() == "xx"
    twin = tmp_path / "twin" / "mine.py"
    twin.parent.mkdir()
    twin.write_text(source)
    assert load_class(twin, "Mine") not in classes


def test_what_runs_is_what_was_read(tmp_path: Path) -> None:
    # Python takes the compiled file where time and length agree, as after a quick edit.

    file = tmp_path / "mine.py"
    file.write_text("class Mine:\n    n = 1\n")
    py_compile.compile(str(file), importlib.util.cache_from_source(str(file)))
    stamp = file.stat()
    file.write_text("class Mine:\n    n = 2\n")
    os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert load_class(file, "Mine").n == 2
