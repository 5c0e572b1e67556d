"""A finished run, read back from its folder. Runs no code that lies there."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.json_files import read_json
from cl_anomaly.plan.replicas import make_replicas
from cl_anomaly.runs.measurements import Failure
from cl_anomaly.runs.recorded_thresholds import THRESHOLD_FILES
from cl_anomaly.runs.result import Result
from cl_anomaly.settings.run_config import ResolvedConfig
from cl_anomaly.statistics.aurocs import Aurocs, read_aurocs
from cl_anomaly.store.config_files import read_configuration
from cl_anomaly.store.detectors import read_detector
from cl_anomaly.store.fingerprint import OWN_FILE
from cl_anomaly.store.finished import read_metrics
from cl_anomaly.store.recorded import LOSSES_FILE, PICTURES_FILE, SCORES_FILE, read_arrays
from cl_anomaly.store.status import (
    CONFIG_FILE,
    COST_FILE,
    ENVIRONMENT_FILE,
    TIMING_FILE,
    recorded_failures,
    recorded_notes,
)


def read_run(folder: str | Path) -> Result:
    """Read what came of a finished run.

    Args:
        folder: the run's, such as `results/digits-gr-1a2b3c4d`.

    Raises:
        DamagedError: a file is not what was written.
        InputError: there is no finished run.
    """
    folder = Path(folder)
    metrics = read_metrics(folder)
    made_from, weights, statistics = read_detector(folder)
    arrays = read_arrays(folder / SCORES_FILE)
    config, own = _read_config(folder), folder / OWN_FILE
    pictures, losses = folder / PICTURES_FILE, folder / LOSSES_FILE
    aurocs = read_aurocs(metrics.assign(run=""))
    named = metrics["strategy"].iloc[0] if len(metrics) else config.strategy
    try:
        return Result(
            config=config,
            strategy_name=str(named),
            environment=read_json(folder / ENVIRONMENT_FILE),
            replicas=make_replicas(config),
            metrics=metrics,
            headline=_by_score(aurocs, "headline"),
            s=_by_score(aurocs, "s"),
            test_labels=arrays.pop("labels"),
            test_indices=arrays.pop("test_indices"),
            threshold_tables={
                name: pd.read_csv(folder / name, dtype={"classes": str})
                for name in THRESHOLD_FILES
                if (folder / name).exists()
            },
            scores={name: own for name, own in arrays.items() if name not in _NO_SCORES},
            weights={name: tensor.numpy() for name, tensor in weights.items()},
            timing=read_json(folder / TIMING_FILE),
            failures=[Failure(**failure) for failure in recorded_failures(folder)],
            notes=recorded_notes(folder),
            strategy_source=own.read_text(encoding="utf-8") if own.exists() else None,
            made_from=made_from,
            pictures=read_arrays(pictures) if pictures.exists() else {},
            losses=pd.read_csv(losses) if losses.exists() else pd.DataFrame(),
            folder=folder,
            statistics={name: tensor.numpy() for name, tensor in statistics.items()},
            untrained=_by_score(aurocs, "untrained"),
            seen=_seen(aurocs),
            cost=read_json(folder / COST_FILE) if (folder / COST_FILE).exists() else {},
        )
    except (KeyError, TypeError) as error:
        raise InputError(f"Expected {folder} to hold a run's results, but: {error}.") from error


# What `scores.npz` says of the replicas, beside their scores.
_NO_SCORES = {"seeds", "anomaly_classes"}


def _by_score(aurocs: Sequence[Aurocs], what: str) -> dict[str, NDArray[np.float64]]:
    """Put the arrays of all anomaly classes together, class after class."""
    parts = [getattr(own, what) for own in aurocs]
    scores = parts[0] if parts else {}
    return {score: np.concatenate([part[score] for part in parts]) for score in scores}


def _seen(aurocs: Sequence[Aurocs]) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Put what else is measured after each task together, class after class."""
    metrics = aurocs[0].seen if aurocs else {}
    return {
        metric: {score: np.concatenate([own.seen[metric][score] for own in aurocs]) for score in of}
        for metric, of in metrics.items()
    }


def _read_config(folder: Path) -> ResolvedConfig:
    content = read_configuration(folder / CONFIG_FILE)
    if "runs" in content:
        raise InputError(
            f"Expected {folder} to be a run's, but it is a comparison's. Its runs lie beside it."
        )
    known = {field.name for field in dataclasses.fields(ResolvedConfig)}
    try:
        return ResolvedConfig(**{k: v for k, v in content.items() if k in known})
    except TypeError as error:
        raise InputError(f"Expected {folder / CONFIG_FILE} to hold a run: {error}.") from error
