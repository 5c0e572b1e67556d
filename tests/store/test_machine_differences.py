"""Versions and machines that differ from a run's are named, and leave its identity as it is."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from cl_anomaly.core.json_files import write_json
from cl_anomaly.core.machine import describe_environment
from cl_anomaly.store.machine_differences import (
    machine_differences,
    other_machine_by_difference,
)
from cl_anomaly.store.status import identity


def _environment(**changed: Any) -> dict[str, Any]:
    return describe_environment(torch.device("cpu"), torch.float32) | changed


def test_the_same_machine_has_no_differences() -> None:
    assert machine_differences(_environment(threads=99, git_commit="another")) == []


def test_each_difference_is_named() -> None:
    here = _environment()
    packages = here["packages"] | {"numpy": "0.1", "scipy": "0.2"}
    products = {"training": {"way": "abacus", "rounding": "float32"}, "scores": {}}
    products["scores"] = here["matrix_products"]["scores"]
    there = _environment(packages=packages, matrix_products=products, processor="Z80")
    way = here["matrix_products"]["training"]["way"]
    assert set(machine_differences(there)) >= {
        f"numpy was 0.1, and is {np.__version__}",
        f"scipy was 0.2, and is {here['packages']['scipy']}",
        f"the processor was Z80, and is {here['processor']}",
        f"the way to multiply in training was abacus, and is {way}",
    }
    config = {"strategy": "lower", "precision": "float32"}
    assert identity(config, there) == identity(config, here)


def test_runs_are_grouped_by_what_differs(tmp_path: Path) -> None:
    runs = {"lower": _environment(), "gr": _environment(python="2"), "upper": {}}
    write_json(tmp_path / "environment.json", {"runs": runs})
    found = other_machine_by_difference(tmp_path)
    assert found[f"Python was 2, and is {_environment()['python']}"] == ["gr"]
    assert found[f"Python was None, and is {_environment()['python']}"] == ["upper"]
