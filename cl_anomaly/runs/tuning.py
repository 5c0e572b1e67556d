"""Options chosen by a suite's rule, on other data than what it reports."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cl_anomaly.errors import InputError
from cl_anomaly.evaluation.aurocs import HEADLINE
from cl_anomaly.runs.build import Plan
from cl_anomaly.runs.suites import Suite
from cl_anomaly.storage.results import read_results

RULE = (
    "highest mean headline AUROC after the last task over all replicas; of equal ones the first "
    "in the grid"
)


@dataclass(frozen=True)
class Choice:
    """What was chosen for a run.

    Attributes:
        options: of its strategy.
        on: the dataset, anomaly classes and seeds that it was chosen on.
        rule: by which.
        candidates: the rule's number of each, NaN of one that failed.
    """

    options: dict[str, Any]
    on: str
    rule: str
    candidates: dict[str, float]

    def content(self) -> dict[str, Any]:
        """Give it as JSON can hold it."""
        found = {name: None if np.isnan(own) else own for name, own in self.candidates.items()}
        return asdict(self) | {"candidates": found}


def check_apart(tuned: Mapping[str, Plan], reported: Mapping[str, Plan]) -> None:
    """Refuse to choose anything on what is reported.

    Raises:
        InputError: an anomaly class of a dataset is in both.
    """
    known = {own for plan in reported.values() for own in _reported(plan)}
    for name, plan in tuned.items():
        if both := [own for own in _reported(plan) if own in known]:
            dataset, label = both[0][1], both[0][2]
            raise InputError(
                f"Expected [tune] on other data than the suite reports, but {name!r} would be "
                f"chosen on {dataset} with anomaly class {label}, which the suite reports. Set "
                f"`dataset` or `anomaly_class` under [tune]."
            )


def chosen(suite: Suite, run: str, folders: Mapping[str, Path], plan: Plan) -> Choice:
    """Choose a run's options.

    Args:
        suite: with a tuning of the run.
        run: whose options.
        folders: of finished candidates, by their names in the grid.
        plan: of one of them, to say what they were tried on.

    Raises:
        InputError: no candidate has results.
    """
    tuning = suite.tuning
    options = {} if tuning is None else tuning.candidates(run)
    values = {name: _headline(folders.get(name), plan) for name in options}
    if all(np.isnan(own) for own in values.values()):
        raise InputError(f"Expected a result of [tune.grid.{run}], but every candidate failed.")
    best = max(values, key=lambda name: -np.inf if np.isnan(values[name]) else values[name])
    classes = ", ".join(dict.fromkeys(str(own.anomaly_class) for own in plan.replicas))
    seeds = ", ".join(map(str, plan.config.seed_list))
    on = f"{plan.dataset.name}, anomaly class {classes}, seed {seeds}"
    return Choice(options[best], on, RULE, values)


def _headline(folder: Path | None, plan: Plan) -> float:
    if folder is None:
        return float("nan")
    (results,) = read_results(folder)
    own = results.metrics
    last = own[(own["metric"] == HEADLINE) & (own["score"] == plan.config.shown_score)]
    last = last[last["task"] == len(plan.scenarios[0].tasks)]
    # A replica that failed makes the whole candidate a failure: it must not win by what is left.
    return float(last["value"].mean()) if len(last) == len(plan.replicas) else float("nan")


def _reported(plan: Plan) -> list[tuple[str, str, str]]:
    sha256, name = plan.dataset.sha256, plan.dataset.name
    return [(sha256, name, str(own.anomaly_class)) for own in plan.replicas]
