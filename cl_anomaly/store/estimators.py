"""Fitted estimators on disk: JSON and tensors, which cannot run code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.json_files import read_json, write_json
from cl_anomaly.store.checkpoints import read_tensors, write_tensors
from cl_anomaly.store.files import check_files, locked, publish

_FILE = "estimator.json"
_TENSORS = "learnt.safetensors"
# Learnt arrays, which JSON cannot hold.
_ARRAYS = ("tensors", "past", "aside")


def write_estimator(folder: Path, values: dict[str, Any], learnt: dict[str, Any]) -> None:
    """Write a fitted estimator into a new or an empty folder.

    Args:
        folder: where.
        values: settings and fitted values, as JSON can hold them.
        learnt: fields of `detector.stream.Learnt`.

    Raises:
        InputError: something else is there, or a value cannot be written as JSON.
        RunError: it could not be written.
    """
    import torch

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"Expected a new or an empty folder, but {folder} holds something.")
    folder.mkdir(parents=True, exist_ok=True)
    plain = {name: value for name, value in learnt.items() if name not in _ARRAYS}
    arrays = {f"tensors/{name}": array for name, array in learnt["tensors"].items()}
    for kind in ("past", "aside"):
        arrays |= {f"{kind}/{place}": array for place, array in enumerate(learnt[kind])}
    tensors = {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in arrays.items()}

    def write(partial: Path) -> None:
        write_json(partial / _FILE, values | {"learnt": plain})
        write_tensors(tensors, partial / _TENSORS)

    try:
        with locked(folder):
            publish(folder, write, complete=True)
    except TypeError as error:
        raise InputError(f"Expected settings that JSON can hold, but: {error}.") from error


def read_estimator(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read values and fields of `Learnt` that `write_estimator` wrote.

    Raises:
        InputError: there is none, or it is damaged.
    """
    if not (folder / _FILE).is_file():
        raise InputError(f"Expected {folder} to hold an estimator, but it has no {_FILE}.")
    check_files(folder)
    arrays = {name: tensor.numpy() for name, tensor in read_tensors(folder / _TENSORS).items()}
    values = read_json(folder / _FILE)
    learnt = dict(values.get("learnt", {}))
    learnt["tensors"] = {
        name.removeprefix("tensors/"): array
        for name, array in arrays.items()
        if name.startswith("tensors/")
    }
    for kind in ("past", "aside"):
        count = sum(name.startswith(f"{kind}/") for name in arrays)
        learnt[kind] = [arrays[f"{kind}/{place}"] for place in range(count)]
    return values, learnt
