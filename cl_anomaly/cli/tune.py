"""Tune a suite's options by candidate runs, before any other run begins."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cl_anomaly.cli.missing_runs import How, run_missing
from cl_anomaly.core.errors import InputError
from cl_anomaly.engines.base import Outcome
from cl_anomaly.plan.outline import Outline
from cl_anomaly.report.suite_table import about_edge
from cl_anomaly.suites.outlines import outlines_of
from cl_anomaly.suites.suite import Suite, SuiteRun
from cl_anomaly.suites.tuning import MOST_WIDENINGS, Choice, beyond, check_apart, chosen


@dataclass(frozen=True)
class Chosen:
    """The options chosen for each method.

    Attributes:
        choices: by method.
        waiting: methods without a choice, because their candidates are not to be run now. They have
            no results: results with other options do not count.
    """

    choices: dict[str, Choice]
    waiting: set[str]
    folders: list[Path]


def choose(
    suite: Suite, settings: dict[str, Any], reported: Mapping[str, Outline], how: How
) -> Chosen:
    """Choose the options that the suite leaves to tuning, by runs of the candidates.

    If a choice lies on an edge of its grid, the grid is widened, one step at a time.
    """
    chosen = _tried(suite, settings, reported, how, is_first=True)
    for _ in range(MOST_WIDENINGS):
        wider = _widened(suite, settings, chosen.choices)
        if wider is suite:
            break
        suite = wider
        chosen = _tried(suite, settings, reported, how, is_first=False)
    for run, choice in chosen.choices.items():
        print(f"{run}: {choice.options}, chosen on {choice.on}", file=sys.stderr)
        if about := about_edge(choice.content()):
            print(f"warning: {run}: {about}", file=sys.stderr)
    return chosen


def _tried(
    suite: Suite,
    settings: dict[str, Any],
    reported: Mapping[str, Outline],
    how: How,
    is_first: bool,
) -> Chosen:
    """Run the missing candidates, and choose among all of them."""
    candidates = suite.candidates(settings)
    tried = {run.name: run for by_name in candidates.values() for run in by_name.values()}
    if not tried:
        return Chosen({}, set(), [])
    outlines = outlines_of(suite, tried)
    check_apart(outlines, reported)
    if is_first and (not how.only or any(run in how.only for run in candidates)):
        print("Options are tuned first.", file=sys.stderr)
    outcome = run_missing(tried, outlines, how, says_finished=is_first)
    choices = {}
    for run, by_name in candidates.items():
        over = [run.name in {**outcome.folders, **outcome.failures} for run in by_name.values()]
        if all(over):
            choices[run] = _chosen(suite, run, by_name, outcome, outlines)
    waiting = set(candidates) - set(choices)
    return Chosen(choices, waiting, list(outcome.folders.values()))


def _widened(suite: Suite, settings: dict[str, Any], choices: Mapping[str, Choice]) -> Suite:
    """Widen the grids whose choice lies on an edge, as far as the options allow."""
    for run, choice in choices.items():
        if suite.tuning is None or not choice.on_edge:
            continue
        more = beyond(suite.tuning.grid[run], choice.options)
        wider = replace(suite, tuning=suite.tuning.widened(run, more))
        try:
            outlines_of(wider, {m.name: m for m in wider.candidates(settings)[run].values()})
        except InputError:  # the option itself ends at this edge
            continue
        shown = ", ".join(f"{name} = {value}" for name, value in more.items())
        print(f"{run}: {choice.options} lies on an edge; trying {shown}, too.", file=sys.stderr)
        suite = wider
    return suite


def _chosen(
    suite: Suite,
    run: str,
    candidates: Mapping[str, SuiteRun],
    outcome: Outcome,
    outlines: Mapping[str, Outline],
) -> Choice:
    folders = {
        option: outcome.folders[candidate.name]
        for option, candidate in candidates.items()
        if candidate.name in outcome.folders
    }
    first = next(iter(candidates.values()))
    return chosen(suite, run, folders, outlines[first.name])
