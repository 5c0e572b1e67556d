"""`config.json` of runs and comparisons: read as this version would have written it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.json_files import read_json
from cl_anomaly.settings.run_config import checked_settings


def read_configuration(path: Path) -> dict[str, Any]:
    """Read the `config.json` of a run or a comparison, as this version would have written it.

    Raises:
        InputError: the file is missing or damaged.
    """
    return _as_written_now(read_json(path))


def runs_of(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the whole settings of each run of a comparison or a suite, by its name.

    Args:
        config: settings that the runs share, and their own under "runs".
    """
    shared = {name: value for name, value in config.items() if name != "runs"}
    return {name: shared | own for name, own in config["runs"].items()}


_BEFORE_STREAMS = {
    "calibration": 0.0,
    "concepts": 5,
    "blur": 0.0,
    "stream": "concept-incremental",
    "class_weights": {},
    "held_out": 0.0,
    "frozen_features": "pixels",
    "cluster_scaling": "first",
    "cluster_anomalies": "shared",
}


def _as_written_now(content: dict[str, Any]) -> dict[str, Any]:
    content = dict(content)
    # Earlier versions knew of one kind of model, and gave its size a place of its own.
    if (size := content.pop("latent_size", None)) is not None:
        content["model_options"] = content.get("model_options", {}) | {"latent_size": size}
    # And of one scenario.
    if {"anomaly_class", "classes_per_task"} <= content.keys():
        content.setdefault("scenario", "class-stream")
        for name, then in _BEFORE_STREAMS.items():
            content.setdefault(name, then)
    # Of a whole run: what there was no choice of then.
    if content.get("model") == "vae" and "seeds" in content and "epochs" in content:
        options = dict(content.get("model_options", {}))
        for name, then in (("reconstruction", "bce"), ("pixel_weights", [])):
            options.setdefault(name, then)
        content["model_options"] = options
    if isinstance(runs := content.get("runs"), dict):
        content["runs"] = {
            name: _as_written_now(own) if isinstance(own, dict) else own
            for name, own in runs.items()
        }
    return content


def read_settings(path: Path) -> dict[str, Any]:
    """Read a run's `config.json`: settings of `RunConfig`.

    Raises:
        InputError: the file is missing or damaged, or holds something else.
    """
    content = read_configuration(path)
    try:
        return checked_settings(content)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
