"""Finished runs and comparisons, read for figures and tables."""

from pathlib import Path
from typing import Any

import pandas as pd

from cl_anomaly.config import RunConfig
from cl_anomaly.durable import check_files, read_json
from cl_anomaly.errors import InputError
from cl_anomaly.record import METRICS_COLUMNS
from cl_anomaly.runs import CONFIG_FILE, METRICS_FILE, is_finished


def read_runs(folders: list[Path]) -> tuple[pd.DataFrame, str]:
    """Read the metrics of runs, or of comparisons, for one figure.

    Args:
        folders: of runs or comparisons.

    Returns:
        Their metrics with a column `run` that tells them apart, and the score of the first.

    Raises:
        InputError: a folder is not one of a run.
    """
    folders = list(dict.fromkeys(folders))
    tables = [_read_metrics(folder) for folder in folders]
    configs = [read_json(folder / CONFIG_FILE) for folder in folders]
    names = [name for table in tables for name in table["run"].unique()]
    for index, table in enumerate(tables):
        if any(names.count(name) > 1 for name in table["run"].unique()):
            table["run"] = table["run"] + f" ({_difference(index, folders, configs)})"
    return pd.concat(tables, ignore_index=True), configs[0].get("score", RunConfig.score)


def _difference(index: int, folders: list[Path], configs: list[dict[str, Any]]) -> str:
    """Say what tells a run from others with its strategy: settings, or else where it is."""
    settings = [_plain_settings(config) for config in configs]
    own = settings.pop(index)
    rivals = [other for other in settings if other.get("strategy") == own.get("strategy")]
    differing = [name for name in own if any(other.get(name) != own[name] for other in rivals)]
    if differing and own not in rivals:
        return ", ".join(f"{name}={own[name]}" for name in differing)
    folder = folders[index]
    return folder.name if [f.name for f in folders].count(folder.name) == 1 else str(folder)


def _plain_settings(config: dict[str, Any]) -> dict[str, Any]:
    together = config | config.get("strategy_options", {})
    plain = {k: v for k, v in together.items() if isinstance(v, str | int | float)}
    return {name: value for name, value in plain.items() if name != "data_root"}


def _read_metrics(folder: Path) -> pd.DataFrame:
    if folder.is_dir() and (folder / CONFIG_FILE).exists() and not is_finished(folder):
        raise InputError(
            f"Expected {folder} to be a finished run, but it is not: `cl-anomaly runs` shows why, "
            f"and `cl-anomaly resume {folder}` goes on with it."
        )
    check_files(folder)
    try:
        table = pd.read_csv(folder / METRICS_FILE, dtype={"classes": str})
    except (OSError, ValueError) as error:
        raise InputError(
            f"Expected {folder} to be the folder of a run, with a {METRICS_FILE}, but: {error}."
        ) from error
    missing = set(METRICS_COLUMNS) - set(table.columns)
    if missing:
        raise InputError(
            f"Expected {folder / METRICS_FILE} to have the column(s) {', '.join(sorted(missing))}."
        )
    return table if "run" in table else table.assign(run=table["strategy"])
