"""What a report page shows, read from the folder of a run, a comparison or a suite."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from cl_anomaly.report.page.content import OWN_SCORE, Content, Member
from cl_anomaly.report.page.detected import SampleImages
from cl_anomaly.report.page.members import member_of_run, members_of_comparison, read_if_there
from cl_anomaly.report.page.sample_images import sample_images_of
from cl_anomaly.report.page.suite_content import members_of_suite
from cl_anomaly.results.cost import COST_COLUMNS
from cl_anomaly.results.recorded_tests import RecordedTests, read_named, read_tests
from cl_anomaly.results.table import Entrant, standings
from cl_anomaly.statistics.comparison import Comparison, compare_values
from cl_anomaly.statistics.pair_tests import Named
from cl_anomaly.statistics.pairing import values_of
from cl_anomaly.store.config_files import read_configuration
from cl_anomaly.store.fingerprint import in_short
from cl_anomaly.store.finished import RunResults, read_results, shown_score
from cl_anomaly.store.status import CONFIG_FILE, SUITE_FILE
from cl_anomaly.version import __version__

_MOST_WITH_IMAGES = 200
"""Runs of a page with images of test samples: to read a dataset takes PyTorch, and time."""


def read_content(folder: Path) -> Content:
    """Read all that a page shows; a member without results is on it, with what is known of why.

    Raises:
        InputError: the folder is of no run, comparison or suite, is damaged, or is not finished.
    """
    folder = folder.resolve()
    results = read_results(folder)
    config = read_configuration(folder / CONFIG_FILE)
    suite = read_if_there(folder / SUITE_FILE)
    members, kind = _members(folder, config, results, suite)
    with_results = [member for member in members if member.results is not None]
    scores = {member.results.score for member in members if member.results is not None}
    own_scores = None if kind == "suite" or not results else results[0].score
    tests = _Tests(read_named(folder), read_tests(folder, results, own_scores))
    judged = {
        dataset: tests.judged([own for own in members if own.dataset == dataset], "line")
        for dataset in dict.fromkeys(member.dataset for member in members)
    }
    compared = {dataset: own for dataset, (own, _) in judged.items() if own is not None}
    several = len(compared) > 1
    overall, table = tests.judged(members, "method") if several else (None, pd.DataFrame())
    return Content(
        kind=kind,
        title=str(suite.get("title") or folder.name),
        folder=folder.name,
        score=next(iter(scores)) if len(scores) == 1 else OWN_SCORE if scores else "",
        members=tuple(members),
        compared=compared,
        standings={dataset: own for dataset, (_, own) in judged.items()},
        overall=overall,
        overall_standings=table,
        remarks=tuple(_remarks(members, compared)),
        version=__version__,
        sample_images=_sample_images(with_results),
    )


def _members(
    folder: Path, config: dict[str, Any], results: list[RunResults], suite: Mapping[str, Any]
) -> tuple[list[Member], Literal["run", "comparison", "suite"]]:
    if "members" in suite:
        return members_of_suite(folder, config, results, suite), "suite"
    if "runs" in config:
        return members_of_comparison(folder, config, results), "comparison"
    return [member_of_run(folder, config, results)], "run"


def _sample_images(members: Sequence[Member]) -> dict[str, SampleImages]:
    """Read the test sets of members whose folders are there, each once, by their SHA-256."""
    found: dict[str, SampleImages] = {}
    runs = sum(len(member.made) for member in members)
    for member in members:
        own, folders = member.results, member.folders
        if own is None or not folders or not own.data or own.data in found:
            continue
        if runs > _MOST_WITH_IMAGES:
            why = f"{runs:,} runs are too many to wait for. The page of one of them shows them."
            found[own.data] = SampleImages(None, why)
        else:
            found[own.data] = sample_images_of(own.config, own.data, folders[0])
    return found


@dataclass(frozen=True, eq=False)
class _Tests:
    """How members are compared.

    Attributes:
        named: pairs that are tested whoever is the best.
        recorded: tests, which are not computed again where they are of the same values.
    """

    named: Named
    recorded: RecordedTests | None

    def judged(
        self, members: Sequence[Member], called: str
    ) -> tuple[Comparison | None, pd.DataFrame]:
        """Compare members by their lines or by their methods, each by the score that it shows.

        Args:
            members: with results or without.
            called: what they are called by.

        Returns:
            The comparison, None where nothing can be compared; and the table of all members.
        """
        shown = [_shown(own, getattr(own, called)) for own in members if own.results is not None]
        metrics = pd.concat(shown, ignore_index=True) if shown else pd.DataFrame()
        compared = self._compared(metrics) if shown else None
        entrants = [
            Entrant(
                str(getattr(own, called)),
                own.dataset,
                own.strategy,
                own.config,
                own.results.score if own.results else shown_score(own.config),
            )
            for own in members
        ]
        costs = [own.costs.assign(run=getattr(own, called)) for own in members if len(own.costs)]
        whole = pd.concat(costs) if costs else pd.DataFrame(columns=list(COST_COLUMNS))
        return compared, standings(compared, metrics, entrants, whole)

    def _compared(self, metrics: pd.DataFrame) -> Comparison | None:
        try:
            values = values_of(metrics, OWN_SCORE)
        except ValueError:  # two of one method are of one scenario
            return None
        decided = self.recorded.of(values) if self.recorded else None
        return compare_values(values, OWN_SCORE, self.named, decided)


def _shown(member: Member, name: str) -> pd.DataFrame:
    """Return a member's metrics by the score that it shows."""
    results = member.results
    if results is None:
        return pd.DataFrame()
    own = results.metrics[results.metrics["score"] == results.score]
    return own.assign(run=name, dataset=member.dataset, score=OWN_SCORE)


def _remarks(members: Sequence[Member], compared: Mapping[str, Comparison]) -> list[str]:
    several = len(compared) > 1
    said = [
        f"{dataset}: {remark}" if several else remark
        for dataset, own in compared.items()
        for remark in own.remarks
    ]
    if other := {own.name: own.code for member in members for own in member.made if own.code}:
        why = "; ".join(dict.fromkeys(other.values()))
        said.append(f"Not of the code that made this page: {in_short(list(other))} ({why}).")
    return said
