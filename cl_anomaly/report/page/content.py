"""What a report page shows, as it was read: runs with their results, and what has none."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from cl_anomaly.report.drawn_run import DrawnRun
from cl_anomaly.report.page.detected import SampleImages
from cl_anomaly.results.results import Kind
from cl_anomaly.results.run_folder import RunFolder
from cl_anomaly.statistics.comparison import Comparison

OWN_SCORE = "each run's own"
"""Stands for the score that each run was made to show, where these differ."""


@dataclass(frozen=True, eq=False)
class MadeRun:
    """How a run was made, and what is missing of it.

    Attributes:
        name: what its comparison or suite calls it, or its strategy.
        config: its settings.
        environment: the machine, data and code; empty where it has no results.
        problems: a sentence for each replica that failed, and for what is missing.
        code: how its code differs from what there is now; None where it does not.
        finished: when, as text; empty where it is not known.
        folder: its own; None where it is not there.
    """

    name: str
    config: Mapping[str, Any]
    environment: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    code: str | None = None
    finished: str = ""
    folder: Path | None = None


@dataclass(frozen=True, eq=False)
class Member:
    """What is a line on the page, with results or without: a run, or several of one method.

    Several are those of a suite which differ in their seeds or anomaly classes alone.

    Attributes:
        name: what its comparison or suite calls it, or its strategy.
        line: what figures call it, beside others on the same dataset.
        method: what is ranked over several datasets; the name where nothing says otherwise.
        dataset: its name, or that of its file.
        config: its settings; of several runs the first one's, with the seeds of all.
        made: its run, or its runs.
        results: what it has measured; None where it has no results.
        summary: of it, as `summarise` gives it, by all its scores.
        chosen: hyperparameters that were tuned, and on what; empty where nothing was.
    """

    name: str
    line: str
    method: str
    dataset: str
    config: dict[str, Any]
    made: tuple[MadeRun, ...]
    results: RunFolder | None = None
    summary: pd.DataFrame = field(default_factory=pd.DataFrame)
    chosen: Mapping[str, Any] = field(default_factory=dict)

    @property
    def strategy(self) -> str:
        """What its strategy is called in results, or in its settings."""
        if self.results is not None:
            return self.results.strategy_name
        return str(self.config.get("strategy") or self.name).rpartition(":")[2]

    @property
    def folders(self) -> list[Path]:
        """Folders of its runs that are there, with pictures and thresholds."""
        return [own.folder for own in self.made if own.folder is not None]

    @property
    def has_problems(self) -> bool:
        """Whether something failed or is missing."""
        return any(own.problems for own in self.made)

    @cached_property
    def recorded(self) -> DrawnRun | None:
        """What its first run has recorded beside its metrics; None without its folder."""
        if self.results is None or not self.folders:
            return None
        return DrawnRun(self.results.but(folder=self.folders[0]))


@dataclass(frozen=True, eq=False)
class Content:
    """All that a page shows.

    Attributes:
        kind: of the folder.
        title: of the page.
        folder: that was read.
        score: that is shown first; OWN_SCORE where runs are shown by different ones.
        members: in the order of the suite, the comparison, or the one.
        compared: for each dataset, how its members compare, by their lines; without those that
            have no run with results.
        standings: for each dataset, the table of its members by their lines, see
            `results.table.COLUMNS`.
        overall: how the methods compare over all datasets; None where there is one.
        overall_standings: the table of the methods; empty where there is one dataset.
        remarks: what a reader must know beside the numbers.
        version: of this program.
        sample_images: by the SHA-256 of the data.
    """

    kind: Kind
    title: str
    folder: str
    score: str
    members: tuple[Member, ...]
    compared: Mapping[str, Comparison]
    standings: Mapping[str, pd.DataFrame]
    overall: Comparison | None
    overall_standings: pd.DataFrame
    remarks: tuple[str, ...]
    version: str
    sample_images: Mapping[str, SampleImages] = field(default_factory=dict)

    def sample_images_of(self, member: Member) -> SampleImages:
        """Return the test set that a member was judged by."""
        data = member.results.data if member.results else ""
        return self.sample_images.get(data) or SampleImages(None, "its data was not recorded.")

    @property
    def lines(self) -> list[str]:
        """What figures call the members, each once: a method has one line on several datasets."""
        return list(dict.fromkeys(member.line for member in self.members))

    @property
    def runs(self) -> list[MadeRun]:
        """All runs that the members are made of."""
        return [own for member in self.members for own in member.made]

    def named_scores(self, member: Member, scores: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Return each score with the names that it has in menus: its own, and perhaps OWN_SCORE."""
        for score in scores:
            yield score, score
            if self.score == OWN_SCORE and member.results and score == member.results.score:
                yield score, OWN_SCORE

    @property
    def with_results(self) -> list[Member]:
        """Members that have results."""
        return [member for member in self.members if member.results is not None]

    @property
    def datasets(self) -> list[str]:
        """Names of all datasets, each once."""
        return list(dict.fromkeys(member.dataset for member in self.members))
