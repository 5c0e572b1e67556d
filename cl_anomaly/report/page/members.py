"""What a report page shows of each run of a comparison, or of the only one."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.json_files import read_json
from cl_anomaly.data.dataset_names import short_name
from cl_anomaly.report.page.content import MadeRun, Member
from cl_anomaly.results.cost import read_costs
from cl_anomaly.store.finished import RunResults
from cl_anomaly.store.provenance import CodeChanges
from cl_anomaly.store.status import (
    CONFIG_FILE,
    ENVIRONMENT_FILE,
    RUNS_FILE,
    SUMMARY_FILE,
    TIMING_FILE,
    Status,
    differences,
    find_runs,
    status_of,
)

# Columns in which an empty cell is no number; elsewhere it is text, and a run may be called NA.
_NUMBERS = {name: [""] for name in ("mean", "sd", "low", "high")}


def member_of_run(folder: Path, config: dict[str, Any], results: list[RunResults]) -> Member:
    """Return the only member of a run's page."""
    (own,) = results or [None]
    name = own.name if own else str(config["strategy"]).rpartition(":")[2]
    score = own.score if own else ""
    together = Together(folder, read_costs(folder, score).assign(run=name))
    return together.member(name, config, own, folder)


def members_of_comparison(
    folder: Path, config: dict[str, Any], results: list[RunResults]
) -> list[Member]:
    """Read the members of a comparison."""
    shared = {name: value for name, value in config.items() if name != "runs"}
    by_name = {own.name: own for own in results}
    folders = read_if_there(folder / RUNS_FILE)
    together = Together(folder, read_costs(folder, ""))
    beside = find_runs(folder.parent) if set(config["runs"]) - set(by_name) else []
    members = []
    for name, settings in config["runs"].items():
        own, where = shared | settings, folders.get(name)
        place = folder.parent / where if where else _place_of(own, beside)
        members.append(together.member(name, own, by_name.get(name), place))
    return members


def _place_of(config: dict[str, Any], beside: Sequence[Status]) -> Path | None:
    """Look for the folder of a run that gave nothing: the last of the same settings."""
    for status in reversed(beside):
        known = status.config.keys() & config.keys()
        one, other = ({k: own[k] for k in known} for own in (status.config, config))
        if known and not differences(one, other):
            return status.folder
    return None


class Together:
    """What a run, a comparison or a suite says of all its runs: their costs and their summary.

    Args:
        folder: its own.
        costs: as in the attribute.

    Attributes:
        costs: a row for each run, see `runs.cost.read_costs`.
    """

    def __init__(self, folder: Path, costs: pd.DataFrame) -> None:
        self.costs = costs
        self._summary = _read_summary(folder / SUMMARY_FILE)
        self._codes = CodeChanges()

    def member(
        self,
        name: str,
        config: dict[str, Any],
        results: RunResults | None,
        folder: Path | None,
        about: Mapping[str, Any] | None = None,
    ) -> Member:
        """Put together what is known of a run.

        Args:
            name: of it.
            config: its settings.
            results: its own, where it has some.
            folder: its own, whether it is there or not; None where it never had one.
            about: what a suite says of it.
        """
        about = about or {}
        environment = read_if_there(folder / ENVIRONMENT_FILE) if folder else {}
        if results is not None:
            environment = environment or results.environment
        failure = about.get("failure")
        made = self.made(name, config, environment, folder, results is not None, failure)
        method = str(about.get("method") or name)
        dataset = results.dataset if results else short_name(str(config.get("dataset")))
        dataset = str(about.get("dataset") or dataset)
        place = made.folder
        own = pd.DataFrame()
        if results is not None:
            own = _read_summary(place / SUMMARY_FILE) if place else own
            own = own if len(own) else self.summary({name, method}, dataset)
        return Member(
            name=name,
            line=name,
            method=method,
            dataset=dataset,
            config=config,
            made=(made,),
            results=results,
            summary=own,
            costs=self.costs[self.costs["run"] == name],
            chosen=about.get("chosen") or {},
        )

    def made(
        self,
        name: str,
        config: Mapping[str, Any],
        environment: Mapping[str, Any],
        folder: Path | None,
        has_results: bool,
        failure: str | None,
        look: bool = True,
    ) -> MadeRun:
        """Describe how a run was made, and what is missing of it.

        Args:
            name: of it.
            config: its settings.
            environment: as it was recorded; empty where it was not.
            folder: its own, whether it is there or not; None where it never had one.
            has_results: whether it has some.
            failure: why it has none, or not all, as a suite says it.
            look: for damage in its folder, whose files its numbers come from.
        """
        is_there = folder is not None and (folder / CONFIG_FILE).exists()
        place = folder if is_there else None
        problems = failure.splitlines() if failure else _problems(has_results, place, look)
        return MadeRun(
            name=name,
            config=config,
            environment=environment,
            problems=tuple(problems),
            code=self._codes.in_short(environment, config) if place else None,
            finished=str(read_if_there(place / TIMING_FILE).get("finished") or "") if place else "",
            folder=place,
        )

    def summary(self, names: set[str], dataset: str) -> pd.DataFrame:
        """Return the rows of the summary that are of a run or method, and of a dataset."""
        whole = self._summary
        if whole.empty:
            return whole
        paths = [path for path in whole["dataset"].unique() if Path(path).name == dataset]
        return whole[whole["run"].isin(names) & whole["dataset"].isin(paths)]


def _problems(has_results: bool, folder: Path | None, look: bool) -> list[str]:
    if folder is None:
        gone = "Its folder is not there: no pictures, false-positive rates or failures are known."
        return [gone if has_results else "It has no results, and no folder is there."]
    if has_results and not look:
        return []
    status = status_of(folder)
    if has_results:
        return status.why if status.name in ("failed", "damaged") else []
    return [f"It has no results: {status.name}.", *status.why]


def _read_summary(path: Path) -> pd.DataFrame:
    """Read a summary; empty where every seed has failed."""
    if not path.exists():
        return pd.DataFrame()
    columns = ("run", "strategy", "dataset", "anomaly_class", "anomaly_classes")
    text = dict.fromkeys(columns, str)
    return pd.read_csv(path, dtype=text, keep_default_na=False, na_values=_NUMBERS)


def read_if_there(path: Path) -> dict[str, Any]:
    """Read a file of JSON; empty where it is missing or damaged."""
    try:
        return read_json(path)
    except InputError:
        return {}
