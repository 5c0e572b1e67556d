"""The folder of a suite: its table, statistics and costs, and what they were made of."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.json_files import read_json, write_json
from cl_anomaly.plan.outline import Outline
from cl_anomaly.report.canvas import save_figure
from cl_anomaly.report.critical_difference import draw_critical_difference
from cl_anomaly.report.figures import draw_auroc
from cl_anomaly.report.run_names import labelled
from cl_anomaly.report.suite_table import TABLE_FILE, markdown_table
from cl_anomaly.results.cost import COST_COLUMNS, cost_table
from cl_anomaly.results.recorded_tests import write_tests
from cl_anomaly.results.table import Entrant, standings
from cl_anomaly.runs.folder_lock import claimed
from cl_anomaly.runs.run_folder import FIGURE_NAME
from cl_anomaly.settings.run_config import ResolvedConfig
from cl_anomaly.statistics.aurocs import read_aurocs
from cl_anomaly.statistics.bounds import kind_of
from cl_anomaly.statistics.comparison import compare_runs
from cl_anomaly.statistics.summary import summarise
from cl_anomaly.store.config_files import read_configuration
from cl_anomaly.store.files import MANIFEST_FILE, publish, read_sealed
from cl_anomaly.store.finished import RunResults, read_results
from cl_anomaly.store.folder_names import another_run
from cl_anomaly.store.status import (
    CONFIG_FILE,
    COST_FILE,
    COST_TABLE,
    ENVIRONMENT_FILE,
    METRICS_FILE,
    RUNS_FILE,
    SUITE_FILE,
    SUMMARY_FILE,
    differences,
)
from cl_anomaly.suites.outlines import Origin
from cl_anomaly.suites.suite import Member, Suite, suite_from
from cl_anomaly.suites.tuning import Choice

TABLE_PAGE = "table.md"
RANKS_FIGURE = "critical_difference"
_SHOWN = "shown"
# Lines that a figure of AUROCs can hold, and still be read.
_MOST_LINES = 20


@dataclass(frozen=True)
class SuiteMember:
    """A run of a suite, as it was carried out.

    Attributes:
        method: what is compared.
        config: with every default filled in.
        dataset: its name.
        folder: with its results, where it has some.
        failure: why it has none, or which of its replicas have none.
        note: what a person should know of its data.
    """

    method: str
    config: ResolvedConfig
    dataset: str
    folder: Path | None
    failure: str | None
    note: str | None = None


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
    runs = content.pop("runs", {})
    there = {name: _lasting(content | own) for name, own in runs.items() if name in configs}
    here = {name: _lasting(configs[name].to_dict()) for name in there}
    if different := differences(there, here):
        raise another_run(folder, different)


def check_each_once(members: Mapping[str, Member], outlines: Mapping[str, Outline]) -> None:
    """Make sure that a method has each replica once: all its runs are one line of the table.

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
    kept = {name: value for name, value in config.items() if name not in _CHANGING}
    return kept | {"dataset": Path(str(config.get("dataset"))).name}


def write_suite(
    suite: Suite,
    members: Mapping[str, SuiteMember],
    choices: Mapping[str, Choice],
    out: Path,
    name: str,
    made_from: Origin | None = None,
) -> Path:
    """Write what a suite's runs give together, in place of what an earlier call wrote.

    Args:
        suite: of which these are.
        members: all of them, finished or not.
        choices: what tuning has chosen, by method.
        out: folder for the suite's folder.
        name: of it.
        made_from: what these are, so that a later call can tell whether it would write the same.

    Returns:
        The suite's folder.
    """
    finished = {key: own.folder for key, own in members.items() if own.folder is not None}
    results = [
        replace(own, name=members[key].method)
        for key, path in finished.items()
        for own in read_results(path)
    ]

    def write(folder: Path) -> None:
        configs = {key: own.config for key, own in members.items()}
        write_json(folder / CONFIG_FILE, suite_from(configs).content())
        write_json(folder / RUNS_FILE, {key: path.name for key, path in finished.items()})
        environments = {key: read_json(path / ENVIRONMENT_FILE) for key, path in finished.items()}
        write_json(folder / ENVIRONMENT_FILE, {"runs": environments})
        origin = {"made_from": made_from.content()} if made_from else {}
        write_json(folder / SUITE_FILE, _content(suite, members, choices) | origin)
        costs = _costs(members)
        if len(costs):
            costs.to_csv(folder / COST_TABLE, index=False)
        if results:
            _write_numbers(folder, suite, members, choices, results, costs)

    with claimed(out, name, again=False) as folder:
        before = _written(folder)
        publish(folder, write, complete=True)
        # Such as a figure that there is no more cause to draw.
        for name in before - _written(folder):
            (folder / name).unlink(missing_ok=True)
    return folder


def _written(folder: Path) -> set[str]:
    """Name the files that a call has written into a suite's folder."""
    manifest = folder / MANIFEST_FILE
    return set(read_sealed(manifest)["files"]) if manifest.exists() else set()


def _content(
    suite: Suite, members: Mapping[str, SuiteMember], choices: Mapping[str, Choice]
) -> dict[str, Any]:
    return {
        "title": suite.title,
        "file": suite.file.name if suite.file else None,
        "members": {
            key: {
                "method": own.method,
                "dataset": own.dataset,
                "finished": own.folder is not None,
                "failure": own.failure,
            }
            for key, own in members.items()
        },
        "pairs": [list(own) for own in suite.pairs],
        "chosen": {run: choice.content() for run, choice in choices.items()},
        "data_notes": _data_notes(members),
    }


def _costs(members: Mapping[str, SuiteMember]) -> pd.DataFrame:
    """Put the costs of all runs with results beside each other, by their methods and datasets."""
    tables = [pd.DataFrame(columns=list(COST_COLUMNS))]
    for key, own in members.items():
        if own.folder is not None:
            file = own.folder / COST_FILE
            cost = read_json(file) if file.exists() else {}
            table = cost_table({key: cost}, own.config.shown_score)
            tables.append(table.assign(method=own.method, dataset=own.dataset))
    return pd.concat(tables[1:] or tables, ignore_index=True)


def _entrants(members: Mapping[str, SuiteMember], results: Sequence[RunResults]) -> list[Entrant]:
    strategies = _strategies(results)
    return [
        Entrant(
            own.method,
            own.dataset,
            strategies.get(own.method, own.config.strategy),
            own.config.to_dict(),
            own.config.shown_score,
        )
        for own in members.values()
    ]


def _data_notes(members: Mapping[str, SuiteMember]) -> list[str]:
    """Collect what is to be known of the data, each once."""
    return list(dict.fromkeys(own.note for own in members.values() if own.note))


def _write_numbers(
    folder: Path,
    suite: Suite,
    members: Mapping[str, SuiteMember],
    choices: Mapping[str, Choice],
    results: Sequence[RunResults],
    costs: pd.DataFrame,
) -> None:
    metrics = pd.concat([_by_own_score(own) for own in results], ignore_index=True)
    metrics.to_csv(folder / METRICS_FILE, index=False)
    kinds = {(own.name, own.dataset): kind_of(own.strategy, own.config, "") for own in results}
    summarise(read_aurocs(metrics), kinds).to_csv(folder / SUMMARY_FILE, index=False)
    shown = metrics.assign(score=_SHOWN)
    compared = compare_runs(shown, _SHOWN, named=suite.named_pairs())
    write_tests(folder, compared)
    entrants = _entrants(members, results)
    table = standings(compared, shown, entrants, costs.assign(run=costs["method"]))
    table.to_csv(folder / TABLE_FILE, index=False)
    made = {run: choice.content() for run, choice in choices.items()}
    page = markdown_table(suite.title, table, compared, made)
    page += "".join(f"- {note}\n" for note in _data_notes(members))
    (folder / TABLE_PAGE).write_text(page, encoding="utf-8")
    with suppress(InputError):  # of fewer than three runs, or a single block
        figure = draw_critical_difference(compared, _strategies(results), suite.title)
        save_figure(figure, folder / RANKS_FIGURE)
    scores = {own.score for own in results}
    if len({own.dataset for own in results}) == 1 == len(scores) and len(results) <= _MOST_LINES:
        lines, _ = labelled(list(results))
        save_figure(draw_auroc(lines, results[0].score), folder / FIGURE_NAME)


def _strategies(results: Sequence[RunResults]) -> dict[str, str]:
    return {own.name: own.strategy for own in results}


def _by_own_score(results: RunResults) -> pd.DataFrame:
    own = results.metrics
    kept = own[own["score"] == results.score]
    return kept.assign(run=results.name, dataset=results.dataset)


def find_suite(out: Path, name: str) -> Path:
    """Find a suite's folder: in the folder of results, or among the published ones.

    Raises:
        InputError: there is none.
    """
    places = [out / name, out / "reference" / name, Path("results/reference") / name]
    found = next((place for place in places if (place / SUITE_FILE).exists()), None)
    if found is None:
        listed = ", ".join(map(str, dict.fromkeys(places)))
        raise InputError(f"Expected results of the suite {name}, but there are none: {listed}.")
    return found
