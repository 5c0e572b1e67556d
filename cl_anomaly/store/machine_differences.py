"""Differences in versions, processor and precision from those that runs recorded.

Results may depend on them, but they are no part of a run's identity.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from cl_anomaly.core.json_files import read_json
from cl_anomaly.store.status import ENVIRONMENT_FILE, flat_settings

_COMPARED = ("python", "packages", "processor", "device", "device_name", "matrix_products")
_IN_WORDS = {
    "python": "Python",
    "processor": "the processor",
    "device": "the device",
    "device_name": "the GPU",
    "training.way": "the way to multiply in training",
    "training.rounding": "the rounding in training",
    "scores.way": "the way to multiply for scores",
    "scores.rounding": "the rounding for scores",
}


def other_machine_by_difference(folder: Path) -> dict[str, list[str]]:
    """Return the runs of a suite by their differences from this machine.

    Raises:
        InputError: the folder holds no suite, or is damaged.
    """
    runs: dict[str, list[str]] = {}
    for run, environment in read_json(folder / ENVIRONMENT_FILE).get("runs", {}).items():
        for difference in machine_differences(environment):
            runs.setdefault(difference, []).append(run)
    return runs


def machine_differences(environment: Mapping[str, Any]) -> list[str]:
    """Describe how this machine differs from a run's recorded environment."""
    here = _compared(_here(environment.get("device") == "cuda", environment.get("precision")))
    there = _compared(environment)
    return [
        f"{_IN_WORDS.get(name, name)} was {there.get(name)}, and is {here.get(name)}"
        for name in {**there, **here}
        if there.get(name) != here.get(name)
    ]


def _compared(environment: Mapping[str, Any]) -> dict[str, Any]:
    flat = flat_settings({name: environment.get(name) for name in _COMPARED})
    return {
        name.removeprefix("packages.").removeprefix("matrix_products."): value
        for name, value in flat.items()
    }


@cache
def _here(on_gpu: bool, precision: str | None) -> dict[str, Any]:
    import torch

    from cl_anomaly.core.machine import describe_environment

    device = torch.device("cuda" if on_gpu and torch.cuda.is_available() else "cpu")
    half = precision == "bfloat16"
    return describe_environment(device, torch.bfloat16 if half else torch.float32)
