"""Finished runs and comparisons, read for figures and tables."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from textwrap import shorten
from typing import Any

import pandas as pd

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.json_files import read_json
from cl_anomaly.core.labels import Label, label_from
from cl_anomaly.settings.run_config import ResolvedConfig
from cl_anomaly.store.config_files import read_configuration
from cl_anomaly.store.files import check_files
from cl_anomaly.store.status import (
    CONFIG_FILE,
    ENVIRONMENT_FILE,
    METRICS_FILE,
    RUNS_FILE,
    is_finished,
    status_of,
)

METRICS_COLUMNS = (
    "strategy",
    "dataset",
    "anomaly_class",
    "seed",
    "task",
    "classes",
    "score",
    "metric",
    "value",
)


@dataclass(frozen=True, eq=False)
class RunResults:
    """What a finished run has measured, and by what.

    Attributes:
        folder: the run's, whichever path or comparison it was found by.
        name: its strategy's, or what its comparison calls it.
        config: its settings.
        environment: the machine, data and code; empty where nothing was recorded.
        metrics: in tidy form.
    """

    folder: Path
    name: str
    config: dict[str, Any]
    environment: dict[str, Any]
    metrics: pd.DataFrame

    @property
    def strategy(self) -> str:
        """What its strategy is called in results."""
        return str(self.metrics["strategy"].iloc[0])

    @property
    def dataset(self) -> str:
        """The dataset's name, or that of its file."""
        return Path(str(self.metrics["dataset"].iloc[0])).name

    @property
    def data(self) -> str:
        """The SHA-256 of its data; empty where it was not recorded."""
        return str(self.environment.get("data_sha256") or "")

    @property
    def anomaly_classes(self) -> tuple[Label, ...]:
        """The classes that are the anomaly, in turn."""
        return tuple(self.metrics["anomaly_class"].unique().tolist())

    @property
    def score(self) -> str:
        """The score that it was made to show."""
        return shown_score(self.config)


def shown_score(config: Mapping[str, Any]) -> str:
    """Return the score that a run with these settings shows."""
    own = config.get("score") or ResolvedConfig.score
    return str(own[0] if isinstance(own, list) else own)


def read_metrics(folder: Path) -> pd.DataFrame:
    """Read a finished run's metrics to the last digit, once its files are sure to be whole.

    Raises:
        InputError: as `read_results`.
    """
    _check_finished(folder)
    return _read_metrics(folder, set())


def read_results(folder: Path) -> list[RunResults]:
    """Read what a run, or every run of a comparison, has measured; nothing where every seed failed.

    Raises:
        InputError: the folder is of neither, is damaged, or is not finished; says why.
    """
    _check_finished(folder)
    config = read_configuration(folder / CONFIG_FILE)
    metrics = _read_metrics(folder, {"run"} if "runs" in config else set())
    environment = _read_if_there(folder / ENVIRONMENT_FILE)
    if "runs" not in config:
        names = metrics["strategy"].unique()[:1]
        return [RunResults(folder.resolve(), n, config, environment, metrics) for n in names]
    folders, environments = _read_if_there(folder / RUNS_FILE), environment.get("runs", {})
    own, shared = config["runs"], {k: v for k, v in config.items() if k != "runs"}
    return [
        RunResults(
            # Where the run is, or was: the comparison lies beside its runs.
            folder.resolve().parent / folders.get(name, f"{folder.resolve().name}/{name}"),
            name,
            shared | own.get(name, {}),
            environments.get(name, {}),
            table.drop(columns="run").reset_index(drop=True),
        )
        for name, table in ((str(run), rows) for run, rows in metrics.groupby("run", sort=False))
    ]


def each_once(results: Iterable[RunResults]) -> list[RunResults]:
    """Leave out what is there already: a comparison's member, a folder by another path."""
    found: dict[Path, RunResults] = {}
    for result in results:
        first = found.setdefault(result.folder, result)
        if first.name == first.strategy:  # which any other name says more than
            found[result.folder] = replace(first, name=result.name)
    return list(found.values())


def read_what_can_be_drawn(folders: Iterable[Path]) -> tuple[list[RunResults], list[str]]:
    """Read runs and comparisons, and leave out what has no results.

    Returns:
        The runs, each once, and a sentence for each folder that was left out.

    Raises:
        InputError: nothing is left.
    """
    results, left_out = [], []
    for folder in dict.fromkeys(folders):
        try:
            found = read_results(folder)
            results += found
            if not found:
                left_out.append(f"{folder} has no results: every seed failed.")
        except InputError as error:
            left_out.append(str(error))
    if not results:
        raise InputError("\n".join([*left_out, "`cl-anomaly runs` lists the runs that there are."]))
    return each_once(results), left_out


def _check_finished(folder: Path) -> None:
    if not folder.is_dir():
        why = "a file" if folder.exists() else "not there"
        raise InputError(f"{folder} is no folder of a run or comparison: it is {why}.")
    if not any((folder / file).exists() for file in (CONFIG_FILE, METRICS_FILE)):
        raise InputError(
            f"{folder} is no folder of a run or comparison: it has no {CONFIG_FILE} and no "
            f"{METRICS_FILE}."
        )
    if is_finished(folder):
        return
    status = status_of(folder)
    why = shorten("; ".join(status.why), 160, placeholder=" …")
    if status.name == "failed":
        raise InputError(f"{folder} has no results: it failed: {why}")
    raise InputError(
        f"{folder} has no results yet: it is {status.name}, {why}. `cl-anomaly resume {folder}` "
        f"goes on with it."
    )


def _read_metrics(folder: Path, more: set[str]) -> pd.DataFrame:
    check_files(folder)
    text = dict.fromkeys(("classes", "run", "strategy", "dataset"), str)
    try:
        # A run may be called 1 or NA, too.
        # Python's own numbers: to the last digit, which not every version of pandas reads.
        table = pd.read_csv(
            folder / METRICS_FILE,
            dtype=text,
            keep_default_na=False,
            converters={"value": float, "anomaly_class": cache(label_from)},
        )
    except (OSError, ValueError) as error:
        raise InputError(
            f"Expected {folder} to be the folder of a run, with a {METRICS_FILE}, but: {error}."
        ) from error
    missing = ({*METRICS_COLUMNS} | more) - set(table.columns)
    if missing:
        raise InputError(
            f"Expected {folder / METRICS_FILE} to have the column(s) {', '.join(sorted(missing))}."
        )
    return table


def _read_if_there(path: Path) -> dict[str, Any]:
    return read_json(path) if path.exists() else {}
