"""Several runs in worker processes: real ones, as the command starts them."""

import json
from pathlib import Path

import pandas as pd
import pytest

from cl_anomaly.store.status import find_runs
from tests.support.command import SMALL, Done, cli, config_of, run_quietly

FAILING = """
import os

from cl_anomaly.strategies import Strategy


class Raises(Strategy):
    def after_task(self, tasks):
        raise ValueError("broken on purpose")


class Dies(Strategy):  # as in a crash of compiled code
    def extend(self, x):
        os._exit(3)
"""


def compare(out: Path, *arguments: str | Path) -> Done:
    return cli("compare", "--out", out, *arguments)


def folders_of(comparison: Path) -> dict[str, Path]:
    """The runs of a comparison, by name."""
    runs = json.loads((comparison / "runs.json").read_text())
    return {name: comparison.parent / folder for name, folder in runs.items()}


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a comparison by two workers at a time."""
    out = tmp_path_factory.mktemp("compare")
    strategies = ("--strategies", "gr,lower", "--seeds", "2", "--workers", "2")
    done = compare(out, *SMALL, *strategies, "--quiet")
    assert done.code == 0, done.err
    assert not done.err
    assert done.out == f"{done.last_line}\n"
    return done.last_line


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Done, Path]:
    """What a comparison in which two of three runs fail says, and where it was."""
    folder = tmp_path_factory.mktemp("failures")
    file = folder / "failing.py"
    file.write_text(FAILING)
    names = f"{file}:Raises,{file}:Dies,lower"
    return compare(folder / "out", *SMALL, "--strategies", names, "--seeds", "1"), folder / "out"


def test_a_comparison_leaves_a_folder_for_each_run_and_one_for_all(comparison: Path) -> None:
    runs = folders_of(comparison)
    assert set(runs) == {"gr", "lower"}
    assert set(comparison.parent.iterdir()) == {comparison, *runs.values()}
    for name, folder in runs.items():
        assert config_of(folder)["strategy"] == name
    assert {path.name for path in comparison.iterdir()} == {
        "config.json",
        "environment.json",
        "runs.json",
        "metrics.csv",
        "summary.csv",
        "cost.csv",
        "table.csv",
        "pairs.csv",
        "tests.json",
        "auroc_per_task.png",
        "auroc_per_task.svg",
        "manifest.json",
        ".lock",
    }
    svg = (comparison / "auroc_per_task.svg").read_text()
    assert svg.index(">gr<") < svg.index(">lower<")


def test_its_metrics_are_those_of_its_runs(comparison: Path) -> None:
    together = pd.read_csv(comparison / "metrics.csv")
    runs = folders_of(comparison)
    assert together["run"].unique().tolist() == ["gr", "lower"], "in the order asked for"
    for name, folder in runs.items():
        own = together[together["run"] == name].drop(columns="run").reset_index(drop=True)
        pd.testing.assert_frame_equal(own, pd.read_csv(folder / "metrics.csv"))


def test_its_summary_is_the_mean_over_the_seeds(comparison: Path) -> None:
    summary = pd.read_csv(comparison / "summary.csv")
    metrics = pd.read_csv(comparison / "metrics.csv")
    keys = ["run", "score", "task"]
    found = summary[summary["metric"] == "auroc_seen"].set_index(keys).sort_index()
    values = metrics[metrics["metric"] == "auroc_seen"].groupby(keys)["value"]
    pd.testing.assert_series_equal(found["mean"], values.mean(), check_names=False)
    pd.testing.assert_series_equal(found["sd"], values.std(), check_names=False)
    assert set(found["seeds"]) == {2}


def test_a_run_gives_the_same_alone(
    comparison: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for name, folder in folders_of(comparison).items():
        alone = run_quietly(tmp_path, "--strategy", name, "--seeds", "2")
        for file in ("metrics.csv", "config.json", "scores.npz"):
            assert (alone / file).read_bytes() == (folder / file).read_bytes(), (name, file)


def test_it_can_be_compared_again_by_another_number_of_workers(
    comparison: Path, tmp_path: Path
) -> None:
    done = compare(tmp_path, "--suite", comparison / "config.json", "--workers", "1")
    assert done.code == 0, done.err
    again = next(tmp_path.glob("digits-compare*"))
    for name, folder in folders_of(comparison).items():
        same = folders_of(again)[name]
        assert (same / "metrics.csv").read_bytes() == (folder / "metrics.csv").read_bytes(), name
        assert f"{name}: task 2/2, loss " in done.err, "not quiet: a line for each task"
    for file in ("metrics.csv", "summary.csv", "config.json", "auroc_per_task.svg"):
        assert (again / file).read_bytes() == (comparison / file).read_bytes(), file
    assert f"results: {again}\nfigure:  {again / 'auroc_per_task.png'}\n" in done.out


def test_runs_that_fail_are_named_with_their_reasons(failures: tuple[Done, Path]) -> None:
    done, _ = failures
    assert done.code == 1
    assert "Raises failed: in task 1: ValueError: broken on purpose" in done.err
    assert "Dies failed: its process ended with exit status 3" in done.err
    assert "lower failed" not in done.err
    assert "Traceback" not in done.err


def test_runs_that_do_not_fail_are_kept(failures: tuple[Done, Path]) -> None:
    _, out = failures
    (comparison,) = out.glob("digits-compare*")
    (name,) = runs = folders_of(comparison)
    assert name == "lower"
    statuses = {status.folder: status.name for status in find_runs(out)}
    assert statuses.pop(runs["lower"]) == "finished"
    # One says what went wrong; the other could not.
    assert sorted(statuses.values()) == ["failed", "interrupted"]
    assert set(pd.read_csv(comparison / "metrics.csv")["run"]) == {"lower"}
    # Its configuration is what was asked for, to be repeated once the others are mended.
    assert len(json.loads((comparison / "config.json").read_text())["runs"]) == 3


def test_a_suite_and_flags_that_change_what_its_runs_share(tmp_path: Path) -> None:
    suite = tmp_path / "suite=1.toml"
    suite.write_text(
        """
dataset = "digits"
task_order = [1, 2]
epochs = 1
seeds = 2
device = "cpu"
anomaly_class = 3
pairs = [["half", "replay, all"]]

[runs."replay, all"]
strategy = "gr"

[runs.half]
strategy = "gr"
strategy_options = { ratio = 0.5 }
classes_per_task = 2
"""
    )
    done = compare(tmp_path / "out", f"--suite={suite}", "--seeds", "1", "--quiet")
    assert done.code == 0, done.err
    runs = {name: config_of(folder) for name, folder in folders_of(done.last_line).items()}
    assert set(runs) == {"replay, all", "half"}
    tests = json.loads((Path(done.last_line) / "tests.json").read_text())
    assert tests["named"] == [["half", "replay, all"]]
    for config in runs.values():
        assert config["seeds"] == [0], "the flag's, not the file's"
        assert config["anomaly_class"] == 3
        assert config["epochs"] == 1
    assert runs["replay, all"]["strategy_options"] == {"ratio": "proportional"}
    assert runs["half"]["strategy_options"] == {"ratio": 0.5}
    assert runs["replay, all"]["classes_per_task"] == 1
    assert runs["half"]["classes_per_task"] == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(None, "suite.toml", id="missing"),
        pytest.param("runs = [", "suite.toml", id="no-toml"),
        pytest.param("epochs = 1", "suite.toml [runs.", id="no-runs"),
        pytest.param("[runs.a]\nnope = 1", "'a' nope", id="run-setting"),
        pytest.param("nope = 1\n[runs.a]", "suite.toml nope", id="shared-setting"),
        pytest.param("pairs = [['a', 'z']]\n[runs.a]", "suite.toml `pairs` 'z'", id="pairs"),
        pytest.param("[runs.a]\nbatch_size = 'x'", "'a' batch_size x", id="run-type"),
        pytest.param("batch_size = 'x'\n[runs.a]", "batch_size x", id="shared-type"),
        pytest.param("[runs.a]\nstrategy = 'nope'", "`strategy` 'nope'", id="strategy"),
        pytest.param("[runs.a]\n[runs.b]\nanomaly_class = 12", "`anomaly_class` 12", id="class"),
    ],
)
def test_a_bad_suite_is_refused_before_anything_runs(
    tmp_path: Path, text: str | None, words: str
) -> None:
    suite, out = tmp_path / "suite.toml", tmp_path / "out"
    if text is not None:
        suite.write_text(text)
    done = compare(out, *SMALL[:4], "--suite", suite)
    assert done.code == 2
    assert "Traceback" not in done.err
    for word in words.split():
        assert word in done.err
    assert not list(out.glob("**/*"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--workers 0", "`--workers` '0'"),
        ("--strategies lower,nope", "`--strategies` 'nope'"),
        ("--suite no=such.toml", "no=such.toml"),
    ],
)
def test_bad_input_is_refused_before_anything_runs(
    tmp_path: Path, arguments: str, words: str
) -> None:
    done = compare(tmp_path, *SMALL, *arguments.split())
    assert done.code == 2
    for word in words.split():
        assert word in done.err
    assert not list(tmp_path.iterdir())


def test_two_strategies_of_one_name_are_not_taken_for_one(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.py").write_text(FAILING)
    names = f"{tmp_path / 'a.py'}:Raises,{tmp_path / 'b.py'}:Raises"
    done = compare(tmp_path / "out", *SMALL, "--strategies", names, "--seeds", "1")
    # Either both have run, and failed, or they are refused.
    assert done.code == 2 or done.err.count("broken on purpose") == 2
