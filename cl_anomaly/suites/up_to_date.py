"""Whether a suite's folder is what the same command would write again. Imports no PyTorch.

To say so for certain, every run is prepared: its data is loaded, and its code is looked at. What a
suite was made from is written down instead, and looked at again: as long as none of it has changed,
nothing that follows from it has.
"""

import hashlib
import json
import math
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.json_files import read_json
from cl_anomaly.settings.catalogue import names_of
from cl_anomaly.store.files import (
    MANIFEST_FILE,
    DamagedError,
    check_fingerprint,
    check_sizes,
    read_sealed,
)
from cl_anomaly.suites.suite import Suite

MADE_FROM_FILE = "made_from.json"

_PACKAGE = Path(__file__).parent.parent
# The data of `digits` comes with scikit-learn; the others choose device and precision.
_PACKAGES = ("torch", "numpy", "scikit-learn")
_VARIABLES = ("CL_ANOMALY_DATA", "XDG_CACHE_HOME", "CUDA_VISIBLE_DEVICES")


def made_from(
    suite: Suite, settings: Mapping[str, Any], runs: Iterable[Path], data: Iterable[Path]
) -> dict[str, Any] | None:
    """Describe what a suite was made from, as JSON can hold it.

    Args:
        suite: all of whose runs are finished.
        settings: that took the place of those that its runs share.
        runs: the folders of its runs, and of those that its options were chosen by.
        data: the files of its datasets.

    Returns:
        None where it cannot be told whether it changes: where a strategy is not built in, whose
        file may import others, and where a run has no manifest.
    """
    manifests = {path.name: path / MANIFEST_FILE for path in runs}
    is_known = _strategies(suite) <= set(names_of("strategy"))
    if not is_known or not all(path.exists() for path in manifests.values()):
        return None
    return {
        "asked": _asked(suite, settings),
        "data": {os.path.abspath(path): _stamp(path) for path in data},
        "runs": {name: _digest(path.read_bytes()) for name, path in manifests.items()},
    }


def is_up_to_date(folder: Path, suite: Suite, settings: Mapping[str, Any]) -> bool:
    """Return whether the same command would write the same into a suite's folder.

    What is looked at: the suite and its flags, this package to the letter, the machine and the
    libraries that choose device and precision; size and date of each file of data; each run's
    manifest, to the letter, and the size of each of its files.

    Args:
        folder: the suite's, whose runs lie beside it.
        suite: that is asked for.
        settings: as in `made_from`.
    """
    try:
        own = read_sealed(folder / MANIFEST_FILE)
        check_sizes(folder, own["files"])
        check_fingerprint(folder / MADE_FROM_FILE, own["files"][MADE_FROM_FILE])
        then = read_json(folder / MADE_FROM_FILE)
        return (
            own["complete"]
            and then["asked"] == _asked(suite, settings)
            and all(_stamp(Path(path)) == stamp for path, stamp in then["data"].items())
            and all(_is_same(folder.parent / name, seal) for name, seal in then["runs"].items())
        )
    except (InputError, KeyError, TypeError, OSError, ValueError):
        return False


def _strategies(suite: Suite) -> set[str]:
    named = [own.get("strategy", suite.shared.get("strategy", "gr")) for own in suite.runs.values()]
    return {str(name) for name in [*named, *suite.each.get("strategy", [])]}


def _is_same(run: Path, seal: str) -> bool:
    content = (run / MANIFEST_FILE).read_bytes()
    if _digest(content) != seal:
        return False
    try:
        check_sizes(run, json.loads(content)["files"])
    except DamagedError:
        return False
    return True


def _stamp(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]


def _asked(suite: Suite, settings: Mapping[str, Any]) -> str:
    """Return the SHA-256 of all that says which runs there are, and of what makes them."""
    content = {
        "suite": [suite.shared, suite.runs, suite.each, suite.title, suite.pairs],
        "file": suite.file and suite.file.name,
        "tuning": suite.tuning and asdict(suite.tuning),
        "settings": dict(settings),
        "package": _package(),
        "machine": _machine(),
    }
    return _digest(json.dumps(content, default=repr).encode())


@cache
def _package() -> str:
    files = sorted(path for path in _PACKAGE.rglob("*.py"))
    parts = (f"{path.relative_to(_PACKAGE)}\0{_digest(path.read_bytes())}" for path in files)
    return _digest("\n".join(parts).encode())


def _machine() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "name": platform.node(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "graphics": sorted(path.name for path in Path("/dev").glob("nvidia*")),
        "variables": {name: os.environ.get(name) for name in _VARIABLES},
        # Paths in a suite start from here.
        "here": os.getcwd(),
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def how_many(suite: Suite, only: Iterable[str]) -> tuple[int, int]:
    """Count a suite's runs, and the candidates for its options.

    Args:
        only: methods that count; none for all.
    """
    wanted = set(only) or set(suite.runs)
    each = math.prod(len(values) for values in suite.each.values())
    grid = suite.tuning.grid if suite.tuning else {}
    tried = [len(suite.tuning.candidates(run)) for run in grid if suite.tuning and run in wanted]
    return each * len(wanted & set(suite.runs)), sum(tried)
