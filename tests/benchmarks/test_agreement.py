"""The table that says whether two ways to run the same thing agree."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.support.places import ROOT

SCRIPT = ROOT / "benchmarks" / "agreement.py"


def _folder(path: Path, values: dict[int, float]) -> str:
    """Metrics of one strategy after two tasks; the first task's are not to be looked at."""
    path.mkdir()
    rows = [
        ("gr", seed, task, "1", "mse", metric, value if task == 2 else 0.1)
        for seed, value in values.items()
        for task in (1, 2)
        for metric in ("auroc_seen", "auroc_class_1")
    ]
    columns = ["strategy", "seed", "task", "classes", "score", "metric", "value"]
    pd.DataFrame(rows, columns=columns).to_csv(path / "metrics.csv", index=False)
    return str(path)


def _agreement(tmp_path: Path, first: str, *second: str) -> pd.Series:
    out = tmp_path / "agreement.csv"
    arguments = ["--first", first, "--second", *second, "--out", str(out)]
    subprocess.run([sys.executable, str(SCRIPT), *arguments], check=True)
    (row,) = pd.read_csv(out).to_dict("records")
    return pd.Series(row)


def test_by_hand(tmp_path: Path) -> None:
    first = _folder(tmp_path / "a", {0: 0.90, 1: 0.92, 2: 0.94, 7: 0.2})
    second = _folder(tmp_path / "b", {0: 0.91, 1: 0.90, 2: 0.92})
    row = _agreement(tmp_path, first, second)
    # Differences -0.01, 0.02, 0.02: mean 0.01, s.d. 0.01732. Two degrees of freedom: t is 4.303.
    assert row["seeds"] == 3
    assert row["first_mean"] == pytest.approx(0.92)
    assert row["second_mean"] == pytest.approx(0.91)
    assert row["mean_difference"] == pytest.approx(0.01)
    assert row["half_interval"] == pytest.approx(4.303 * 0.01732 / 3**0.5, rel=1e-3)
    assert row["largest_difference"] == pytest.approx(0.02)
    assert row["within_seed_noise"]


def test_difference_that_every_seed_has_is_no_noise(tmp_path: Path) -> None:
    first = _folder(tmp_path / "a", {0: 0.90, 1: 0.92, 2: 0.94})
    apart = [_folder(tmp_path / str(s), {s: v}) for s, v in ((0, 0.88), (1, 0.90), (2, 0.921))]
    assert not _agreement(tmp_path, first, *apart)["within_seed_noise"]


def test_the_same_agrees(tmp_path: Path) -> None:
    first, second = (_folder(tmp_path / name, {0: 0.90, 1: 0.92}) for name in "ab")
    row = _agreement(tmp_path, first, second)
    assert row["within_seed_noise"] and row["largest_difference"] == 0


def test_pairs_of_a_comparison_with_the_time_of_both(tmp_path: Path) -> None:
    tables = []
    for run, values in (("ours", {0: 0.5, 1: 0.6}), ("theirs", {0: 0.5, 1: 0.7})):
        _folder(tmp_path / run, values)
        tables.append(pd.read_csv(tmp_path / run / "metrics.csv").assign(run=run))
        seconds = {"ours": 3.5, "theirs": 7.25}[run]
        (tmp_path / run / "timing.json").write_text(f'{{"training_seconds": {seconds}}}')
    comparison = tmp_path / "comparison"
    comparison.mkdir()
    pd.concat(tables).to_csv(comparison / "metrics.csv", index=False)
    (comparison / "runs.json").write_text('{"ours": "ours", "theirs": "theirs"}')
    out, script = tmp_path / "pairs.csv", SCRIPT.with_name("pairs.py")
    arguments = [str(comparison), "--pair", "ours", "theirs", "--out", str(out)]
    subprocess.run([sys.executable, str(script), *arguments], check=True)
    (row,) = pd.read_csv(out).to_dict("records")
    assert row["strategy"] == "ours / theirs"
    assert row["mean_difference"] == pytest.approx(-0.05)
    assert row["largest_after_any_task"] == pytest.approx(0.1)
    assert row["within_after_every_task"]
    assert (row["first_seconds"], row["second_seconds"]) == (3.5, 7.25)
