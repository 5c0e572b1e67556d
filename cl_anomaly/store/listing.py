"""What there is in a folder of results, told apart: read from small files, without PyTorch."""

import csv
import io
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
from cl_anomaly.store.provenance import CodeWords, finished_at
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
# These have a column of their own, or are no setting that could tell runs apart.
_ELSEWHERE = {"strategy", "dataset", "anomaly_class", "epochs", "seeds", "data_root"}
# Their defaults are found while a run is prepared: told where runs on the same data differ.
_FOUND_LATER = {"batch_size", "score", "device", "precision"}
_USUAL: dict[str, Any] = {"scenario": "class-stream"}


@dataclass(frozen=True)
class Headline:
    """The headline AUROC of a run, after the last task that one of its replicas came to.

    Attributes:
        mean: over the seeds; of several anomaly classes, of the classes' means.
        spread: standard deviation over the seeds; of several anomaly classes, half the 95 %
            interval of their mean. None of one alone.
        is_interval: which of these two `spread` is.
        seeds: how many replicas it is of.
        task: after which.
        score: by which.
    """

    mean: float
    spread: float | None
    is_interval: bool
    seeds: int
    task: int
    score: str


@dataclass(frozen=True)
class Listed:
    """A run, a comparison or a suite, as it stands in a list.

    Attributes:
        status: with folder, reasons and settings.
        kind: which of the three.
        date: when it was finished, or, before that, when its folder was last written to.
        code: "this", "other" or "unknown", with the first digits of its SHA-256.
        differs: settings that are not their defaults, by the names that `--where` takes.
        auroc: None where there is no result, or of several.
        members: of a comparison or a suite, the folder of each run by its name; None where it has
            no results.
        failures: of such members, why they have none, where that is known.
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
        """Where it lies."""
        return self.status.folder

    @cached_property
    def settings(self) -> Sequence[Mapping[str, Any]]:
        """The settings of each run that it is of, by name."""
        config = self.status.config
        members = [config] if self.kind == "run" else runs_of(config).values()
        return [flat_settings(settings) for settings in members]

    def column(self, name: str) -> list[Any]:
        """Return the different values of a setting, in the order of the runs."""
        found = [own.get(name) for own in self.settings]
        return [value for n, value in enumerate(found) if value not in found[:n]]


def list_results(out: Path) -> list[Listed]:
    """Look at all that lies in a folder of results; what is newest stands last."""
    codes = CodeWords()
    found = [_listed(status, codes) for status in find_all(out)]
    apart = _that_differ([own for own in found if own.kind == "run"])
    for own in found:
        own.differs.update(_differing(own, apart))
    return sorted(found, key=lambda own: own.date)


def _listed(status: Status, codes: CodeWords) -> Listed:
    folder, config = status.folder, status.config
    about = read_json_or_empty(folder / SUITE_FILE)
    several = holds_several_runs(config)
    folders = read_json_or_empty(folder / RUNS_FILE) if several else {}
    told = {name: own for name, own in about.get("members", {}).items() if several}
    return Listed(
        status=status,
        kind=("suite" if about else "comparison") if several else "run",
        date=_date(status),
        code=codes.of(folder),
        differs={},
        auroc=None if several else read_headline(folder, config),
        members={name: folders.get(name) for name in config["runs"]} if several else {},
        failures={name: str(own["failure"]) for name, own in told.items() if own.get("failure")},
    )


def _date(status: Status) -> datetime:
    if status.name == "finished":
        return finished_at(status.folder)
    files = [status.folder / name for name in (STATUS_FILE, CONFIG_FILE)]
    written = [file.stat().st_mtime for file in files if file.exists()]
    last = max(written, default=status.folder.stat().st_mtime)
    return datetime.fromtimestamp(last, UTC).astimezone()


def read_headline(folder: Path, config: Mapping[str, Any]) -> Headline | None:
    """Read a run's headline AUROC from its `summary.csv`; None where it has none, or is damaged."""
    try:
        return _headline_of((folder / SUMMARY_FILE).read_text(encoding="utf-8"), config)
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        return None


def _headline_of(summary: str, config: Mapping[str, Any]) -> Headline | None:
    lines = summary.splitlines()
    scores = config["score"]
    shown = scores[0] if isinstance(scores, list) else scores
    wanted = [line for line in lines[1:] if f",{_HEADLINE}," in line and f",{shown}," in line]
    rows = list(csv.DictReader(io.StringIO("\n".join([*lines[:1], *wanted]))))
    rows = [row for row in rows if (row["metric"], row["score"]) == (_HEADLINE, shown)]
    of_all = [row for row in rows if row["anomaly_class"] == _SEVERAL and row.get("low")]
    last = max(of_all or rows, key=lambda row: int(row["task"]), default=None)
    if last is None:
        return None
    mean = float(last["mean"])
    spread = float(last["high"]) - mean if of_all else _number(last["sd"])
    return Headline(mean, spread, bool(of_all), int(float(last["seeds"])), int(last["task"]), shown)


def _number(text: str) -> float | None:
    return float(text) if text and not math.isnan(float(text)) else None


def _differing(own: Listed, apart: Mapping[str, set[str]]) -> dict[str, Any]:
    """Return the settings of a run that are not their defaults, or that tell it from others.

    Args:
        own: the run.
        apart: by dataset, the settings in which runs on it differ whose defaults are found later.
    """
    if own.kind != "run" or not own.status.config:
        return {}
    (settings,) = own.settings
    owners = str(settings.get("strategy")), str(settings.get("model"))
    defaults, left_open = _defaults(*owners), _left_open(*owners)
    later = apart.get(str(settings.get("dataset")), set())

    def is_told(name: str, value: Any) -> bool:
        if name in left_open or name in _ELSEWHERE:
            return name in later
        if name in defaults:
            default = defaults[name]
            return value != (list(default) if isinstance(default, tuple) else default)
        return "." in name  # an option of what is not built in

    return {name: value for name, value in settings.items() if is_told(name, value)}


def _that_differ(runs: Iterable[Listed]) -> dict[str, set[str]]:
    values: dict[tuple[str, str], set[str]] = {}
    for own in runs:
        (settings,) = own.settings
        for name in _left_open(str(settings.get("strategy")), str(settings.get("model"))):
            if name in settings:
                key = str(settings.get("dataset")), name
                values.setdefault(key, set()).add(json.dumps(settings[name]))
    found: dict[str, set[str]] = {}
    for (dataset, name), own in values.items():
        if len(own) > 1:
            found.setdefault(dataset, set()).add(name)
    return found


@cache
def _left_open(strategy: str, model: str) -> set[str]:
    """Name what has no default before a run is prepared."""
    options = {**_options("strategy", strategy), **_options("model", model)}
    return {*_FOUND_LATER, *(name for name, own in options.items() if own.default is None)}


@cache
def _defaults(strategy: str, model: str) -> dict[str, Any]:
    """Return the defaults of settings, and of the options of a strategy and a model, by name."""
    own = {option.name: option.default for option in settings_of_a_run()}
    options = {**_options("strategy", strategy), **_options("model", model)}
    return own | {name: option.default for name, option in options.items()} | _USUAL


def _options(owner: str, name: str) -> dict[str, Option]:
    options = options_by_name(owner, name) if name in names_of(owner) else ()
    return {f"{owner}.{option.name}": option for option in options}
