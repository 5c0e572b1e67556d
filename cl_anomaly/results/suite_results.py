"""A comparison or a suite, read back: its tables at once, the arrays of its runs when asked for."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.json_files import read_json
from cl_anomaly.report.notebooks import as_html, as_text
from cl_anomaly.results.cost import read_costs
from cl_anomaly.results.recorded_tests import read_named
from cl_anomaly.results.table import Entrant, standings
from cl_anomaly.runs.reading import read_run
from cl_anomaly.runs.result import Result
from cl_anomaly.statistics.comparison import Comparison, compare_runs
from cl_anomaly.statistics.pair_tests import Named
from cl_anomaly.store.config_files import read_configuration
from cl_anomaly.store.finished import RunResults, read_results, shown_score
from cl_anomaly.store.status import (
    CONFIG_FILE,
    RUNS_FILE,
    SUITE_FILE,
    holds_several_runs,
)

T = TypeVar("T")
SHOWN = "shown"
"""Stands for the score that each run was made to show."""


@dataclass(frozen=True, eq=False)
class SuiteResults:
    """What came of a comparison or a suite.

    Attributes:
        folder: its own.
        title: what it is called.
        config: settings that its runs share, and their own under "runs".
        metrics: of all runs in tidy form, with a column `run`: of a suite its methods, by the score
            that each shows.
        runs: its runs that have results by name, each read from its own folder when it is asked
            for.
        kind: of the folder; a run is a comparison of one.
        entrants: its runs, with the names of their rows in the table.
        named: pairs of rows that were to be tested whoever is the best.
        costs: what each run cost, all replicas together; empty where it was not recorded.
    """

    folder: Path
    title: str
    config: dict[str, Any]
    metrics: pd.DataFrame
    runs: "ByRun[Result]"
    kind: Literal["run", "comparison", "suite"]
    entrants: tuple[Entrant, ...]
    named: Named
    costs: pd.DataFrame

    @cached_property
    def comparison(self) -> Comparison | None:
        """How the runs compare after the last task; None where none has a result."""
        return self._compared(self.shown)

    @property
    def shown(self) -> pd.DataFrame:
        """The metrics by the score that each run shows, which is called "shown" in them."""
        if self.kind == "suite":  # which has no others, and may have one for each dataset
            return self.metrics.assign(score=SHOWN)
        own = self.metrics["run"].map({own.run: own.score for own in self.entrants})
        return self.metrics[self.metrics["score"] == own].assign(score=SHOWN)

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row for each run, the highest AUROC first; see `runs.standings.standings`."""
        return self._table_of(self.comparison, self.shown, self.entrants)

    @property
    def pairs(self) -> pd.DataFrame:
        """A row for each two runs with results; see `Comparison.pairs`."""
        return pd.DataFrame() if self.comparison is None else self.comparison.pairs

    @cached_property
    def datasets(self) -> "dict[str, tuple[Comparison | None, pd.DataFrame]]":
        """How the runs compare on each dataset alone: the comparison, and a table as `table`."""
        found, shown = {}, self.shown
        for dataset in dict.fromkeys(shown["dataset"].astype(str)):
            own = shown[shown["dataset"] == dataset]
            compared = self._compared(own)
            here = [one for one in self.entrants if one.dataset == Path(dataset).name]
            found[dataset] = compared, self._table_of(compared, own, here)
        return found

    @property
    def s(self) -> "ByRun[NDArray[np.float64]]":
        """By run, (R, N, N), its result matrices by the score that it shows, when asked for."""
        return ByRun(self.runs, lambda name: _of_shown(self.runs[name], "s"))

    @property
    def scores(self) -> "ByRun[NDArray[np.float32]]":
        """By run, (R, tasks, n), scores of the test set by the score that it shows, likewise."""
        return ByRun(self.runs, lambda name: _of_shown(self.runs[name], "scores"))

    def _compared(self, shown: pd.DataFrame) -> Comparison | None:
        if shown.empty:
            return None
        try:
            return compare_runs(shown, SHOWN, named=self.named)
        except ValueError as error:
            raise InputError(f"{self.folder}: {error}") from error

    def _table_of(
        self, compared: Comparison | None, shown: pd.DataFrame, entrants: Sequence[Entrant]
    ) -> pd.DataFrame:
        costs = self.costs
        if self.kind == "suite":
            datasets = {own.dataset for own in entrants}
            costs = costs[costs["dataset"].isin(datasets)].assign(run=costs["method"])
        return standings(compared, shown, entrants, costs)

    def __repr__(self) -> str:
        """Describe what it is, and show the table."""
        return as_text(self._said(), self.table)

    def _repr_html_(self) -> str:
        return as_html(self._said(), self.table)

    def _said(self) -> str:
        rows = {own.run for own in self.entrants}
        return f"{self.title}: {len(rows)} runs, AUROC after the last task"


def _of_shown(run: Result, what: Literal["s", "scores"]) -> NDArray[Any]:
    return getattr(run, what)[run.config.shown_score]


class ByRun(Mapping[str, T]):
    """What runs hold, by their names, read once it is asked for.

    Args:
        names: of the runs.
        read: gives what a run holds, by its name.
    """

    def __init__(self, names: Iterable[str], read: Callable[[str], T]) -> None:
        self._names, self._read, self._known = list(names), read, dict[str, T]()

    def __getitem__(self, name: str) -> T:
        """Read what a run holds.

        Raises:
            KeyError: there is none of that name, with results.
            InputError: its folder is gone or damaged.
        """
        if name not in self._names:
            raise KeyError(name)
        if name not in self._known:
            self._known[name] = self._read(name)
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter(self._names)

    def __len__(self) -> int:
        """Count the runs."""
        return len(self._names)

    def __repr__(self) -> str:
        """Name the runs, and read none."""
        return f"{type(self).__name__}({', '.join(self._names)})"


def read_suite(folder: str | Path) -> SuiteResults:
    """Read what came of a comparison or a suite.

    Args:
        folder: its own, such as `results/digits-compare`. Its runs lie beside it; they are only
            needed for their arrays.

    Raises:
        InputError: there is none, or it is damaged.
    """
    folder = Path(folder)
    results = read_results(folder)
    config = read_configuration(folder / CONFIG_FILE)
    if not holds_several_runs(config):
        raise InputError(
            f"Expected {folder} to be a comparison's or a suite's, but it is a run's: "
            f"`read_run` reads it."
        )
    return _put_together(folder, config, results)


def read_any(folder: Path) -> SuiteResults:
    """Read a comparison or a suite, or a run as a comparison of one; see `read_suite`."""
    results = read_results(folder)
    config = read_configuration(folder / CONFIG_FILE)
    if not holds_several_runs(config):
        name = results[0].name if results else str(config.get("strategy"))
        config = {"runs": {name: config}}
    return _put_together(folder, config, results)


def _put_together(folder: Path, config: dict[str, Any], results: list[RunResults]) -> SuiteResults:
    suite = read_json(folder / SUITE_FILE) if (folder / SUITE_FILE).exists() else {}
    folders = _folders(folder, config)
    tables = [result.metrics.assign(run=result.name) for result in results]
    entrants = _entrants(config, results, suite.get("members", {}))
    costs = read_costs(folder, entrants[0].score)
    is_run = not suite and not (folder / RUNS_FILE).exists()
    return SuiteResults(
        folder=folder,
        title=str(suite.get("title") or folder.resolve().name),
        config=config,
        metrics=pd.concat(tables, ignore_index=True) if tables else _no_metrics(),
        runs=ByRun(folders, lambda name: read_run(folders[name])),
        kind="suite" if suite else "run" if is_run else "comparison",
        entrants=entrants,
        named=read_named(folder),
        costs=costs.assign(run=entrants[0].run) if is_run else costs,
    )


def _entrants(
    config: Mapping[str, Any], results: Sequence[RunResults], members: Mapping[str, Any]
) -> tuple[Entrant, ...]:
    """Name each run with its row, its dataset and its score; a run of a suite has more to say."""
    shared = {name: value for name, value in config.items() if name != "runs"}
    strategies = {result.name: result.strategy for result in results}
    found = []
    for name, given in config["runs"].items():
        own, about = shared | given, members.get(name, {})
        row = str(about.get("method", name))
        dataset = Path(str(about.get("dataset", own.get("dataset")))).name
        strategy = strategies.get(row, str(own.get("strategy")))
        found.append(Entrant(row, dataset, strategy, own, shown_score(own)))
    return tuple(found)


def _folders(folder: Path, config: Mapping[str, Any]) -> dict[str, Path]:
    if not (folder / RUNS_FILE).exists():
        return dict.fromkeys(config["runs"], folder)
    runs = read_json(folder / RUNS_FILE)
    return {name: folder.resolve().parent / place for name, place in runs.items()}


def _no_metrics() -> pd.DataFrame:
    return pd.DataFrame(columns=["run", "dataset", "score", "metric", "task", "seed", "value"])
