"""List a folder of results from its small files, without PyTorch."""

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

from cl_anomaly.core.json_files import read_json_or_empty
from cl_anomaly.settings.catalogue import names_of, options_by_name
from cl_anomaly.settings.options import Option
from cl_anomaly.settings.run_config import settings_of_a_run
from cl_anomaly.store.config_files import runs_of
from cl_anomaly.store.provenance import CodeChanges, finished_at
from cl_anomaly.store.status import (
    CONFIG_FILE,
    RUNS_FILE,
    STATUS_FILE,
    SUITE_FILE,
    SUMMARY_FILE,
    Status,
    find_all,
    flat_settings,
    holds_several_runs,
)

_HEADLINE, _SEVERAL = "auroc_seen", "mean"
# Settings with a column of their own, and those that distinguish no runs.
_ELSEWHERE = {"strategy", "dataset", "anomaly_class", "epochs", "seeds", "data_root"}
# Their defaults depend on the data: shown if runs on the same data differ in them.
_FROM_DATA = {"batch_size", "score", "device", "precision"}
_USUAL: dict[str, Any] = {"scenario": "class-stream"}


@dataclass(frozen=True)
class Headline:
    """The headline AUROC of a run after the last task that a replica reached.

    Attributes:
        mean: over the seeds; for several anomaly classes, of the classes' means.
        spread: standard deviation over the seeds; for several anomaly classes, half the 95 %
            interval of their mean. None for a single one.
        is_interval: whether `spread` is half an interval.
        seeds: number of replicas.
        task: after which it was measured.
        score: by which it was measured.
    """

    mean: float
    spread: float | None
    is_interval: bool
    seeds: int
    task: int
    score: str


@dataclass(frozen=True)
class Entry:
    """A run, a comparison or a suite in a list.

    Attributes:
        status: with folder, reasons and settings.
        kind: which of the three.
        date: when it was finished, or when its folder was last written to.
        code: "this", "other" or "unknown", with the first digits of its SHA-256.
        differs: settings that are not their defaults, by the names that `--where` takes.
        auroc: of a run with results.
        members: folder of each run of a comparison or a suite; None without results.
        failures: known reasons for missing results, by member.
    """

    status: Status
    kind: Literal["run", "comparison", "suite"]
    date: datetime
    code: str
    differs: dict[str, Any]
    auroc: Headline | None
    members: Mapping[str, str | None]
    failures: Mapping[str, str]

    @property
    def folder(self) -> Path:
        """Its folder."""
        return self.status.folder

    @cached_property
    def settings(self) -> Sequence[Mapping[str, Any]]:
        """Settings of its run, or of each of its runs."""
        config = self.status.config
        members = [config] if self.kind == "run" else runs_of(config).values()
        return [flat_settings(settings) for settings in members]

    def column(self, name: str) -> list[Any]:
        """Return the different values of a setting, in the order of the runs."""
        values = [settings.get(name) for settings in self.settings]
        return [value for n, value in enumerate(values) if value not in values[:n]]


def list_results(out: Path) -> list[Entry]:
    """List a folder of results, the newest last."""
    codes = CodeChanges()
    entries = [_entry(status, codes) for status in find_all(out)]
    varying = _varying_settings([entry for entry in entries if entry.kind == "run"])
    for entry in entries:
        entry.differs.update(_differing(entry, varying))
    return sorted(entries, key=lambda entry: entry.date)


def _entry(status: Status, codes: CodeChanges) -> Entry:
    folder, config = status.folder, status.config
    about = read_json_or_empty(folder / SUITE_FILE)
    several = holds_several_runs(config)
    folders = read_json_or_empty(folder / RUNS_FILE) if several else {}
    members = about.get("members", {}) if several else {}
    return Entry(
        status=status,
        kind=("suite" if about else "comparison") if several else "run",
        date=_date(status),
        code=codes.word(folder),
        differs={},
        auroc=None if several else read_headline(folder, config),
        members={name: folders.get(name) for name in config["runs"]} if several else {},
        failures={name: str(m["failure"]) for name, m in members.items() if m.get("failure")},
    )


def _date(status: Status) -> datetime:
    if status.name == "finished":
        return finished_at(status.folder)
    files = [status.folder / name for name in (STATUS_FILE, CONFIG_FILE)]
    written = [file.stat().st_mtime for file in files if file.exists()]
    last = max(written, default=status.folder.stat().st_mtime)
    return datetime.fromtimestamp(last, UTC).astimezone()


def read_headline(folder: Path, config: Mapping[str, Any]) -> Headline | None:
    """Read a run's headline AUROC from its `summary.csv`; None if missing or damaged."""
    try:
        return _headline_of((folder / SUMMARY_FILE).read_text(encoding="utf-8"), config)
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        return None


def _headline_of(summary: str, config: Mapping[str, Any]) -> Headline | None:
    lines = summary.splitlines()
    scores = config["score"]
    shown = scores[0] if isinstance(scores, list) else scores
    # Parsing other lines would take longer than all else.
    likely = [line for line in lines[1:] if f",{_HEADLINE}," in line and f",{shown}," in line]
    rows = [
        row
        for row in csv.DictReader([*lines[:1], *likely])
        if (row["metric"], row["score"]) == (_HEADLINE, shown)
    ]
    of_all = [row for row in rows if row["anomaly_class"] == _SEVERAL and row.get("low")]
    last = max(of_all or rows, key=lambda row: int(row["task"]), default=None)
    if last is None:
        return None
    mean = float(last["mean"])
    spread = float(last["high"]) - mean if of_all else _number(last["sd"])
    return Headline(mean, spread, bool(of_all), int(float(last["seeds"])), int(last["task"]), shown)


def _number(text: str) -> float | None:
    return float(text) if text and not math.isnan(float(text)) else None


def _differing(entry: Entry, varying: Mapping[str, set[str]]) -> dict[str, Any]:
    """Return a run's settings that are not their defaults, or vary on its dataset."""
    if entry.kind != "run" or not entry.status.config:
        return {}
    (settings,) = entry.settings
    owners = str(settings.get("strategy")), str(settings.get("model"))
    defaults, left_open = _defaults(*owners), _left_open(*owners)
    varying_here = varying.get(str(settings.get("dataset")), set())

    def is_shown(name: str, value: Any) -> bool:
        if name in left_open or name in _ELSEWHERE:
            return name in varying_here
        if name in defaults:
            default = defaults[name]
            return value != (list(default) if isinstance(default, tuple) else default)
        return "." in name  # an option of a class that is not built in

    return {name: value for name, value in settings.items() if is_shown(name, value)}


def _varying_settings(runs: Iterable[Entry]) -> dict[str, set[str]]:
    """Return the settings without fixed defaults in which runs on a dataset differ, by dataset."""
    values: dict[tuple[str, str], set[str]] = {}
    for run in runs:
        (settings,) = run.settings
        for name in _left_open(str(settings.get("strategy")), str(settings.get("model"))):
            if name in settings:
                key = str(settings.get("dataset")), name
                values.setdefault(key, set()).add(json.dumps(settings[name]))
    varying: dict[str, set[str]] = {}
    for (dataset, name), different in values.items():
        if len(different) > 1:
            varying.setdefault(dataset, set()).add(name)
    return varying


@cache
def _left_open(strategy: str, model: str) -> set[str]:
    """Name the settings without a default before a run is prepared."""
    options = {**_options("strategy", strategy), **_options("model", model)}
    return {*_FROM_DATA, *(name for name, option in options.items() if option.default is None)}


@cache
def _defaults(strategy: str, model: str) -> dict[str, Any]:
    """Return the defaults of settings, and of the options of a strategy and a model, by name."""
    settings = {option.name: option for option in settings_of_a_run()}
    options = settings | _options("strategy", strategy) | _options("model", model)
    return {name: option.default for name, option in options.items()} | _USUAL


def _options(owner: str, name: str) -> dict[str, Option]:
    options = options_by_name(owner, name) if name in names_of(owner) else ()
    return {f"{owner}.{option.name}": option for option in options}
