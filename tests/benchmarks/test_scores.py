"""The table of scores: from trained weights it is what a run records."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.support.command import cli
from tests.support.places import ROOT

SCORES = ("mse", "sap", "nap", "mahalanobis")
FLAGS = "--dataset digits --epochs 1 --device cpu --classes-per-task 9 --anomaly-class 0,4".split()


def _run(out: Path, scores: str) -> Path:
    done = cli("run", *FLAGS, "--seeds", "2", "--score", scores, "--out", out, "--quiet")
    assert done.code == 0, done.err
    return done.last_line


def _summary(run: Path, out: Path) -> pd.DataFrame:
    command = [sys.executable, str(ROOT / "benchmarks" / "scores.py"), str(run)]
    subprocess.run(
        [*command, "--scores", ",".join(SCORES), "--out", str(out)], check=True, cwd=ROOT
    )
    return pd.read_csv(out / "summary.csv")


def test_from_weights_and_from_what_a_run_recorded(tmp_path: Path) -> None:
    recorded = _run(tmp_path / "all", ",".join(SCORES))
    first = _summary(recorded, tmp_path / "first")
    second = _summary(_run(tmp_path / "one", "mse"), tmp_path / "second")
    pd.testing.assert_frame_equal(first, second)
    metrics = pd.read_csv(recorded / "metrics.csv").query("metric == 'auroc_seen'")
    for row in first.to_dict("records"):
        values = metrics[metrics["score"] == row["score"]]
        a, b = values.groupby("anomaly_class")["value"].mean()
        assert row["mean"] == pytest.approx((a + b) / 2)
        # Student's t of one degree of freedom is 12.706; the standard error of two is |a − b| / 2.
        assert row["half_interval"] == pytest.approx(12.706 * abs(a - b) / 2, rel=1e-4)
        assert row["replicas"] == 4
    features = 64 + 400 + 400 + 16
    kept = first.set_index("score")["bytes_kept"]
    assert kept["nap"] == 4 * (features**2 + 2 * features + 1)
    assert kept["mahalanobis"] == 4 * (16**2 + 16)
    assert np.array_equal(kept[["mse", "sap"]], [0, 0])
