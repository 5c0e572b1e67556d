"""What a report page shows, read from the folder of a run, a comparison or a suite."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from cl_anomaly.data.names import short_name
from cl_anomaly.errors import InputError
from cl_anomaly.evaluation.comparing import Comparison, compare_runs
from cl_anomaly.json_files import read_json
from cl_anomaly.report.page.content import OWN_SCORE, Content, Member
from cl_anomaly.report.page.detected import SampleImages
from cl_anomaly.runs.comparison import COST_TABLE, PAIRS_FILE
from cl_anomaly.runs.provenance import other_code_of
from cl_anomaly.runs.recorded_pairs import RecordedPairs, read_pairs
from cl_anomaly.runs.run_folder import COST_FILE
from cl_anomaly.runs.sample_images import sample_images_of
from cl_anomaly.storage.config_files import read_configuration
from cl_anomaly.storage.results import RunResults, read_metrics, read_results
from cl_anomaly.storage.status import (
    CONFIG_FILE,
    ENVIRONMENT_FILE,
    METRICS_FILE,
    RUNS_FILE,
    SUITE_FILE,
    SUMMARY_FILE,
    TIMING_FILE,
    Status,
    differences,
    find_runs,
    status_of,
)
from cl_anomaly.version import __version__

# Columns in which an empty cell is no number; elsewhere it is text, and a run may be called NA.
_NUMBERS = {name: [""] for name in ("mean", "sd", "low", "high")}


def read_content(folder: Path) -> Content:
    """Read all that a page shows; a member without results is on it, with what is known of why.

    Raises:
        InputError: the folder is of no run, comparison or suite, is damaged, or is not finished.
    """
    folder = folder.resolve()
    results = read_results(folder)
    config = read_configuration(folder / CONFIG_FILE)
    suite = _read_if_there(folder / SUITE_FILE)
    if "members" in suite:
        members, kind = _members_of_suite(folder, config, results, suite), "suite"
    elif "runs" in config:
        members, kind = _members(folder, config, results), "comparison"
    else:
        members, kind = [_member_of_run(folder, config, results)], "run"
    with_results = [member for member in members if member.results is not None]
    scores = {member.results.score for member in members if member.results is not None}
    own_scores = None if kind == "suite" or not results else results[0].score
    pairs = read_pairs(folder / PAIRS_FILE, results, own_scores)
    compared = {
        dataset: found
        for dataset in dict.fromkeys(member.dataset for member in members)
        if (found := _compared([m for m in with_results if m.dataset == dataset], "line", pairs))
    }
    return Content(
        kind=kind,
        title=str(suite.get("title") or folder.name),
        folder=folder.name,
        score=next(iter(scores)) if len(scores) == 1 else OWN_SCORE if scores else "",
        members=tuple(members),
        compared=compared,
        overall=_compared(with_results, "method", pairs) if len(compared) > 1 else None,
        remarks=tuple(_remarks(members, compared)),
        version=__version__,
        sample_images=_sample_images(with_results),
    )


def _sample_images(members: Sequence[Member]) -> dict[str, SampleImages]:
    """Read the test sets of members whose folders are there, each once, by their SHA-256."""
    found: dict[str, SampleImages] = {}
    for member in members:
        own = member.results
        if own is not None and member.has_folder and own.data and own.data not in found:
            found[own.data] = sample_images_of(own.config, own.data, own.folder)
    return found


def _member_of_run(folder: Path, config: dict[str, Any], results: list[RunResults]) -> Member:
    (own,) = results or [None]
    name = own.name if own else str(config["strategy"]).rpartition(":")[2]
    return _member(name, config, own, folder, {}, {}, pd.DataFrame())


def _members(folder: Path, config: dict[str, Any], results: list[RunResults]) -> list[Member]:
    """Read the members of a comparison."""
    shared = {name: value for name, value in config.items() if name != "runs"}
    by_name = {own.name: own for own in results}
    folders, costs = _read_if_there(folder / RUNS_FILE), _costs(folder / COST_TABLE)
    whole = _read_summary(folder / SUMMARY_FILE)
    beside = find_runs(folder.parent) if set(config["runs"]) - set(by_name) else []
    members = []
    for name, settings in config["runs"].items():
        own, where = shared | settings, folders.get(name)
        place = folder.parent / where if where else _place_of(own, beside)
        found = by_name.get(name)
        members.append(_member(name, own, found, place, {}, costs.get(name, {}), whole))
    return members


def _members_of_suite(
    folder: Path, config: dict[str, Any], results: list[RunResults], suite: dict[str, Any]
) -> list[Member]:
    """Read the members of a suite, whose own metrics are by method and dataset."""
    shared = {name: value for name, value in config.items() if name != "runs"}
    metrics = {own.name: own.metrics for own in results}
    folders, costs = _read_if_there(folder / RUNS_FILE), _costs(folder / COST_TABLE)
    whole = _read_summary(folder / SUMMARY_FILE)
    environments = _read_if_there(folder / ENVIRONMENT_FILE).get("runs", {})
    members = []
    for name, settings in config["runs"].items():
        own, about = shared | settings, dict(suite["members"].get(name, {}))
        method = str(about.get("method") or name)
        about["chosen"] = suite.get("chosen", {}).get(method, {})
        found, place = None, None
        if (where := folders.get(name)) is not None:
            place = folder.parent / where
            rows = metrics.get(method, pd.DataFrame())
            rows = rows[rows["dataset"] == about.get("dataset")] if len(rows) else rows
            if (place / METRICS_FILE).exists():
                rows = read_metrics(place)
            if len(rows):
                environment = environments.get(name, {})
                found = RunResults(place, name, own, environment, rows.reset_index(drop=True))
        members.append(_member(name, own, found, place, about, costs.get(name, {}), whole))
    places = [(member.method, member.dataset) for member in members]
    return [
        replace(member, line=member.method) if places.count(place) == 1 else member
        for member, place in zip(members, places, strict=True)
    ]


def _member(
    name: str,
    config: dict[str, Any],
    results: RunResults | None,
    folder: Path | None,
    about: Mapping[str, Any],
    cost: Mapping[str, Any],
    whole: pd.DataFrame,
) -> Member:
    """Put together what is known of a member.

    Args:
        name: of it.
        config: its settings.
        results: its own, where it has some.
        folder: its own, whether it is there or not; None where it never had one.
        about: what the suite says of it.
        cost: what the comparison or suite has copied of it.
        whole: what the comparison or suite has summarised.
    """
    is_there = folder is not None and (folder / CONFIG_FILE).exists()
    place = folder if folder is not None and is_there else None
    method = str(about.get("method") or name)
    dataset = results.dataset if results else short_name(str(config.get("dataset")))
    dataset = str(about.get("dataset") or dataset)
    return Member(
        name=name,
        line=name,
        method=method,
        dataset=dataset,
        config=config,
        results=results,
        summary=_summary(results, place, whole, {name, method}, dataset),
        cost=(_read_if_there(place / COST_FILE) if place else {}) or cost,
        has_folder=is_there,
        problems=tuple(_problems(results, place, about.get("failure"))),
        code=other_code_of(place) if place else None,
        chosen=about.get("chosen") or {},
        finished=_finished(place) if place else "",
    )


def _problems(results: RunResults | None, folder: Path | None, failure: str | None) -> list[str]:
    if failure:
        return failure.splitlines()
    if folder is None:
        gone = "Its folder is not there: no pictures, false-positive rates or failures are known."
        return [gone if results is not None else "It has no results, and no folder is there."]
    status = status_of(folder)
    if results is not None:
        return status.why if status.name in ("failed", "damaged") else []
    return [f"It has no results: {status.name}.", *status.why]


def _place_of(config: dict[str, Any], beside: Sequence[Status]) -> Path | None:
    """Look for the folder of a run that gave nothing: the last of the same settings."""
    for status in reversed(beside):
        known = status.config.keys() & config.keys()
        one, other = ({k: own[k] for k in known} for own in (status.config, config))
        if known and not differences(one, other):
            return status.folder
    return None


def _compared(
    members: Sequence[Member], called: str, pairs: RecordedPairs | None
) -> Comparison | None:
    """Compare members by their lines or by their methods, each by the score that it shows.

    Args:
        members: with results.
        called: what they are called by.
        pairs: that were recorded, which are not computed again where they are of the same values.

    Returns:
        None where nothing can be compared.
    """
    tables = []
    for member in members:
        if (own := member.results) is not None:
            shown = own.metrics[own.metrics["score"] == own.score]
            names = {"run": getattr(member, called), "dataset": member.dataset}
            tables.append(shown.assign(**names, score=OWN_SCORE))
    if not tables:
        return None
    metrics = pd.concat(tables, ignore_index=True)
    try:
        known = pairs.of(metrics, OWN_SCORE) if pairs else None
        return compare_runs(metrics, OWN_SCORE, pairs=known)
    except ValueError:  # two of one method are of one scenario
        return None


def _summary(
    results: RunResults | None,
    folder: Path | None,
    whole: pd.DataFrame,
    names: set[str],
    dataset: str,
) -> pd.DataFrame:
    """Read a member's summary from its own folder, or what the whole has copied of it."""
    if results is None:
        return pd.DataFrame()
    if folder is not None and len(own := _read_summary(folder / SUMMARY_FILE)):
        return own
    if whole.empty:
        return whole
    return whole[whole["run"].isin(names) & (whole["dataset"].map(_last_part) == dataset)]


def _last_part(path: str) -> str:
    return Path(path).name


def _read_summary(path: Path) -> pd.DataFrame:
    """Read a summary; empty where every seed has failed."""
    if not path.exists():
        return pd.DataFrame()
    columns = ("run", "strategy", "dataset", "anomaly_class", "anomaly_classes")
    text = dict.fromkeys(columns, str)
    return pd.read_csv(path, dtype=text, keep_default_na=False, na_values=_NUMBERS)


def _remarks(members: Sequence[Member], compared: Mapping[str, Comparison]) -> list[str]:
    several = len(compared) > 1
    said = [
        f"{dataset}: {remark}" if several else remark
        for dataset, own in compared.items()
        for remark in own.remarks
    ]
    if other := {member.name: member.code for member in members if member.code}:
        reasons = dict.fromkeys(other.values())
        why = "; ".join(map(str, reasons))
        said.append(f"Not of the code that made this page: {', '.join(other)} ({why}).")
    return said


def _finished(folder: Path) -> str:
    timing = _read_if_there(folder / TIMING_FILE)
    return str(timing.get("finished") or "")


def _costs(path: Path) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return {}
    table = pd.read_csv(path, dtype={"run": str}, keep_default_na=False, na_values={"": [""]})
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return {str(row["run"]): {str(k): v for k, v in row.items() if v is not None} for row in rows}


def _read_if_there(path: Path) -> dict[str, Any]:
    try:
        return read_json(path)
    except InputError:
        return {}
