"""What a report page shows, read from the folder of a run, a comparison or a suite."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cl_anomaly.config import read_configuration
from cl_anomaly.data.names import short_name
from cl_anomaly.errors import InputError
from cl_anomaly.evaluation.comparing import Comparison, compare_runs
from cl_anomaly.json_files import read_json
from cl_anomaly.report.page.content import Content, Member
from cl_anomaly.runs.comparison import COST_TABLE
from cl_anomaly.runs.provenance import other_code_of
from cl_anomaly.runs.run_folder import COST_FILE, SUMMARY_FILE
from cl_anomaly.storage.results import RUNS_FILE, RunResults, read_results
from cl_anomaly.storage.status import (
    CONFIG_FILE,
    TIMING_FILE,
    Status,
    differences,
    find_runs,
    status_of,
)
from cl_anomaly.version import __version__

SUITE_FILE = "suite.json"
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
    if "runs" in config:
        members = _members(folder, config, results, suite)
        kind = "suite" if suite else "comparison"
    else:
        members, kind = [_member_of_run(folder, config, results)], "run"
    with_results = [member for member in members if member.results is not None]
    score = with_results[0].results.score if with_results else ""  # type: ignore[union-attr]
    compared = {
        dataset: found
        for dataset in dict.fromkeys(member.dataset for member in members)
        if (found := _compared([m for m in with_results if m.dataset == dataset], score, "name"))
    }
    return Content(
        kind=kind,
        title=str(suite.get("title") or folder.name),
        folder=folder.name,
        score=score,
        members=tuple(members),
        compared=compared,
        overall=_compared(with_results, score, "method") if len(compared) > 1 else None,
        summary=_summary(folder, with_results),
        remarks=tuple(_remarks(members, compared)),
        version=__version__,
    )


def _member_of_run(folder: Path, config: dict[str, Any], results: list[RunResults]) -> Member:
    (own,) = results or [None]
    name = own.name if own else str(config["strategy"]).rpartition(":")[2]
    return _member(name, config, own, folder, {}, {})


def _members(
    folder: Path, config: dict[str, Any], results: list[RunResults], suite: dict[str, Any]
) -> list[Member]:
    shared = {name: value for name, value in config.items() if name != "runs"}
    by_name = {own.name: own for own in results}
    folders = _read_if_there(folder / RUNS_FILE)
    of_suite = {str(own.get("name")): own for own in suite.get("members", [])}
    costs = _costs(folder / COST_TABLE)
    beside = find_runs(folder.parent) if set(config["runs"]) - set(by_name) else []
    members = []
    for name, settings in config["runs"].items():
        own_config, where = shared | settings, folders.get(name)
        place = folder.parent / where if where else _place_of(own_config, beside)
        about = of_suite.get(name, {})
        found = by_name.get(name)
        members.append(_member(name, own_config, found, place, about, costs.get(name, {})))
    return members


def _member(
    name: str,
    config: dict[str, Any],
    results: RunResults | None,
    folder: Path | None,
    about: Mapping[str, Any],
    cost: Mapping[str, Any],
) -> Member:
    is_there = folder is not None and (folder / CONFIG_FILE).exists()
    chosen = about.get("chosen")
    return Member(
        name=name,
        method=str(about.get("method") or name),
        dataset=results.dataset if results else short_name(str(config.get("dataset"))),
        config=config,
        results=results,
        cost=_read_if_there(folder / COST_FILE) or cost if folder and is_there else cost,
        has_folder=is_there,
        problems=tuple(_problems(results, folder if is_there else None)),
        code=other_code_of(folder) if folder and is_there else None,
        chosen=chosen if isinstance(chosen, Mapping) else {},
        finished=_finished(folder) if folder and is_there else "",
    )


def _problems(results: RunResults | None, folder: Path | None) -> list[str]:
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


def _compared(members: Sequence[Member], score: str, called: str) -> Comparison | None:
    """Compare members by their names or by their methods; None where nothing can be."""
    tables = [
        member.results.metrics.assign(run=getattr(member, called), dataset=member.dataset)
        for member in members
        if member.results is not None
    ]
    try:
        return compare_runs(pd.concat(tables, ignore_index=True), score) if tables else None
    except ValueError:  # no run has that score, or two of one method are of one scenario
        return None


def _summary(folder: Path, members: Sequence[Member]) -> pd.DataFrame:
    """Read what was summarised when the folder was written; a run's has no column of names."""
    try:
        columns = ("run", "strategy", "dataset", "anomaly_class", "anomaly_classes")
        text = dict.fromkeys(columns, str)
        summary = pd.read_csv(
            folder / SUMMARY_FILE, dtype=text, keep_default_na=False, na_values=_NUMBERS
        )
    except FileNotFoundError:  # every seed of every run has failed
        return pd.DataFrame()
    return summary.assign(run=members[0].name) if len(members) == 1 else summary


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
