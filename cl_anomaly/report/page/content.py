"""What a report page shows, as it was read: runs with their results, and what has none."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import pandas as pd

from cl_anomaly.evaluation.comparing import Comparison
from cl_anomaly.report.page.detected import SampleImages
from cl_anomaly.storage.recorded import RecordedRun
from cl_anomaly.storage.results import RunResults

OWN_SCORE = "each run's own"
"""Stands for the score that each run was made to show, where these differ."""


@dataclass(frozen=True, eq=False)
class Member:
    """A run on the page, with results or without.

    Attributes:
        name: what its comparison or suite calls it, or its strategy.
        line: what figures call it, beside other runs on the same dataset.
        method: what is ranked over several datasets; the name where nothing says otherwise.
        dataset: its name, or that of its file.
        config: its settings.
        results: what it has measured; None where it has no results.
        summary: of it, as `summarise` gives it, by all its scores.
        cost: as `cost_of` gave it; empty where it was not recorded.
        has_folder: whether its folder is there, with pictures and thresholds.
        problems: a sentence for each replica that failed, and for what is missing.
        code: how its code differs from what there is now; None where it does not.
        chosen: hyperparameters that were tuned, and on what; empty where nothing was.
        finished: when, as text; empty where it is not known.
    """

    name: str
    line: str
    method: str
    dataset: str
    config: dict[str, Any]
    results: RunResults | None = None
    summary: pd.DataFrame = field(default_factory=pd.DataFrame)
    cost: Mapping[str, Any] = field(default_factory=dict)
    has_folder: bool = False
    problems: tuple[str, ...] = ()
    code: str | None = None
    chosen: Mapping[str, Any] = field(default_factory=dict)
    finished: str = ""

    @property
    def strategy(self) -> str:
        """What its strategy is called in results, or in its settings."""
        if self.results is not None:
            return self.results.strategy
        return str(self.config.get("strategy") or self.name).rpartition(":")[2]

    @cached_property
    def recorded(self) -> RecordedRun | None:
        """What it has recorded beside its metrics; None without its folder."""
        return RecordedRun(self.results) if self.results is not None and self.has_folder else None


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
        overall: how the methods compare over all datasets; None where there is one.
        remarks: what a reader must know beside the numbers.
        version: of this program.
        sample_images: by the SHA-256 of the data.
    """

    kind: Literal["run", "comparison", "suite"]
    title: str
    folder: str
    score: str
    members: tuple[Member, ...]
    compared: Mapping[str, Comparison]
    overall: Comparison | None
    remarks: tuple[str, ...]
    version: str
    sample_images: Mapping[str, SampleImages] = field(default_factory=dict)

    def sample_images_of(self, member: Member) -> SampleImages:
        """Give the test set that a member was judged by."""
        data = member.results.data if member.results else ""
        return self.sample_images.get(data) or SampleImages(None, "its data was not recorded.")

    @property
    def lines(self) -> list[str]:
        """What figures call the runs, each once: a method has one line on several datasets."""
        return list(dict.fromkeys(member.line for member in self.members))

    def named_scores(self, member: Member, scores: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Give each score with the names that it has in menus: its own, and perhaps OWN_SCORE."""
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
