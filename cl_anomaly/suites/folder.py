"""The folder of a suite: its table, statistics and costs, and what they were made of."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.json_files import write_json
from cl_anomaly.plan.outline import Outline
from cl_anomaly.report.auroc_figure import draw_auroc
from cl_anomaly.report.canvas import save_figure
from cl_anomaly.report.critical_difference import draw_critical_difference
from cl_anomaly.report.run_names import labelled
from cl_anomaly.report.suite_table import markdown_table
from cl_anomaly.results.results import Results
from cl_anomaly.results.run_folder import RunFolder
from cl_anomaly.results.writing import write_numbers
from cl_anomaly.runs.folder_lock import claimed
from cl_anomaly.settings.run_config import ResolvedConfig
from cl_anomaly.statistics.comparison import Comparison
from cl_anomaly.store.config_files import read_configuration, runs_of
from cl_anomaly.store.files import MANIFEST_FILE, publish, read_sealed
from cl_anomaly.store.folder_names import another_run
from cl_anomaly.store.status import (
    CONFIG_FILE,
    ENVIRONMENT_FILE,
    FIGURE_NAME,
    RUNS_FILE,
    SUITE_FILE,
    differences,
)
from cl_anomaly.suites.outlines import Origin
from cl_anomaly.suites.suite import Suite, SuiteRun, suite_from
from cl_anomaly.suites.tuning import Choice

TABLE_PAGE = "table.md"
RANKS_FIGURE = "critical_difference"
# Lines that a figure of AUROCs can hold, and still be read.
_MOST_LINES = 20


# What may differ from one call to the next: seeds are added, options are chosen again.
_CHANGING = {"data_root", "dataset_note", "seeds", "strategy_options"}


def check_same_suite(folder: Path, configs: Mapping[str, ResolvedConfig]) -> None:
    """Refuse to write a suite's results over something else, or over the same with other settings.

    Args:
        folder: the suite's.
        configs: of its runs, as they are now.

    Raises:
        InputError: there is something else in the folder.
    """
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / SUITE_FILE).exists():
        raise another_run(folder, ["it is no suite"])
    content = read_configuration(folder / CONFIG_FILE)
    whole = runs_of({"runs": {}, **content})
    there = {name: _lasting(settings) for name, settings in whole.items() if name in configs}
    here = {name: _lasting(configs[name].to_dict()) for name in there}
    if different := differences(there, here):
        raise another_run(folder, different)


def check_each_once(members: Mapping[str, SuiteRun], outlines: Mapping[str, Outline]) -> None:
    """Check that a method has each replica once, because its runs are one line of the table.

    Args:
        members: of a suite, by name.
        outlines: theirs.

    Raises:
        InputError: two runs of a method have the same one.
    """
    known: dict[tuple[Any, ...], str] = {}
    for key, outline in outlines.items():
        method, dataset = members[key].method, outline.dataset
        for anomaly_class, seed in outline.replicas:
            first = known.setdefault((method, dataset, anomaly_class, seed), key)
            if first != key:
                raise InputError(
                    f"Expected each replica of {method} once, but the runs {first!r} and {key!r} "
                    f"both have seed {seed} with anomaly class {anomaly_class} of "
                    f"{dataset}. Runs that differ in more than dataset, anomaly class and seeds "
                    f"need names of their own, under [runs.NAME]."
                )


def _lasting(config: dict[str, Any]) -> dict[str, Any]:
    """Return what of a run's settings has to stay; a file of data by its name, wherever it lies."""
    lasting = {name: value for name, value in config.items() if name not in _CHANGING}
    return lasting | {"dataset": Path(str(config.get("dataset"))).name}


def write_runs(folder: Path, results: Results) -> None:
    """Write which runs a comparison or a suite is of, and what they give together."""
    finished = {name: run for name, run in results.runs.items() if run.folder is not None}
    configs = {name: run.config for name, run in results.runs.items()}
    write_json(folder / CONFIG_FILE, suite_from(configs).content())
    write_json(folder / RUNS_FILE, {name: run.path.name for name, run in finished.items()})
    environments = {name: run.environment for name, run in finished.items()}
    write_json(folder / ENVIRONMENT_FILE, {"runs": environments})
    write_numbers(folder, results)


def write_suite(
    suite: Suite,
    runs: Sequence[RunFolder],
    choices: Mapping[str, Choice],
    out: Path,
    name: str,
    made_from: Origin | None = None,
    data_notes: Sequence[str] = (),
) -> Path:
    """Write what a suite's runs give together, in place of what an earlier call wrote.

    Args:
        suite: of which these are.
        runs: all of them, each with its configuration; those without results have no folder.
        choices: what tuning has chosen, by method.
        out: folder for the suite's folder.
        name: of it.
        made_from: what these are, so that a later call can tell whether it would write the same.
        data_notes: what a person should know of the data.

    Returns:
        The suite's folder.
    """
    about = _about(suite, runs, choices, data_notes)
    results = Results(runs, "suite", suite.title, suite.named_pairs(), about=about)

    def write(folder: Path) -> None:
        write_runs(folder, results)
        origin = {"made_from": made_from.content()} if made_from else {}
        write_json(folder / SUITE_FILE, about | origin)
        if results.comparison is not None:
            (folder / TABLE_PAGE).write_text(markdown_table(results), encoding="utf-8")
            _draw(folder, results, results.comparison)

    with claimed(out, name, again=False) as folder:
        before = _written(folder)
        publish(folder, write, complete=True)
        # Such as a figure that there is no more cause to draw.
        for name in before - _written(folder):
            (folder / name).unlink(missing_ok=True)
    return folder


def _draw(folder: Path, results: Results, compared: Comparison) -> None:
    drawn = [run for run in results.runs.values() if run.has_results]
    with suppress(InputError):  # of fewer than three runs, or a single block
        strategies = {run.method: run.strategy_name for run in drawn}
        figure = draw_critical_difference(compared, strategies, results.title)
        save_figure(figure, folder / RANKS_FIGURE)
    scores = {run.score for run in drawn}
    if len({run.dataset for run in drawn}) == 1 == len(scores) and len(drawn) <= _MOST_LINES:
        lines, _ = labelled([run.but(name=run.method) for run in drawn])
        save_figure(draw_auroc(lines, drawn[0].score), folder / FIGURE_NAME)


def _written(folder: Path) -> set[str]:
    """Name the files that a call has written into a suite's folder."""
    manifest = folder / MANIFEST_FILE
    return set(read_sealed(manifest)["files"]) if manifest.exists() else set()


def _about(
    suite: Suite,
    runs: Sequence[RunFolder],
    choices: Mapping[str, Choice],
    data_notes: Sequence[str],
) -> dict[str, Any]:
    """Describe a suite for `suite.json`."""
    return {
        "title": suite.title,
        "file": suite.file.name if suite.file else None,
        "members": {
            run.name: {
                "method": run.method,
                "dataset": run.dataset,
                "finished": run.folder is not None,
                "failure": run.failure,
            }
            for run in runs
        },
        "pairs": [list(pair) for pair in suite.pairs],
        "chosen": {run: choice.content() for run, choice in choices.items()},
        "data_notes": list(dict.fromkeys(data_notes)),
    }


def find_suite(out: Path, name: str) -> Path:
    """Find a suite's folder: in the folder of results, or among the published ones.

    Raises:
        InputError: there is none.
    """
    places = [out / name, out / "reference" / name, Path("results/reference") / name]
    for place in places:
        if (place / SUITE_FILE).exists():
            return place
    looked = ", ".join(map(str, dict.fromkeys(places)))
    raise InputError(f"Expected results of the suite {name}, but there are none: {looked}.")
