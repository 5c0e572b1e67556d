"""Trained detectors on disk: what they are made from, and their weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.json_files import read_json, write_json
from cl_anomaly.store.checkpoints import write_tensors
from cl_anomaly.store.files import MANIFEST_FILE, check_files
from cl_anomaly.store.status import CONFIG_FILE, is_finished, status_of

if TYPE_CHECKING:
    from torch import Tensor

DETECTOR_FILE = "detector.json"
MODEL_FILE = "model.safetensors"
STATISTICS_FILE = "score_statistics.safetensors"


def write_detector(
    folder: Path,
    made_from: dict[str, Any],
    weights: dict[str, Tensor],
    statistics: dict[str, Tensor],
) -> None:
    """Write a detector's files.

    Args:
        folder: theirs.
        made_from: its `Blueprint`, as JSON can hold it.
        weights: by parameter, (R, ...).
        statistics: that the scores keep, (R, ...), by `score.NAME.KEY`; without any, no file.
    """
    write_json(folder / DETECTOR_FILE, made_from)
    write_tensors(weights, folder / MODEL_FILE)
    if statistics:
        write_tensors(statistics, folder / STATISTICS_FILE)


def read_detector(
    folder: Path,
) -> tuple[dict[str, Any], dict[str, Tensor], dict[str, Tensor]]:
    """Read what a detector is made from, its weights, and its scores' statistics; runs no code.

    Returns:
        What `write_detector` takes.

    Raises:
        InputError: there is none, it is not finished, or it is damaged.
    """
    _check_is_there(folder)
    check_files(folder)
    weights, file = _read_tensors(folder / MODEL_FILE), folder / STATISTICS_FILE
    statistics = _read_tensors(file) if file.exists() else {}
    return read_json(folder / DETECTOR_FILE), weights, statistics


def _read_tensors(file: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        loaded = load(file.read_bytes())
    except (OSError, SafetensorError) as error:
        raise InputError(f"Could not read {file}: {error}.") from error
    # Copies: memory of PyTorch's own is aligned as its kernels like it best.
    return {name: tensor.clone() for name, tensor in loaded.items()}


def _check_is_there(folder: Path) -> None:
    if (folder / DETECTOR_FILE).exists() and (folder / MANIFEST_FILE).exists():
        return
    if not (folder / CONFIG_FILE).exists():
        raise InputError(
            f"Expected {folder} to be the folder of a detector or of a finished run, with a "
            f"{DETECTOR_FILE} or a {CONFIG_FILE}, but it has neither."
        )
    if not is_finished(folder):
        status = status_of(folder)
        raise InputError(
            f"{folder} has no trained detector yet: the run is {status.name}. "
            f"`cl-anomaly resume {folder}` goes on with it."
        )
