"""Content of a report page: runs with results and without, and their tables."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from cl_anomaly.report.cells import is_known
from cl_anomaly.report.drawn_run import DrawnRun
from cl_anomaly.report.page.detected import SampleImages
from cl_anomaly.results.results import Kind
from cl_anomaly.results.run_folder import RunFolder
from cl_anomaly.statistics.comparison import Comparison

OWN_SCORE = "each run's own"
"""Stands for the score that each run shows, if these differ."""


@dataclass(frozen=True, eq=False)
class MadeRun:
    """A run's origin, and its missing parts.

    Attributes:
        name: in its comparison or suite, or its strategy's.
        environment: the machine, data and code; empty without results.
        problems: a sentence for each failed replica, and for what is missing.
        code: how its code differs from the current code, or None.
        finished: date and time; empty if unknown.
    """

    name: str
    config: Mapping[str, Any]
    environment: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    code: str | None = None
    finished: str = ""
    folder: Path | None = None


@dataclass(frozen=True, eq=False)
class PageEntry:
    """A line of the page, with results or without: a run, or a suite's several of one method.

    Attributes:
        name: in its comparison or suite, or its strategy's.
        line: its method, which figures show and which is ranked over several datasets.
        dataset: its name, or that of its file.
        config: settings; of several runs those of the first, with all seeds.
        summary: as `summarise` returns it, by all scores.
        chosen: hyperparameters that were tuned, and on what.
    """

    name: str
    line: str
    dataset: str
    config: dict[str, Any]
    made: tuple[MadeRun, ...]
    results: RunFolder | None = None
    summary: pd.DataFrame = field(default_factory=pd.DataFrame)
    chosen: Mapping[str, Any] = field(default_factory=dict)

    @property
    def strategy(self) -> str:
        """Name of its strategy in results, or in its settings."""
        if self.results is not None:
            return self.results.strategy_name
        return str(self.config.get("strategy") or self.name).rpartition(":")[2]

    @property
    def folders(self) -> list[Path]:
        """Folders of its runs that are there, with pictures and thresholds."""
        return [run.folder for run in self.made if run.folder is not None]

    @property
    def has_problems(self) -> bool:
        """Whether something failed or is missing."""
        return any(run.problems for run in self.made)

    @cached_property
    def recorded(self) -> DrawnRun | None:
        """Recordings of its first run beside the metrics; None without its folder."""
        if self.results is None or not self.folders:
            return None
        return DrawnRun(self.results.but(folder=self.folders[0]))


@dataclass(frozen=True, eq=False)
class Content:
    """All that a page shows.

    Attributes:
        folder: name of the folder that was read.
        score: shown first; OWN_SCORE if the runs show different ones.
        entries: in the order of the suite or comparison.
        compared: comparison of the entries' lines by dataset, if any has results.
        standings: table of the entries' lines by dataset, see `results.table.COLUMNS`.
        overall: comparison of the methods over all datasets; None for one dataset.
        overall_standings: table of the methods; empty for one dataset.
        remarks: what a reader must know beside the numbers.
        sample_images: by the SHA-256 of the data.
    """

    kind: Kind
    title: str
    folder: str
    score: str
    entries: tuple[PageEntry, ...]
    compared: Mapping[str, Comparison]
    standings: Mapping[str, pd.DataFrame]
    overall: Comparison | None
    overall_standings: pd.DataFrame
    remarks: tuple[str, ...]
    version: str
    sample_images: Mapping[str, SampleImages] = field(default_factory=dict)

    def sample_images_of(self, entry: PageEntry) -> SampleImages:
        """Return the test set that an entry was judged by."""
        data = entry.results.data if entry.results else ""
        return self.sample_images.get(data) or SampleImages(None, "its data was not recorded.")

    @property
    def lines(self) -> list[str]:
        """Names of the lines, each once: a method has one line on several datasets."""
        return list(dict.fromkeys(entry.line for entry in self.entries))

    @property
    def runs(self) -> list[MadeRun]:
        """All runs that the entries are made of."""
        return [run for entry in self.entries for run in entry.made]

    def named_scores(self, entry: PageEntry, scores: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Return each score with its names in menus: its own, and perhaps OWN_SCORE."""
        for score in scores:
            yield score, score
            if self.score == OWN_SCORE and entry.results and score == entry.results.score:
                yield score, OWN_SCORE

    @property
    def with_results(self) -> list[PageEntry]:
        """Members that have results."""
        return [entry for entry in self.entries if entry.results is not None]

    @property
    def datasets(self) -> list[str]:
        """Names of all datasets, each once."""
        return list(dict.fromkeys(entry.dataset for entry in self.entries))


@dataclass(frozen=True)
class Standing:
    """An entry and its row of its dataset's table, see `results.table.COLUMNS`."""

    entry: PageEntry
    row: dict[str, Any]

    def number(self, column: str) -> float | None:
        """Return a number; None if it is missing."""
        value = self.row.get(column)
        return float(value) if is_known(value) else None  # type: ignore[arg-type]


def standings_of(content: Content) -> list[Standing]:
    """Sort all runs by their mean, the highest first; those without results come last."""
    rows = {
        (dataset, str(row["run"])): {str(name): value for name, value in row.items()}
        for dataset, table in content.standings.items()
        for row in table.to_dict("records")
    }
    standings = [Standing(entry, rows[entry.dataset, entry.line]) for entry in content.entries]
    return sorted(
        standings, key=lambda row: (row.number("mean") is None, -(row.number("mean") or 0.0))
    )
