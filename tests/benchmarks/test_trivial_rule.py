"""The rule of one feature, on a stream whose answer is known by hand."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.support.places import ROOT


def printed(*arguments: str | Path) -> str:
    command = [sys.executable, str(ROOT / "benchmarks" / "trivial_rule.py"), *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_the_distance_to_the_nearest_value_in_training(tmp_path: Path) -> None:
    file = tmp_path / "small.npz"
    # The second feature has the values 1 and 4 in training.
    arrays = {}
    for number, value in enumerate((1.0, 4.0)):
        arrays[f"train_x_{number}"] = np.array([[0.5, value], [0.7, value]])
        arrays[f"test_y_{number}"] = np.array([0, 1])
    # Distances of normal samples: 0 and 0.5; of anomalies: 0.25 and 3.
    arrays["test_x_0"] = np.array([[0.5, 1.0], [0.5, 1.25]])
    arrays["test_x_1"] = np.array([[0.5, 4.5], [0.5, 7.0]])
    np.savez(file, **arrays)
    # Three of the four pairs of an anomaly and a normal sample are in the right order.
    one = "feature 1: 2 values in training, AUROC 0.750\n"
    assert printed(file, "--feature", "1") == one
    assert printed(file) == f"feature 0: 2 values in training, AUROC 0.500\n{one}"
