"""How versions, processor and precision differ from those that runs recorded.

Results may depend on them, but they are no part of a run's identity: they are named beside it.
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
    """State what differs from the versions and machines of a suite's runs, and for which of them.

    Raises:
        InputError: the folder holds no suite, or is damaged.
    """
    found: dict[str, list[str]] = {}
    for run, environment in read_json(folder / ENVIRONMENT_FILE).get("runs", {}).items():
        for difference in machine_differences(environment):
            found.setdefault(difference, []).append(run)
    return found


def machine_differences(environment: Mapping[str, Any]) -> list[str]:
    """State how what there is differs from what a run recorded in its environment."""
    here = _compared(_here(environment.get("device") == "cuda", environment.get("precision")))
    there = _compared(environment)
    return [
        f"{_IN_WORDS.get(name, name)} was {there.get(name)}, and is {here.get(name)}"
        for name in {**there, **here}
        if there.get(name) != here.get(name)
    ]


def _compared(environment: Mapping[str, Any]) -> dict[str, Any]:
    flat = flat_settings({name: environment.get(name) for name in _COMPARED})
    names = ("packages.", "matrix_products.")
    return {k.removeprefix(names[0]).removeprefix(names[1]): own for k, own in flat.items()}


@cache
def _here(on_gpu: bool, precision: str | None) -> dict[str, Any]:
    import torch

    from cl_anomaly.core.machine import describe_environment

    device = torch.device("cuda" if on_gpu and torch.cuda.is_available() else "cpu")
    half = precision == "bfloat16"
    return describe_environment(device, torch.bfloat16 if half else torch.float32)
