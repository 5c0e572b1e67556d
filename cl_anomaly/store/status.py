"""Runs on disk, and how they are doing. Reading this imports no PyTorch."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.json_files import read_json, write_json
from cl_anomaly.core.labels import Label
from cl_anomaly.settings.run_config import fingerprint
from cl_anomaly.settings.strategy_names import file_of, with_file
from cl_anomaly.store.checkpoints import last_position
from cl_anomaly.store.config_files import read_configuration
from cl_anomaly.store.files import (
    MANIFEST_FILE,
    DamagedError,
    check_sizes,
    is_complete,
    is_locked,
    read_sealed,
    replacing,
)
from cl_anomaly.store.fingerprint import recorded_code

CONFIG_FILE = "config.json"
ENVIRONMENT_FILE = "environment.json"
METRICS_FILE = "metrics.csv"
STATUS_FILE = "status.json"
TIMING_FILE = "timing.json"
SUMMARY_FILE = "summary.csv"
COST_FILE = "cost.json"
COST_TABLE, TABLE_FILE, PAIRS_FILE = "cost.csv", "table.csv", "pairs.csv"
TESTS_FILE = "tests.json"
SCORES_FILE, PICTURES_FILE, LOSSES_FILE = "scores.npz", "pictures.npz", "losses.csv"
THRESHOLDS_FILE, FALSE_POSITIVE_RATES_FILE = "thresholds.csv", "false_positive_rates.csv"
FIGURE_NAME = "auroc_per_task"
RUNS_FILE, SUITE_FILE = "runs.json", "suite.json"
CHECKPOINTS_FOLDER = "checkpoints"
PAGE_FILE = "report.html"
TRACKED_FILE = ".tracked.json"
"""By which trackers find a run again that is resumed."""

StatusName = Literal["finished", "running", "interrupted", "failed", "damaged"]


@dataclass(frozen=True)
class Status:
    """How a run is doing, or a comparison of several.

    Attributes:
        folder: the run's.
        name: of its status.
        why: it failed or is damaged, or how far it is; a sentence for each replica that failed.
        config: its configuration.
    """

    folder: Path
    name: StatusName
    why: list[str]
    config: dict[str, Any]


@dataclass(frozen=True)
class Failure:
    """A replica that cannot go on.

    Attributes:
        seed: of the replica.
        task: in which it failed, from 1.
        step: after which training step of the task, from 1; None where its scores failed.
        what: was not a finite number.
        anomaly_class: of the replica, where the run has several.
    """

    seed: int
    task: int
    step: int | None
    what: str
    anomaly_class: Label | None = None

    def __str__(self) -> str:
        """Describe it in a sentence."""
        place = f"after step {self.step}" if self.step else "at its end"
        of_class = "" if self.anomaly_class is None else f", anomaly class {self.anomaly_class}"
        return (
            f"seed {self.seed}{of_class} failed in task {self.task}, {place}: {self.what} was not "
            f"a finite number. Try a lower learning rate, or float32."
        )


def find_runs(out: Path) -> list[Status]:
    """Look at all runs in a folder, those that were begun last at the end."""
    return [status for status in find_all(out) if not holds_several_runs(status.config)]


def holds_several_runs(config: Mapping[str, Any]) -> bool:
    """Return whether a configuration is that of a comparison or a suite, which names its runs."""
    return isinstance(config.get("runs"), dict)


def find_all(out: Path) -> list[Status]:
    """Look at all runs, comparisons and suites in a folder; see `find_runs`."""
    files = (CONFIG_FILE, MANIFEST_FILE)
    folders = {path.parent for file in files for path in out.glob(f"*/{file}")}
    return [status_of(f) for f in sorted(folders, key=lambda f: f.stat().st_ctime)]


def status_of(folder: Path) -> Status:
    """Look at a run's folder.

    Raises:
        InputError: it is none.
    """
    try:
        config = read_configuration(folder / CONFIG_FILE)
    except InputError as error:
        if (folder / MANIFEST_FILE).exists():
            return Status(folder, "damaged", [str(error)], {})
        raise
    try:
        if _is_whole(folder):
            return Status(folder, *_written(folder, "finished"), config)
    except DamagedError as error:
        return Status(folder, "damaged", [str(error)], config)
    position = last_position(folder / CHECKPOINTS_FOLDER)
    where = f"task {position['task']} of {position['tasks']}" if position else "at its beginning"
    if is_locked(folder):
        return Status(folder, "running", [where], config)
    name, why = _written(folder, "interrupted")
    if name == "failed":
        return Status(folder, name, why, config)
    # It may say "finished": killed when its results were there, and the manifest was not.
    return Status(folder, "interrupted", [where], config)


def is_finished(folder: Path) -> bool:
    """Return whether a run has all its results; published ones may come without a manifest.

    Raises:
        DamagedError: its manifest is not what was written.
    """
    published = not (folder / MANIFEST_FILE).exists() and (folder / METRICS_FILE).exists()
    return published or is_complete(folder)


def _is_whole(folder: Path) -> bool:
    """Describe the same as `is_finished`, and look whether every file is as long as it was."""
    if not (folder / MANIFEST_FILE).exists():
        return is_finished(folder)
    manifest = read_sealed(folder / MANIFEST_FILE)
    if manifest["complete"]:
        check_sizes(folder, manifest["files"])
    return bool(manifest["complete"])


def write_status(
    folder: Path,
    name: StatusName,
    why: list[str],
    traceback: str | None = None,
    failures: Sequence[dict[str, Any]] = (),
    notes: Sequence[str] = (),
) -> None:
    """Write down how a run is doing, for `status_of`; the traceback is for whoever mends it.

    Raises:
        RunError: it could not be written.
    """
    more: dict[str, Any] = {"traceback": traceback} if traceback else {}
    if failures:
        more["failures"] = list(failures)
    if notes:
        more["notes"] = list(notes)
    with replacing(folder / STATUS_FILE) as partial:
        write_json(partial, {"status": name, "why": why} | more)


def recorded_failures(folder: Path) -> list[dict[str, Any]]:
    """Return the replicas' failures as a run wrote them down."""
    return _recorded(folder, "failures")


def recorded_notes(folder: Path) -> list[str]:
    """Return the sentences that a run wrote down about what came of its tasks."""
    return _recorded(folder, "notes")


def _recorded(folder: Path, name: str) -> list[Any]:
    path = folder / STATUS_FILE
    return read_json(path).get(name, []) if path.exists() else []


def _written(folder: Path, otherwise: StatusName) -> tuple[StatusName, list[str]]:
    try:
        content = read_json(folder / STATUS_FILE)
        name, why = content["status"], content["why"]
    except (InputError, KeyError):
        return otherwise, []
    # Of a process that was killed, what it wrote last is not true any more.
    return (otherwise, []) if name == "running" else (name, why)


def identity(config: dict[str, Any], environment: dict[str, Any]) -> dict[str, Any]:
    """Return everything that results depend on, from a run's configuration and environment.

    Where a file lies is no part of it: data and code count by their content.
    """
    own = {name: value for name, value in config.items() if name != "data_root"}
    if isinstance(strategy := own.get("strategy"), str) and file_of(strategy):
        own["strategy"] = with_file(strategy, None)
    if isinstance(dataset := own.get("dataset"), str):
        own["dataset"] = Path(dataset).name
    own["data_sha256"] = environment.get("data_sha256")
    code = recorded_code(environment)
    return own | {"code": code and code["sha256"]}


def fingerprint_of(config: dict[str, Any], environment: dict[str, Any]) -> str:
    """Return eight hexadecimal digits that name everything which a run's results depend on."""
    return fingerprint(identity(config, environment))


def differences(there: dict[str, Any], here: dict[str, Any]) -> list[str]:
    """Describe in what two identities, or two sets of these by name, differ."""
    # As JSON holds it, where a tuple is a list.
    one, other = (flat_settings(json.loads(json.dumps(own))) for own in (there, here))
    names = [name for name in {**one, **other} if one.get(name) != other.get(name)]
    return [
        f"{_IN_WORDS.get(name, name)} is {_said(one, name)} there and {_said(other, name)} here"
        for name in names
    ]


_IN_WORDS = {"data_sha256": "the data's SHA-256"}


def flat_settings(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return settings by name, and options as strategy.lam and model.beta.

    Args:
        settings: as JSON holds them.
        prefix: before each name.
    """
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        path = f"{prefix}{name.removesuffix('_options')}"
        flat |= flat_settings(value, f"{path}.") if isinstance(value, dict) else {path: value}
    return flat


def _said(identity: dict[str, Any], name: str) -> str:
    value = identity.get(name)
    return "not set" if value is None else str(value)
