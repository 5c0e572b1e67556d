"""A run's folder on disk: complete or absent, and never written over."""

import errno
import json
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cl_anomaly.config import RunConfig
from cl_anomaly.errors import InputError, RunError
from cl_anomaly.experiment import METRICS_COLUMNS, Result
from cl_anomaly.plots import draw_auroc, save_figure
from cl_anomaly.summary import summarise

METRICS_FILE = "metrics.csv"
SUMMARY_FILE = "summary.csv"
CONFIG_FILE = "config.json"
ENVIRONMENT_FILE = "environment.json"
FIGURE_NAME = "auroc_per_task"


def check_writable(out: Path) -> None:
    """Make sure, before hours of training, that results can be kept.

    Raises:
        InputError: the folder cannot be made or written to.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise InputError(
            f"Expected `out` to be a folder that can be written to, but {out} is not: "
            f"{error.strerror}. Choose another with `--out DIR`."
        ) from error


def write_run(result: Result, out: Path) -> Path:
    """Write a run's folder under `out`.

    Returns:
        The folder: DATASET-STRATEGY-FINGERPRINT, with a number behind it where that is taken.

    Raises:
        RunError: it could not be written; nothing is left of it.
    """
    strategy = result.metrics["strategy"].iloc[0]
    name = f"{result.config.dataset}-{strategy}-{result.config.fingerprint()}"
    metrics = result.metrics.assign(run=strategy)

    def write(folder: Path) -> None:
        write_json(folder / CONFIG_FILE, result.config.to_dict())
        write_json(folder / ENVIRONMENT_FILE, result.environment)
        write_json(folder / "timing.json", result.timing)
        result.metrics.to_csv(folder / METRICS_FILE, index=False)
        summarise(metrics).to_csv(folder / SUMMARY_FILE, index=False)
        np.savez_compressed(
            folder / "scores.npz",
            labels=result.test_labels,
            test_indices=result.test_indices,
            seeds=np.array(result.config.seed_list),
            **result.scores,  # type: ignore[arg-type]
        )
        save_figure(draw_auroc(metrics, result.config.score), folder / FIGURE_NAME, ("png",))
        if result.strategy_source is not None:
            (folder / "strategy.py").write_text(result.strategy_source, encoding="utf-8")

    return write_folder(out, name, write)


def write_folder(out: Path, name: str, write: Callable[[Path], None]) -> Path:
    """Write a folder whole or not at all: beside its place first, then renamed into it.

    Args:
        out: the folder to write it in.
        name: what to call it; `name-2`, `name-3`... where there is one already.
        write: writes its files into the folder that it is given.

    Raises:
        RunError: it could not be written; nothing is left of it.
    """
    name = re.sub(r"[^\w.+-]+", "_", name)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with _temporary_folder(out, name) as folder:
            write(folder)
            # Files first: a folder must not appear under its name before they are on the disk.
            for path in (*folder.iterdir(), folder):
                _sync(path)
            return _place(folder, out, name)
    except OSError as error:
        raise RunError(f"Could not write {out / name}: {error.strerror or error}.") from error


@contextmanager
def _temporary_folder(out: Path, name: str) -> Iterator[Path]:
    folder = out / f".{name}.{uuid.uuid4().hex}.partial"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _place(folder: Path, out: Path, name: str) -> Path:
    for number in count(1):
        target = out / (name if number == 1 else f"{name}-{number}")
        try:
            os.rename(folder, target)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                raise
        else:
            _sync(out)
            return target
    raise AssertionError("unreachable: there is always a next number")


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON that a person can read."""
    path.write_text(json.dumps(content, indent=2) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        InputError: the file is missing or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"Expected {path} to be a JSON file, but: {error}.") from error
    if not isinstance(content, dict):
        raise InputError(
            f"Expected {path} to hold a JSON object, but got a {type(content).__name__}."
        )
    return content


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
