"""Runs on disk and their status. Imports no PyTorch."""

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
COSTS = ("seconds", "steps", "operations", "bytes", "stores_samples")
"""Costs of a method for one replica, as tables show them."""
TESTS_FILE = "tests.json"
SCORES_FILE, PICTURES_FILE, LOSSES_FILE = "scores.npz", "pictures.npz", "losses.csv"
THRESHOLDS_FILE, FALSE_POSITIVE_RATES_FILE = "thresholds.csv", "false_positive_rates.csv"
FIGURE_NAME = "auroc_per_task"
RUNS_FILE, SUITE_FILE = "runs.json", "suite.json"
CHECKPOINTS_FOLDER = "checkpoints"
PAGE_FILE = "report.html"
TRACKED_FILE = ".tracked.json"
"""Lets trackers find a resumed run again."""

StatusName = Literal["finished", "running", "interrupted", "failed", "damaged"]


@dataclass(frozen=True)
class Status:
    """Status of a run, a comparison or a suite.

    Attributes:
        folder: whose status it is.
        name: of the status.
        why: reasons for a failure or damage, with a sentence for each failed replica; or progress.
        config: its configuration.
    """

    folder: Path
    name: StatusName
    why: list[str]
    config: dict[str, Any]


@dataclass(frozen=True)
class Failure:
    """A failed replica.

    Attributes:
        seed: of the replica.
        task: in which it failed, from 1.
        step: training step of the task after which it failed, from 1; None if its scores failed.
        what: quantity that was not finite.
        anomaly_class: of the replica, if the run has several.
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
    """Return the runs in a folder, the latest last."""
    return [status for status in find_all(out) if not holds_several_runs(status.config)]


def holds_several_runs(config: Mapping[str, Any]) -> bool:
    """Return whether a configuration names runs, as those of comparisons and suites do."""
    return isinstance(config.get("runs"), dict)


def find_all(out: Path) -> list[Status]:
    """Return the runs, comparisons and suites in a folder, the latest last."""
    files = (CONFIG_FILE, MANIFEST_FILE)
    folders = {path.parent for file in files for path in out.glob(f"*/{file}")}
    return [status_of(f) for f in sorted(folders, key=lambda f: f.stat().st_ctime)]


def status_of(folder: Path) -> Status:
    """Return the status of a folder.

    Raises:
        InputError: it is no run, comparison or suite.
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
    # The file says "finished" if it was killed between its results and the manifest.
    return Status(folder, "interrupted", [where], config)


def is_finished(folder: Path) -> bool:
    """Return whether a run has all results; published ones may lack a manifest.

    Raises:
        DamagedError: its manifest is not what was written.
    """
    published = not (folder / MANIFEST_FILE).exists() and (folder / METRICS_FILE).exists()
    return published or is_complete(folder)


def _is_whole(folder: Path) -> bool:
    """Return `is_finished`, after checking the length of every file."""
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
    """Write a run's status for `status_of`, and a traceback for developers.

    Raises:
        RunError: it could not be written.
    """
    more = {"traceback": traceback, "failures": list(failures), "notes": list(notes)}
    content = {"status": name, "why": why} | {key: value for key, value in more.items() if value}
    with replacing(folder / STATUS_FILE) as partial:
        write_json(partial, content)


def recorded(folder: Path, name: Literal["failures", "notes"]) -> list[Any]:
    """Return the failures or notes that `write_status` wrote."""
    path = folder / STATUS_FILE
    return read_json(path).get(name, []) if path.exists() else []


def _written(folder: Path, otherwise: StatusName) -> tuple[StatusName, list[str]]:
    try:
        content = read_json(folder / STATUS_FILE)
        name, why = content["status"], content["why"]
    except (InputError, KeyError):
        return otherwise, []
    # A killed process leaves "running" behind.
    return (otherwise, []) if name == "running" else (name, why)


def identity(config: dict[str, Any], environment: dict[str, Any]) -> dict[str, Any]:
    """Return everything that results depend on, from a run's configuration and environment.

    Paths are no part of it: data and code count by their content.
    """
    parts = {name: value for name, value in config.items() if name != "data_root"}
    if isinstance(strategy := parts.get("strategy"), str) and file_of(strategy):
        parts["strategy"] = with_file(strategy, None)
    if isinstance(dataset := parts.get("dataset"), str):
        parts["dataset"] = Path(dataset).name
    parts["data_sha256"] = environment.get("data_sha256")
    code = recorded_code(environment)
    return parts | {"code": code and code["sha256"]}


def fingerprint_of(config: dict[str, Any], environment: dict[str, Any]) -> str:
    """Return eight hexadecimal digits that identify a run."""
    return fingerprint(identity(config, environment))


def differences(there: dict[str, Any], here: dict[str, Any]) -> list[str]:
    """Describe how two identities, or two sets of these by name, differ."""
    # As JSON holds it, where a tuple is a list.
    one, other = (flat_settings(json.loads(json.dumps(parts))) for parts in (there, here))
    names = [name for name in {**one, **other} if one.get(name) != other.get(name)]
    return [
        f"{_IN_WORDS.get(name, name)} is {_value(one, name)} there and {_value(other, name)} here"
        for name in names
    ]


_IN_WORDS = {"data_sha256": "the data's SHA-256"}


def flat_settings(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return settings by name, and options as strategy.lam and model.beta, after a prefix."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        path = f"{prefix}{name.removesuffix('_options')}"
        flat |= flat_settings(value, f"{path}.") if isinstance(value, dict) else {path: value}
    return flat


def _value(settings: dict[str, Any], name: str) -> str:
    value = settings.get(name)
    return "not set" if value is None else str(value)
