"""The folder of a comparison: the numbers of several runs, and their figure."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.json_files import read_json
from cl_anomaly.data.dataset_names import short_name
from cl_anomaly.report.auroc_figure import draw_auroc
from cl_anomaly.report.canvas import save_figure
from cl_anomaly.report.run_names import labelled
from cl_anomaly.results.recorded import read_named
from cl_anomaly.results.results import Results
from cl_anomaly.results.run_folder import RunFolder
from cl_anomaly.runs.folder_lock import claimed
from cl_anomaly.settings.run_config import ResolvedConfig
from cl_anomaly.statistics.pair_tests import Named
from cl_anomaly.store.config_files import read_configuration, runs_of
from cl_anomaly.store.files import is_complete, publish
from cl_anomaly.store.folder_names import another_run, checked_name, plain_name
from cl_anomaly.store.status import CONFIG_FILE, FIGURE_NAME, RUNS_FILE, differences
from cl_anomaly.suites.folder import write_runs
from cl_anomaly.suites.suite import suite_from


def check_same_comparison(folder: Path, configs: Mapping[str, ResolvedConfig]) -> None:
    """Refuse to compare other runs under the name of a comparison.

    Raises:
        InputError: there is something else in the folder.
    """
    if not folder.exists():
        return
    content = read_configuration(folder / CONFIG_FILE)
    there = runs_of({"runs": {}, **content})
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
    first = next(iter(configs.values()))
    usual = plain_name(f"{short_name(first.dataset)}-compare")
    name = usual if name is None else checked_name(name)
    content = suite_from(configs).content()
    runs = {run: folders[run].name for run in configs if run in folders}
    if (there := _written_before(out, name, content, runs, named)) is not None:
        return there
    made = [
        RunFolder(folders.get(run), run, settings=config.to_dict(), config=config)
        for run, config in configs.items()
    ]
    results = Results(made, "comparison", name, named)

    def write(folder: Path) -> None:
        write_runs(folder, results)
        if results.lines:
            lines, _ = labelled(results.lines)
            save_figure(draw_auroc(lines, first.shown_score), folder / FIGURE_NAME)

    with claimed(out, name, again=True) as folder:
        publish(folder, write, complete=True)
    return folder


def _written_before(
    out: Path, name: str, content: dict[str, Any], runs: dict[str, str], named: Named
) -> Path | None:
    """Find the folder of just this comparison, by its name or that with a number after it."""
    numbered = re.compile(rf"{re.escape(name)}(-\d+)?")
    folders = sorted(path for path in out.iterdir() if numbered.fullmatch(path.name))
    return next((path for path in folders if _holds(path, content, runs, named)), None)


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
