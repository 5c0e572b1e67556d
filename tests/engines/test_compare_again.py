"""What a comparison refuses, how its workers run, and how it is run again."""

import json
from pathlib import Path

import pytest

from tests.support.command import SMALL, cli


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
    assert "the same `--score`, but got mse, recon" in done.err
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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--strategies lower", "either `--suite` or `--strategies`"),
        ("--anomaly-class 3", "run 'b' sets `anomaly_class` itself"),
    ],
)
def test_flags_that_a_suite_does_not_obey_are_refused(
    tmp_path: Path, arguments: str, words: str
) -> None:
    suite = tmp_path / "suite.toml"
    suite.write_text("[runs.a]\n[runs.b]\nanomaly_class = 1\n")
    done = cli("compare", *SMALL, "--suite", suite, *arguments.split(), "--out", tmp_path / "out")
    assert done.code == 2
    assert words in done.err and "suite.toml" in done.err
    assert not (tmp_path / "out").exists()


def test_the_screen_calls_runs_what_the_figure_does(tmp_path: Path) -> None:
    suite = tmp_path / "suite.toml"
    suite.write_text(
        """
        [runs.lower]
        strategy = "lower"
        [runs."lower, more"]
        strategy = "lower"
        epochs = 2
        seeds = 2
        [runs.three]
        strategy = "lower"
        anomaly_class = 3
        """
    )
    # Not with SMALL, whose epochs a run has of its own.
    shared = 'dataset = "digits"\ntask_order = [1, 2]\nepochs = 1\nseeds = 1\ndevice = "cpu"\n'
    suite.write_text(shared + suite.read_text())
    name = "mein lauf ä"
    done = cli("compare", "--suite", suite, "--out", tmp_path / "out", "--name", name)
    assert done.code == 0, done.err
    comparison = tmp_path / "out" / name
    svg = (comparison / "auroc_per_task.svg").read_text()
    names = [
        "lower, epochs 1 (n = 1)",
        "lower, more, epochs 2 (n = 2)",
        "three, epochs 1 (n = 1)",
    ]
    shown = done.out.replace("\n", " ")
    for label in names:
        assert f">{label}<" in svg
    tables = done.out.split("AUROC after each task, anomaly class ")[1:]
    assert [table[0] for table in tables] == ["0", "3"]
    assert "three, epochs" in tables[1] and "three" not in tables[0]
    assert "lower, epochs" in shown and "(n = 2)" in shown
    assert "These runs differ in epochs (1, 2)" in done.err
    again = cli("plot", comparison, "--out", tmp_path / "again")
    assert again.code == 0
    assert (tmp_path / "again.svg").read_bytes() == svg.encode()
    same = cli("compare", "--suite", suite, "--out", tmp_path / "out", "--name", name, "--quiet")
    assert same.last_line == comparison, "found under the name given"


def test_a_comparison_is_not_found_under_a_longer_name(tmp_path: Path) -> None:
    command = ("compare", *SMALL, "--strategies", "lower", "--seeds", "1", "--quiet")
    for name in ("a[1] long", "a[1]"):
        assert cli(*command, "--out", tmp_path, "--name", name).last_line == tmp_path / name
    assert cli(*command, "--out", tmp_path, "--name", "a[1]").last_line == tmp_path / "a[1]"
