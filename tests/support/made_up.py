"""Folders of finished runs and comparisons with made-up numbers."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from cl_anomaly.core.json_files import write_json
from cl_anomaly.store.fingerprint import describe_code
from cl_anomaly.strategies import find_strategy
from tests.support.folders import write_folder

SETTINGS: dict[str, Any] = {
    "task_order": "ascending",
    "classes_per_task": 1,
    "model": "vae",
    "model_options": {"hidden_sizes": [400, 400], "beta": 1.0},
    "epochs": 2,
    "batch_size": 32,
    "learning_rate": 0.001,
    "precision": "float32",
    "score": "recon",
    "seeds": [0, 1],
    "strategy_options": {},
}


@cache
def code_of_now() -> dict[str, Any]:
    """What a run of this code records of it."""
    return describe_code("lower", find_strategy("lower"))


def metrics_of(config: Mapping[str, Any]) -> pd.DataFrame:
    """Two tasks of each seed, by two scores."""
    rows = [
        {
            "strategy": config["strategy"],
            "dataset": config["dataset"],
            "anomaly_class": config["anomaly_class"],
            "seed": seed,
            "task": task,
            "classes": str(task),
            "score": score,
            "metric": "auroc_seen",
            "value": 0.9 - 0.1 * task - 0.01 * seed,
        }
        for seed in config["seeds"]
        for task in (1, 2)
        for score in ("recon", "mse")
    ]
    return pd.DataFrame(rows)


def made_up_run(
    out: Path, strategy: str, environment: Mapping[str, Any] | None = None, **settings: Any
) -> Path:
    """The folder of a finished run of `digits` by the code of now; `folder` names it."""
    name = settings.pop("folder", None) or f"{strategy}-{len(list(out.glob('*')))}"
    config = {**SETTINGS, "strategy": strategy, "dataset": "digits", "anomaly_class": 0, **settings}

    def write(folder: Path) -> None:
        write_json(folder / "config.json", config)
        recorded = {"data_sha256": "0" * 64, "code": code_of_now(), **(environment or {})}
        write_json(folder / "environment.json", recorded)
        metrics_of(config).to_csv(folder / "metrics.csv", index=False)

    return write_folder(out, name, write)


def made_up_comparison(out: Path, members: Mapping[str, Path]) -> Path:
    """The folder of a comparison of finished runs, by their names in it."""

    def write(folder: Path) -> None:
        tables = [
            pd.read_csv(path / "metrics.csv").assign(run=name) for name, path in members.items()
        ]
        pd.concat(tables).to_csv(folder / "metrics.csv", index=False)
        parts = {
            part: {
                name: pd.read_json(path / f"{part}.json", typ="series").to_dict()
                for name, path in members.items()
            }
            for part in ("config", "environment")
        }
        write_json(folder / "config.json", {"runs": parts["config"]})
        write_json(folder / "environment.json", {"runs": parts["environment"]})
        write_json(folder / "runs.json", {name: path.name for name, path in members.items()})

    return write_folder(out, "digits-compare", write)
