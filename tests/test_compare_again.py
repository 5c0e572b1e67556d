"""What a comparison refuses, how its workers run, and how it is run again."""

import json
from pathlib import Path

import pytest

from tests.command import SMALL, cli


def test_workers_use_one_thread_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    done = cli("compare", *SMALL, "--strategies", "lower, upper", "--quiet", "--out", tmp_path)
    assert done.code == 0, done.err
    environments = json.loads((done.last_line / "environment.json").read_text())["runs"]
    assert {name: own["threads"] for name, own in environments.items()} == {"lower": 1, "upper": 1}


def test_runs_of_different_scores_are_refused(tmp_path: Path) -> None:
    suite = tmp_path / "suite.toml"
    suite.write_text('[runs.a]\nscore = "mse"\n[runs.b]\nscore = "recon"\n')
    done = cli("compare", *SMALL, "--suite", suite, "--out", tmp_path / "out")
    assert done.code == 2
    assert "the same `score`, but got mse, recon" in done.err
    assert not (tmp_path / "out").exists()


def test_flags_change_a_comparison_that_is_run_again(tmp_path: Path) -> None:
    first = cli("compare", *SMALL, "--strategies", "lower,upper", "--quiet", "--out", tmp_path)
    config = first.last_line / "config.json"
    done = cli(
        "compare", "--suite", config, "--seeds", "4,", "--quiet", "--out", tmp_path / "again"
    )
    assert done.code == 0, done.err
    runs = json.loads((done.last_line / "runs.json").read_text())
    for name, folder in runs.items():
        again = json.loads((tmp_path / "again" / folder / "config.json").read_text())
        assert (again["strategy"], again["seeds"], again["epochs"]) == (name, [4], 1)
