"""What a report page shows of a suite: a line for each method on each dataset.

Runs of one method that differ in their seeds or anomaly classes are one line, of all their
replicas. What the suite's own folder holds of them is enough for it: to read a thousand folders
takes longer than anybody waits for a page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from cl_anomaly.data.dataset_names import short_name
from cl_anomaly.report.page.content import MadeRun, Member
from cl_anomaly.report.page.members import Together, read_if_there
from cl_anomaly.results.cost import read_costs
from cl_anomaly.store.finished import RunResults, read_metrics
from cl_anomaly.store.status import ENVIRONMENT_FILE, METRICS_FILE, RUNS_FILE


def members_of_suite(
    folder: Path, config: dict[str, Any], results: list[RunResults], suite: Mapping[str, Any]
) -> list[Member]:
    """Read the members of a suite, whose own metrics are by method and dataset.

    Args:
        folder: the suite's.
        config: its own.
        results: by method.
        suite: what `suite.json` holds.
    """
    return _Reading(folder, config, results, suite).members()


class _Reading:
    """Reads a suite's members; see `members_of_suite`."""

    def __init__(
        self,
        folder: Path,
        config: dict[str, Any],
        results: list[RunResults],
        suite: Mapping[str, Any],
    ) -> None:
        self._beside = folder.parent
        self._together = Together(folder, read_costs(folder, ""))
        self._about, self._chosen = suite["members"], suite.get("chosen", {})
        shared = {name: value for name, value in config.items() if name != "runs"}
        self._configs = {name: shared | own for name, own in config["runs"].items()}
        self._metrics = {own.name: own.metrics for own in results}
        self._folders = read_if_there(folder / RUNS_FILE)
        self._environments = read_if_there(folder / ENVIRONMENT_FILE).get("runs", {})

    def members(self) -> list[Member]:
        lines: dict[tuple[str, str], list[str]] = {}
        for name, config in self._configs.items():
            about = self._about.get(name, {})
            dataset = about.get("dataset") or short_name(str(config.get("dataset")))
            lines.setdefault((str(about.get("method") or name), str(dataset)), []).append(name)
        several = len({dataset for _, dataset in lines}) > 1
        return [
            self._of_one(names[0], *line)
            if len(names) == 1
            else self._of_several(names, *line, several)
            for line, names in lines.items()
        ]

    def _of_one(self, name: str, method: str, dataset: str) -> Member:
        about = {"method": method, "dataset": dataset, "chosen": self._chosen.get(method, {})}
        about["failure"] = self._about.get(name, {}).get("failure")
        place, found = self._place(name), None
        if place is not None:
            is_there = (place / METRICS_FILE).exists()  # by all its scores
            rows = read_metrics(place) if is_there else self._rows(method, dataset)
            found = self._results(name, rows)
        config = self._configs[name]
        return replace(self._together.member(name, config, found, place, about), line=method)

    def _of_several(
        self, names: Sequence[str], method: str, dataset: str, several_datasets: bool
    ) -> Member:
        """Put the runs of a method together, by the score that they show."""
        finished = [name for name in names if name in self._folders]
        first = (finished or names)[0]
        found = self._results(first, self._rows(method, dataset)) if finished else None
        seeds = [seed for name in names for seed in self._configs[name].get("seeds") or []]
        return Member(
            name=f"{method} · {dataset}" if several_datasets else method,
            line=method,
            method=method,
            dataset=dataset,
            config=self._configs[first] | {"seeds": list(dict.fromkeys(seeds))},
            made=tuple(map(self._made, names)),
            results=found,
            summary=pd.DataFrame() if found is None else self._together.summary({method}, dataset),
            costs=self._together.costs[self._together.costs["run"].isin(finished)],
            chosen=self._chosen.get(method, {}),
        )

    def _made(self, name: str) -> MadeRun:
        return self._together.made(
            name,
            self._configs[name],
            self._environments.get(name, {}),
            self._place(name),
            name in self._folders,
            self._about.get(name, {}).get("failure"),
            look=False,
        )

    def _rows(self, method: str, dataset: str) -> pd.DataFrame:
        """Return what the suite holds of a method on a dataset."""
        rows = self._metrics.get(method)
        return pd.DataFrame() if rows is None else rows[rows["dataset"] == dataset]

    def _results(self, name: str, rows: pd.DataFrame) -> RunResults | None:
        """Return results as of a run; None where there are none."""
        place, environment = self._place(name), self._environments.get(name, {})
        if place is None or rows.empty:
            return None
        rows = rows.reset_index(drop=True)
        return RunResults(place, name, self._configs[name], environment, rows)

    def _place(self, name: str) -> Path | None:
        where = self._folders.get(name)
        return None if where is None else self._beside / where
