"""Identify the code that makes a run's numbers by a SHA-256.

It is read from the files, and nothing is imported: the modules that a run begins with, and what
these import in turn, as far as they lie where numbers are made. Comments, docstrings, blank lines
and the strings in `raise` statements are no code. This imports no PyTorch.
"""

import ast
import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Set
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cl_anomaly.settings.own_files import loaded
from cl_anomaly.settings.python_values import GivenModel
from cl_anomaly.settings.strategy_names import file_of
from cl_anomaly.store.source_text import Imports, read_source

_PACKAGE = "cl_anomaly"
# The code that makes numbers, and no other: whole rooms, and modules of other rooms. The
# `__init__.py` of a room lists what is in it, and makes none.
ROOMS = frozenset("avalanche data detector models scenarios scores strategies training".split())
MODULES = frozenset(
    "core.labels core.products core.randomness plan.assemble plan.replicas runs.measurements "
    "runs.recorded_thresholds runs.run statistics.detection statistics.forgetting "
    "statistics.thresholds statistics.transfer".split()
)
# What lies in these rooms and makes no numbers, each with the reason.
WITHOUT_NUMBERS = {
    "data.datasets": "lists the readers; the one that is used counts",
    "data.dataset_names": "reads what `--dataset` is given",
    "data.downloads": "fetches files, and data counts by its SHA-256",
    "data.files": "finds files, and data counts by its SHA-256",
    "data.loaded_once": "keeps a dataset in memory",
    "models.shared.flops": "counts operations for the cost",
    "strategies.shared.hook_names": "refuses misspelt hooks",
    "training.interfaces": "names what trains, for those that call it",
    "training.outcome": "holds times, failures and losses for a figure",
    "training.rehearsal": "tries hooks before training, and restores all that they draw",
    "training.threads": "spreads groups over threads, which changes no number",
    "training.visibility": "refuses samples that have not arrived",
}
# These choose what the configuration names: they count, but what they import only if it is chosen.
_CHOOSING = frozenset(
    f"{_PACKAGE}.{name}" for name in ("plan.assemble", "plan.replicas", "scenarios.by_replica")
)
# A run begins with these; the classes and functions that its configuration names come on top.
_ROOTS = frozenset({f"{_PACKAGE}.runs.run", f"{_PACKAGE}.scenarios.portions", *_CHOOSING})
# Their versions stand in `environment.json` as the machine's do.
_OF_THE_MACHINE = sys.stdlib_module_names | {"torch", "numpy"}

# The strategy's file, as the copy in a run's folder is called, and what lies beside it.
OWN_FILE, _BESIDE = "strategy.py", "./"
# The source of a model's class that was given in Python.
OWN_MODEL = "model.py"


def describe_code(
    strategy: str, *chosen: type | Callable[..., Any], model: str = ""
) -> dict[str, Any]:
    """Describe the code that makes a run's numbers, as JSON can hold it.

    Args:
        strategy: its name; its file, where it comes from one, counts as it was when it was loaded.
        chosen: the classes and functions that the configuration names, the strategy's first; their
            base classes count, too.
        model: its name; the source of one that was given as a class counts.

    Returns:
        `sha256` of it all; `files`, the SHA-256 of each by its name, with no path of this machine;
        `packages`, the versions of those that train.
    """
    bases = {base.__module__ for own in chosen for base in getattr(own, "__mro__", (own,))}
    file = file_of(strategy)
    own, found = loaded(strategy), _Found(file.parent if file else None)
    if own is not None:
        bases.discard(own.module.__name__)
    packages = {_top(base) for base in bases if not found.lies_beside(base)}
    packages -= {_PACKAGE, *_OF_THE_MACHINE}
    # Of a package that offers a strategy, all of its modules that this imports; of what the
    # strategy itself is built on, the version.
    found.follow(packages & {_top(base.__module__) for base in chosen[0].__mro__})  # type: ignore[union-attr]
    found.add({*_ROOTS, *bases})
    if own is not None:
        found.files[OWN_FILE], imports = _digest(own.source.encode())
        found.add(_imported(imports, "", is_package=False))
    if isinstance(model, GivenModel):
        found.files[OWN_MODEL], _ = _digest(model.source.encode())
    files, versions = dict(sorted(found.files.items())), _versions(packages)
    digest = json.dumps([files, versions], sort_keys=True)
    sha256 = hashlib.sha256(digest.encode()).hexdigest()
    return {"sha256": sha256, "files": files, "packages": versions}


def recorded_code(environment: dict[str, Any]) -> dict[str, Any] | None:
    """Return the code that a run's `environment.json` names; None where it names no whole one."""
    code = environment.get("code")
    if not isinstance(code, dict) or not isinstance(code.get("sha256"), str):
        return None
    for part in ("files", "packages"):
        values = code.get(part)
        if not isinstance(values, dict) or not all(isinstance(v, str) for v in values.values()):
            return None
    return code


def changes(code: dict[str, Any], strategy: str) -> list[str]:
    """State how the code that a run recorded differs from what there is now; nothing is imported.

    Args:
        code: as `describe_code` gave it.
        strategy: the run's.
    """
    own, said = file_of(strategy), []
    for name, recorded in code["files"].items():
        current = _sha256_by_name(name, own)
        if current != recorded:
            said.append(f"{_shown(name, own)} {'differs' if current else 'is gone'}")
    for name, recorded in code["packages"].items():
        if (current := _version(name)) != recorded:
            said.append(f"{name} was {recorded}, and is {current or 'gone'}")
    return said


def _sha256_by_name(name: str, own: Path | None) -> str | None:
    path = _path_of(name, own)
    try:
        return None if path is None else _sha256_of_file(path, is_own=name == OWN_FILE)
    except OSError:
        return None


def differences_of_code(there: dict[str, Any], here: dict[str, Any], strategy: str) -> list[str]:
    """Describe how two descriptions of code differ; `strategy` is the name of the one here."""
    pairs = [(there[part], here[part]) for part in ("files", "packages")]
    return [
        f"{_shown(name, file_of(strategy))} differs"
        for one, other in pairs
        for name in sorted({*one, *other})
        if one.get(name) != other.get(name)
    ]


def _shown(name: str, own: Path | None) -> str:
    return own.name if own and name == OWN_FILE else name


def in_short(said: list[str]) -> str:
    """Describe the first few of such differences, and how many more there are."""
    more = [f"{len(said) - 3} more"] if len(said) > 3 else []
    return ", ".join([*said[:3], *more])


class _Found:
    """Files of modules, with those that they import: in this package, beside a file, in others.

    Args:
        beside: folder of the strategy's file, where it comes from one.

    Attributes:
        files: SHA-256 by name.
    """

    def __init__(self, beside: Path | None) -> None:
        self.files: dict[str, str] = {}
        self._beside, self._packages, self._seen = beside, frozenset({_PACKAGE}), {_PACKAGE}

    def follow(self, packages: Set[str]) -> None:
        """Look into these packages, too."""
        self._packages |= packages

    def add(self, modules: Iterable[str]) -> None:
        """Add modules, those that they import, and the packages that these are in."""
        waiting = list(modules)
        while waiting:
            if (module := waiting.pop()) in self._seen or not _may_make_numbers(module):
                continue
            self._seen.add(module)
            if package := module.rpartition(".")[0]:
                waiting.append(package)
            if (located := self._locate(module)) is not None:
                name, path = located
                self.files[name], imports = _digest(_content(path))
                if module not in _CHOOSING:
                    waiting += _imported(imports, module, path.name == "__init__.py")

    def lies_beside(self, module: str) -> bool:
        """Return whether a module is one that lies beside the strategy's file."""
        located = self._locate(module)
        return located is not None and located[0].startswith(_BESIDE)

    def _locate(self, module: str) -> tuple[str, Path] | None:
        place, folders = module.replace(".", "/"), []
        if self._beside is not None and _top(module) != _PACKAGE:
            folders.append((_BESIDE, self._beside))
        if _top(module) in self._packages and (folder := _folder_of(_top(module))):
            folders.append(("", folder))
        for prefix, folder in folders:
            for name in (f"{place}.py", f"{place}/__init__.py"):
                if (folder / name).is_file():
                    return f"{prefix}{name}", folder / name
        return None


def _may_make_numbers(module: str) -> bool:
    package, _, name = module.partition(".")
    if package != _PACKAGE:
        return True
    in_room = "." in name and _top(name) in ROOMS and name not in WITHOUT_NUMBERS
    return in_room or name in MODULES


def _top(module: str) -> str:
    return module.partition(".")[0]


def _path_of(name: str, own: Path | None) -> Path | None:
    """Find a file by the name that it has in a run's record, which anybody may have written."""
    if name == OWN_FILE:
        path = own
    elif ".." in name.split("/") or name.startswith("/"):
        path = None
    elif name.startswith(_BESIDE):
        path = None if own is None else own.parent / name
    else:
        folder = _folder_of(name.partition("/")[0].removesuffix(".py"))
        path = None if folder is None else folder / name
    return path if path is not None and path.is_file() else None


@cache
def _folder_of(top: str) -> Path | None:
    """Find the folder that a package, or a module of its own, lies in."""
    if top == _PACKAGE:
        return Path(__file__).parents[2]
    if not top.isidentifier():  # of what has a dot, `find_spec` would import the first part
        return None
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    places = list(spec.submodule_search_locations or []) or [spec.origin]
    return Path(places[0]).parent if places[0] else None


def _imported(imports: Imports, module: str, is_package: bool) -> Iterator[str]:
    """Yield the modules that a file imports, and what may be one."""
    parts = module.split(".") if is_package else module.split(".")[:-1]
    for node in imports:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        else:
            package = parts[: len(parts) - node.level + 1] if node.level else []
            base = ".".join([*package, *filter(None, [node.module])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _sha256_of_file(path: Path, is_own: bool = False) -> str:
    # What has been imported stays as it was in a process; a strategy's file is read anew.
    return _digest(path.read_bytes() if is_own else _content(path))[0]


@cache
def _content(path: Path) -> bytes:
    return path.read_bytes()


@cache
def _digest(content: bytes) -> tuple[str, Imports]:
    code, imports = read_source(content)
    return hashlib.sha256(code).hexdigest(), imports


def _versions(packages: Set[str]) -> dict[str, str]:
    """Return the versions of the packages that modules come from, by the packages' names."""
    names = packages_distributions() if packages else {}
    found = {name for package in packages for name in names.get(package, [])}
    return {name: version(name) for name in sorted(found)}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
