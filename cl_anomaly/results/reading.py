"""A comparison, a suite, or a run alone, read back: arrays of its runs only when asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.json_files import read_json, read_json_if_there
from cl_anomaly.data.dataset_names import short_name
from cl_anomaly.results.cost import read_costs
from cl_anomaly.results.recorded import read_named
from cl_anomaly.results.results import Results, short_names
from cl_anomaly.results.run_folder import RunFolder
from cl_anomaly.store.config_files import read_configuration, runs_of
from cl_anomaly.store.metrics import check_finished, read_metrics
from cl_anomaly.store.status import (
    CONFIG_FILE,
    COST_TABLE,
    ENVIRONMENT_FILE,
    METRICS_FILE,
    RUNS_FILE,
    SUITE_FILE,
    holds_several_runs,
)

if TYPE_CHECKING:
    import pandas as pd


def read_suite(folder: str | Path) -> Results:
    """Read what came of a comparison or a suite.

    Args:
        folder: its own, such as `results/digits-compare`. Its runs lie beside it; they are only
            needed for their arrays.

    Raises:
        InputError: there is none, or it is damaged.
    """
    results = read_results(Path(folder))
    if results.kind == "run":
        raise InputError(
            f"Expected {folder} to be a comparison's or a suite's, but it is a run's: "
            f"`read_run` reads it."
        )
    return results


def read_results(folder: Path) -> Results:
    """Read a comparison or a suite, or a run as a comparison of one; see `read_suite`."""
    check_finished(folder)
    config = read_configuration(folder / CONFIG_FILE)
    title = folder.resolve().name
    if not holds_several_runs(config):
        run = RunFolder(folder.resolve(), settings=config, metrics=read_metrics(folder))
        return Results([run], "run", title, folder=folder)
    metrics = read_metrics(folder, of_several=True)
    about = read_json_if_there(folder / SUITE_FILE)
    return Results(
        _Members(folder, config, metrics, about).runs(),
        "suite" if about else "comparison",
        str(about.get("title") or title),
        read_named(folder),
        folder,
        about,
        metrics=metrics,
        **({"costs": read_costs(folder)} if (folder / COST_TABLE).exists() else {}),
    )


def each_once(runs: Iterable[RunFolder]) -> list[RunFolder]:
    """Leave out what is there already: a comparison's member, a folder by another path."""
    once: dict[Path | None, RunFolder] = {}
    for run in runs:
        first = once.setdefault(run.folder, run)
        if first.name == first.strategy_name:  # which any other name says more than
            once[run.folder] = first.but(name=run.name)
    return list(once.values())


def read_what_can_be_drawn(folders: Iterable[Path]) -> tuple[list[RunFolder], list[str]]:
    """Read runs and comparisons, and leave out what has no results.

    Returns:
        The runs, each once, and a sentence for each folder that was left out.

    Raises:
        InputError: nothing is left.
    """
    runs, left_out = [], []
    for folder in dict.fromkeys(folders):
        try:
            lines = read_results(folder).lines
            runs += lines
            if not lines:
                left_out.append(f"{folder} has no results: every seed failed.")
        except InputError as error:
            left_out.append(str(error))
    if not runs:
        raise InputError("\n".join([*left_out, "`cl-anomaly runs` lists the runs that there are."]))
    return each_once(runs), left_out


class _Members:
    """The runs of a comparison or a suite, from what its own folder says of them."""

    def __init__(
        self,
        folder: Path,
        config: Mapping[str, Any],
        metrics: pd.DataFrame,
        about: Mapping[str, Any],
    ) -> None:
        self._folder, self._settings, self._about = folder.resolve(), runs_of(config), about
        self._environments = read_json_if_there(folder / ENVIRONMENT_FILE).get("runs", {})
        self._places = {name: f"{self._folder.name}/{name}" for name in self._settings}
        if (folder / RUNS_FILE).exists():
            self._places = read_json(folder / RUNS_FILE)
        keys = [metrics["run"], *([short_names(metrics["dataset"])] if about else [])]
        self._rows = {
            tuple(map(str, key)): rows.drop(columns="run").reset_index(drop=True)
            for key, rows in metrics.groupby(keys, sort=False)
        }
        self._strategies = metrics.groupby("run", sort=False)["strategy"].first().to_dict()

    def runs(self) -> list[RunFolder]:
        """Return all runs, those with results and those without."""
        return [
            self._member(name, settings) if self._about else self._compared(name, settings)
            for name, settings in self._settings.items()
        ]

    def _compared(self, name: str, settings: dict[str, Any]) -> RunFolder:
        """Return a run of a comparison, which has its metrics."""
        rows = self._rows.get((name,))
        known = {} if rows is None else {"metrics": rows}
        return self._run(name, settings, rows is not None, **known)

    def _member(self, name: str, settings: dict[str, Any]) -> RunFolder:
        """Return a run of a suite, whose metrics are by method and dataset.

        They are all that is known of a run whose own folder is gone.
        """
        about = self._about["members"].get(name, {})
        method = str(about.get("method", name))
        dataset = str(about.get("dataset") or short_name(str(settings.get("dataset"))))
        known: dict[str, Any] = {"method": method, "dataset": dataset}
        rows, place = self._rows.get((method, dataset)), self._place(name)
        if rows is not None and place is not None and not (place / METRICS_FILE).exists():
            known["metrics"] = rows
        has_results = rows is not None and place is not None
        return self._run(name, settings, has_results, failure=about.get("failure"), **known)

    def _run(
        self, name: str, settings: dict[str, Any], has_results: bool, **known: Any
    ) -> RunFolder:
        if name in self._environments:
            known["environment"] = self._environments[name]
        if (method := known.get("method", name)) in self._strategies:
            known["strategy_name"] = str(self._strategies[method])
        place = self._place(name)
        return RunFolder(place, name, settings=settings, has_results=has_results, **known)

    def _place(self, name: str) -> Path | None:
        """Return where a run is, or was: the comparison lies beside its runs."""
        place = self._places.get(name)
        return None if place is None else self._folder.parent / place
