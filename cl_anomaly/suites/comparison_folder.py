"""The folder of a comparison: the numbers of several runs, and their figure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.json_files import read_json, write_json
from cl_anomaly.report.canvas import save_figure
from cl_anomaly.report.figures import draw_auroc
from cl_anomaly.report.run_names import labelled
from cl_anomaly.results.cost import cost_table
from cl_anomaly.results.recorded_tests import read_named, write_tests
from cl_anomaly.runs.folder_lock import claimed
from cl_anomaly.runs.run_folder import FIGURE_NAME
from cl_anomaly.settings.run_config import ResolvedConfig
from cl_anomaly.statistics.aurocs import read_aurocs
from cl_anomaly.statistics.bounds import kind_of
from cl_anomaly.statistics.comparison import Comparison, compare_runs
from cl_anomaly.statistics.pair_tests import Named
from cl_anomaly.statistics.summary import summarise
from cl_anomaly.store.config_files import read_configuration
from cl_anomaly.store.files import is_complete, publish
from cl_anomaly.store.finished import METRICS_COLUMNS, RunResults, read_results
from cl_anomaly.store.folder_names import another_run, checked_name, dataset_name, plain_name
from cl_anomaly.store.status import (
    CONFIG_FILE,
    COST_FILE,
    COST_TABLE,
    ENVIRONMENT_FILE,
    METRICS_FILE,
    RUNS_FILE,
    SUMMARY_FILE,
    differences,
)
from cl_anomaly.suites.suite import suite_from


def check_same_comparison(folder: Path, configs: Mapping[str, ResolvedConfig]) -> None:
    """Refuse to compare other runs under the name of a comparison.

    Raises:
        InputError: there is something else in the folder.
    """
    if not folder.exists():
        return
    content = read_configuration(folder / CONFIG_FILE)
    runs = content.pop("runs", {})
    there = {name: content | own for name, own in runs.items()}
    here = {name: config.to_dict() for name, config in configs.items()}
    if there.keys() != here.keys():
        names = f"its runs are {', '.join(there) or 'none'} there and {', '.join(here)} here"
        raise another_run(folder, [names])
    if different := differences(there, here):
        raise another_run(folder, different)


def write_comparison(
    configs: Mapping[str, ResolvedConfig],
    folders: Mapping[str, Path],
    out: Path,
    name: str | None = None,
    named: Named = (),
) -> Path:
    """Write what several runs give together, unless just that is there already.

    Args:
        configs: of all runs, by name, in the order of the figure's lines.
        folders: of those that have results.
        out: folder for the comparison's folder.
        name: of it. Default: DATASET-compare.
        named: pairs of runs that are tested whoever is the best.

    Returns:
        The comparison's folder.
    """
    finished = {run: folders[run] for run in configs if run in folders}
    first = next(iter(configs.values()))
    name = checked_name(name) if name is not None else plain_name(f"{dataset_name(first)}-compare")
    content = suite_from(configs).content()
    runs = {run: path.name for run, path in finished.items()}
    numbered = re.compile(rf"{re.escape(name)}(-\d+)?")
    for folder in sorted(path for path in out.iterdir() if numbered.fullmatch(path.name)):
        if _holds(folder, content, runs, named):
            return folder
    results = [
        replace(own, name=run) for run, path in finished.items() for own in read_results(path)
    ]

    def write(folder: Path) -> None:
        write_json(folder / CONFIG_FILE, content)
        write_json(folder / RUNS_FILE, runs)
        environments = {run: read_json(path / ENVIRONMENT_FILE) for run, path in finished.items()}
        write_json(folder / ENVIRONMENT_FILE, {"runs": environments})
        _write_numbers(folder, results, first.shown_score, named)
        costs = {
            run: read_json(path / COST_FILE) if (path / COST_FILE).exists() else {}
            for run, path in finished.items()
        }
        cost_table(costs, first.shown_score).to_csv(folder / COST_TABLE, index=False)

    with claimed(out, name, again=True) as folder:
        publish(folder, write, complete=True)
    return folder


def compare_results(results: Sequence[RunResults], score: str, named: Named = ()) -> Comparison:
    """Compare runs by their headline AUROC after the last task, see `compare_runs`.

    Args:
        results: that have the score; those of one name are one competitor.
        score: which.
        named: pairs of runs that are tested whoever is the best.

    Raises:
        InputError: two of one name are of the same scenario.
    """
    tables = [own.metrics.assign(run=own.name, dataset=own.dataset) for own in results]
    try:
        return compare_runs(pd.concat(tables, ignore_index=True), score, named=named)
    except ValueError as error:
        raise InputError(f"{error} A comparison, or a suite, names its runs.") from error


def _write_numbers(folder: Path, results: Sequence[RunResults], score: str, named: Named) -> None:
    """Write what was measured, where not every seed of every run has failed."""
    none = pd.DataFrame(columns=[*METRICS_COLUMNS, "run"])
    tables = [own.metrics.assign(run=own.name) for own in results]
    metrics = pd.concat(tables, ignore_index=True) if tables else none
    metrics.to_csv(folder / METRICS_FILE, index=False)
    if results:
        kinds = {
            (own.name, str(own.metrics["dataset"].iloc[0])): kind_of(own.strategy, own.config, "")
            for own in results
        }
        summarise(read_aurocs(metrics), kinds).to_csv(folder / SUMMARY_FILE, index=False)
        compared = compare_results(results, score, named)
        write_tests(folder, compared)
        lines, _ = labelled(results)
        save_figure(draw_auroc(lines, score), folder / FIGURE_NAME)


def _holds(folder: Path, content: dict[str, Any], runs: dict[str, str], named: Named) -> bool:
    try:
        return (
            is_complete(folder)
            and not differences(read_configuration(folder / CONFIG_FILE), content)
            and read_json(folder / RUNS_FILE) == runs
            and [*read_named(folder)] == [*named]
        )
    except InputError:
        return False
