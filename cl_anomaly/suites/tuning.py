"""Options chosen by a suite's rule, on other data than what it reports."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cl_anomaly.core.errors import InputError
from cl_anomaly.plan.outline import Outline
from cl_anomaly.results.run_folder import read_run
from cl_anomaly.statistics.aurocs import HEADLINE
from cl_anomaly.suites.suite import Suite

RULE = (
    "highest mean headline AUROC after the last task over all replicas; of equal ones the first "
    "in the grid"
)
MOST_WIDENINGS = 4
"""How often a run's grid is widened, at most."""


@dataclass(frozen=True)
class Choice:
    """The options chosen for a run.

    Attributes:
        options: of its strategy.
        on: the dataset, anomaly classes and seeds that it was chosen on.
        rule: by which.
        candidates: the rule's number of each, NaN of one that failed.
        on_edge: options whose value still lies on an edge of its grid, so that one beyond it may be
            better.
    """

    options: dict[str, Any]
    on: str
    rule: str
    candidates: dict[str, float]
    on_edge: tuple[str, ...] = ()

    def content(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        found = {name: None if np.isnan(own) else own for name, own in self.candidates.items()}
        return asdict(self) | {"candidates": found, "on_edge": list(self.on_edge)}


def check_apart(tuned: Mapping[str, Outline], reported: Mapping[str, Outline]) -> None:
    """Refuse to choose anything on what is reported.

    Raises:
        InputError: a candidate is scored by a test set, or an anomaly class of a dataset is in
            both.
    """
    known = {place for outline in reported.values() for place in _reported(outline)}
    for name, outline in tuned.items():
        if not outline.config.held_out:
            raise InputError(
                f"Expected [tune] with `held_out` above 0, because no test sample may decide an "
                f"option, but {name!r} would be scored by the test set of {outline.dataset}."
            )
        if both := [place for place in _reported(outline) if place in known]:
            _, dataset, label = both[0]
            raise InputError(
                f"Expected [tune] on other data than the suite reports, but {name!r} would be "
                f"chosen on {dataset} with anomaly class {label}, which the suite reports. Set "
                f"`dataset` or `anomaly_class` under [tune]."
            )


def chosen(suite: Suite, run: str, folders: Mapping[str, Path], outline: Outline) -> Choice:
    """Choose a run's options.

    Args:
        suite: with a tuning of the run.
        run: whose options.
        folders: of finished candidates, by their names in the grid.
        outline: of one of them, to say what they were tried on.

    Raises:
        InputError: no candidate has results.
    """
    tuning = suite.tuning
    options = {} if tuning is None else tuning.candidates(run)
    values = {name: _headline(folders.get(name), outline) for name in options}
    if all(np.isnan(own) for own in values.values()):
        raise InputError(f"Expected a result of [tune.grid.{run}], but every candidate failed.")
    best = max(values, key=lambda name: -np.inf if np.isnan(values[name]) else values[name])
    classes = ", ".join(dict.fromkeys(str(label) for label, _ in outline.replicas))
    seeds = ", ".join(map(str, outline.config.seed_list))
    on = (
        f"{outline.dataset}, {outline.config.held_out:g} of its training set held out, anomaly "
        f"class {classes}, seed {seeds}"
    )
    grid = {} if tuning is None else tuning.grid[run]
    return Choice(options[best], on, RULE, values, tuple(beyond(grid, options[best])))


def beyond(grid: Mapping[str, Sequence[Any]], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return each option whose value lies on an edge of its grid the value one step further out.

    The step is that of the grid at this edge: its ratio where all values are above 0, else its
    difference. Only grids of two numbers or more have edges; whole numbers stay whole.

    Args:
        grid: by option, the values that were tried, in any order.
        options: the values that were chosen.
    """
    found = {name: _further(values, options[name]) for name, values in grid.items()}
    return {name: value for name, value in found.items() if value is not None}


def _further(values: Sequence[Any], best: Any) -> float | int | None:
    are_numbers = all(isinstance(own, int | float) and not isinstance(own, bool) for own in values)
    ordered = sorted(set(values)) if are_numbers else []
    if len(ordered) < 2 or best not in (ordered[0], ordered[-1]):
        return None
    beside = ordered[1] if best == ordered[0] else ordered[-2]
    value = best * best / beside if ordered[0] > 0 else 2 * best - beside
    if all(isinstance(own, int) for own in values):
        whole = round(value)
        return whole if whole not in values and (whole > 0 or ordered[0] <= 0) else None
    return float(f"{value:.12g}")  # 0.001, and not 0.0010000000000000002


def _headline(folder: Path | None, outline: Outline) -> float:
    if folder is None:
        return float("nan")
    own = read_run(folder).metrics
    last = own[(own["metric"] == HEADLINE) & (own["score"] == outline.config.shown_score)]
    last = last[last["task"] == outline.tasks]
    # A replica that failed makes the whole candidate a failure: it must not win by what is left.
    return float(last["value"].mean()) if len(last) == len(outline.replicas) else float("nan")


def _reported(outline: Outline) -> list[tuple[str, str, str]]:
    """List the data as it was read, its name, and each class that is anomalous."""
    labels = [label for label, _ in outline.replicas]
    if outline.config.scenario == "clusters":
        labels = outline.config.anomaly_classes
    return [(outline.data_sha256, outline.dataset, str(label)) for label in labels]
