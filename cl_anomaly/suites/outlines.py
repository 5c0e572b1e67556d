"""The runs of a suite, planned, and what its folder was made from. This imports no PyTorch."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cl_anomaly.core.errors import InputError, within
from cl_anomaly.core.json_files import read_json
from cl_anomaly.plan.outline import Outline, kept_outline, outline_of, package_sha256
from cl_anomaly.runs.finished import seal_of
from cl_anomaly.store.files import MANIFEST_FILE, check_sizes, read_sealed
from cl_anomaly.store.status import SUITE_FILE
from cl_anomaly.suites.suite import Suite, SuiteRun


def outlines_of(suite: Suite, members: Mapping[str, SuiteRun]) -> dict[str, Outline]:
    """Plan runs, so that what is wrong with one is known before any begins.

    Raises:
        InputError: names the run that is at fault; nothing has been loaded if its settings are.
        RunError: there is not enough memory for one.
    """
    found = {key: kept_outline(own.config) for key, own in members.items()}
    new = {key: suite.specified(members[key]) for key, own in found.items() if own is None}
    for key, specification in new.items():
        with within(f"Run {key!r}"):
            found[key] = outline_of(members[key].config, specification)
    return {key: own for key, own in found.items() if own is not None}


def check_settings(suite: Suite, members: Iterable[SuiteRun]) -> None:
    """Check names and options of runs that have not been planned before; nothing is loaded.

    Raises:
        InputError: names the run that is at fault.
    """
    for member in members:
        if kept_outline(member.config) is None:
            suite.specified(member)


@dataclass(frozen=True)
class Origin:
    """The inputs of a suite's folder; while they stay the same, so does its content.

    Attributes:
        asked: the SHA-256 of the suite, of its runs' settings, data and code, and of this package.
        runs: the SHA-256 of the manifest of each run, by its folder's name.
        failures: why runs have no results, or which of their replicas have none.
    """

    asked: str = ""
    runs: dict[str, str | None] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def content(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)


def what_is_asked(suite: Suite, outlines: Mapping[str, Outline]) -> str:
    """Return the SHA-256 of a suite, of its runs before options are chosen, and of this package."""
    content = {
        "suite": [suite.title, suite.file and suite.file.name, suite.each, suite.pairs],
        "tuning": suite.tuning and asdict(suite.tuning),
        "runs": {key: own.folder for key, own in outlines.items()},
        "package": package_sha256(),
    }
    return hashlib.sha256(json.dumps(content, default=repr).encode()).hexdigest()


def seals_of(folders: Iterable[Path]) -> dict[str, str | None]:
    """Return the SHA-256 of the manifest of each run, by its folder's name."""
    return {folder.name: seal_of(folder) for folder in folders}


def recorded_origin(folder: Path) -> Origin:
    """Return what a suite's folder was made from, as far as it says so and its files are whole."""
    try:
        manifest = read_sealed(folder / MANIFEST_FILE)
        check_sizes(folder, manifest["files"])
        return Origin(**read_json(folder / SUITE_FILE)["made_from"])
    except (InputError, KeyError, TypeError, OSError):
        return Origin()
