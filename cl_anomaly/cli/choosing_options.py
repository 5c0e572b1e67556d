"""Options of a suite's runs, chosen by runs of their own before any other begins."""

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
    """What options were chosen by.

    Attributes:
        choices: what was chosen, by method.
        waiting: methods that wait for it, because their candidates are not to be run now. They have
            no results: those of another value are not theirs.
        folders: of the candidates.
    """

    choices: dict[str, Choice]
    waiting: set[str]
    folders: list[Path]


def choose(
    suite: Suite, settings: dict[str, Any], reported: Mapping[str, Outline], how: How
) -> Chosen:
    """Choose the options that the suite lets be chosen, from runs of their own.

    The grid of a run whose choice lies on an edge is widened, a step at a time.
    """
    found = _tried(suite, settings, reported, how, is_first=True)
    for _ in range(MOST_WIDENINGS):
        wider = _widened(suite, settings, found.choices)
        if wider is suite:
            break
        suite = wider
        found = _tried(suite, settings, reported, how, is_first=False)
    for run, said in found.choices.items():
        print(f"{run}: {said.options}, chosen on {said.on}", file=sys.stderr)
        if about := about_edge(said.content()):
            print(f"warning: {run}: {about}", file=sys.stderr)
    return found


def _tried(
    suite: Suite,
    settings: dict[str, Any],
    reported: Mapping[str, Outline],
    how: How,
    is_first: bool,
) -> Chosen:
    """Run the candidates that are missing, and choose by all of them."""
    candidates = suite.candidates(settings)
    tried = {own.name: own for by_name in candidates.values() for own in by_name.values()}
    if not tried:
        return Chosen({}, set(), [])
    outlines = outlines_of(suite, tried)
    check_apart(outlines, reported)
    if is_first and (not how.only or any(run in how.only for run in candidates)):
        print("Options are chosen first.", file=sys.stderr)
    outcome = run_missing(tried, outlines, how, says_finished=is_first)
    choices = {}
    for run, by_name in candidates.items():
        over = [own.name in {**outcome.folders, **outcome.failures} for own in by_name.values()]
        if all(over):
            choices[run] = _chosen(suite, run, by_name, outcome, outlines)
    waiting = set(candidates) - set(choices)
    return Chosen(choices, waiting, list(outcome.folders.values()))


def _widened(suite: Suite, settings: dict[str, Any], choices: Mapping[str, Choice]) -> Suite:
    """Widen the grids whose choice lies on an edge, as far as the options take such values."""
    for run, choice in choices.items():
        if suite.tuning is None or not choice.on_edge:
            continue
        more = beyond(suite.tuning.grid[run], choice.options)
        wider = replace(suite, tuning=suite.tuning.widened(run, more))
        try:
            outlines_of(wider, {m.name: m for m in wider.candidates(settings)[run].values()})
        except InputError:  # the edge is the option's own
            continue
        shown = ", ".join(f"{name} = {value}" for name, value in more.items())
        print(f"{run}: {choice.options} lies on an edge; {shown} is tried, too.", file=sys.stderr)
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
        option: outcome.folders[own.name]
        for option, own in candidates.items()
        if own.name in outcome.folders
    }
    first = next(iter(candidates.values()))
    return chosen(suite, run, folders, outlines[first.name])
