"""`bench`, from a suite to its table: real runs in worker processes."""

import json
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from tests.support.command import Done, cli, plain

SUITE = """
title = "Small"
dataset = "digits"
anomaly_class = [1, 2]
task_order = [3, 4, 5]
epochs = 1
device = "cpu"
precision = "float32"
score = "mse"

[runs.upper]
strategy = "upper"

[runs.ewc]
strategy = "ewc"

[runs.lower]
strategy = "lower"

[runs.gaussians]
strategy = "lower"
model = "gaussians"
score = "least"

[tune]
anomaly_class = 0

[tune.grid.ewc]
lam = [1.0, 100.0]
"""


EACH = "[each]\nseeds = [[0, 1], [1, 2]]\n\n[runs.upper]"


def bench(folder: Path, *arguments: str | Path) -> Done:
    (folder / "small.toml").write_text(SUITE, encoding="utf-8")
    return cli("bench", folder / "small.toml", "--out", folder / "results", *arguments)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench")
    done = bench(folder, "--only", "upper,lower,gaussians")
    assert done.code in (0, None), done.err
    return folder


def suite_of(out: Path) -> dict:
    return json.loads((out / "results" / "small" / "suite.json").read_text())


def test_what_is_left_out_is_shown_as_missing_and_added_later(out: Path) -> None:
    table = pd.read_csv(out / "results" / "small" / "table.csv")
    assert table["run"].tolist()[-1] == "ewc"
    assert table["mean"].isna().tolist() == [False, False, False, True]
    assert "| ewc | no results |" in (out / "results" / "small" / "table.md").read_text()
    before = {path.name for path in (out / "results").iterdir()}
    done = bench(out)
    assert done.code in (0, None), done.err
    assert "2 of 2 runs are missing" in done.err  # the candidates
    assert "1 of 4 runs are missing" in done.err
    added = {path.name for path in (out / "results").iterdir()} - before
    # The candidates, two or more; the chosen one is run on what is reported, too.
    assert len(added) == len(suite_of(out)["chosen"]["ewc"]["candidates"]) + 1 > 2
    assert all("-ewc-" in name for name in added)
    table = pd.read_csv(out / "results" / "small" / "table.csv")
    assert not table["mean"].isna().any()
    again = bench(out)
    assert "All 2 runs are finished." in again.err
    assert "All 4 runs are finished." in again.err


def test_a_finished_suite_is_shown_again_without_pytorch(out: Path) -> None:
    first = bench(out)
    suite = str(out / "small.toml")
    code = (
        "import sys; from cl_anomaly.cli.main import main; main(sys.argv[1:]); "
        "print([name for name in ('torch', 'matplotlib', 'sklearn') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, "bench", suite, "--out", str(out / "results")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    *shown, loaded = done.stdout.splitlines()
    assert loaded == "[]"
    assert shown == first.out.splitlines()
    said = done.stderr.splitlines()
    assert [own for own in first.err.splitlines() if own in said] == said
    assert "ewc: {'lam':" in done.stderr


def test_a_choice_that_was_made_stays_when_others_are_run(out: Path) -> None:
    bench(out)
    chosen = suite_of(out)["chosen"]
    done = bench(out, "--only", "lower")
    assert done.code in (0, None), done.err
    assert suite_of(out)["chosen"] == chosen
    table = pd.read_csv(out / "results" / "small" / "table.csv")
    assert not table["mean"].isna().any()


def test_a_run_whose_option_has_not_been_chosen_is_missing(tmp_path: Path) -> None:
    # There is a run with the default; it is not the one that would be chosen.
    settings = ["--anomaly-class", "1,2", "--task-order", "3,4,5", "--epochs", "1"]
    settings += ["--device", "cpu", "--precision", "float32", "--score", "mse"]
    where = ["--dataset", "digits", "--out", tmp_path / "results"]
    assert cli("run", "--strategy", "ewc", *where, *settings).code in (0, None)
    done = bench(tmp_path, "--only", "gaussians")
    assert done.code in (0, None), done.err
    table = pd.read_csv(tmp_path / "results" / "small" / "table.csv")
    assert table.set_index("run")["mean"].isna().to_dict()["ewc"]


@pytest.mark.parametrize("flag", [("--epochs", "2"), ("--blur", "0.1")])
def test_other_settings_do_not_take_a_suites_folder(out: Path, flag: tuple[str, str]) -> None:
    before = {path.name: path.read_bytes() for path in (out / "results" / "small").iterdir()}
    runs = {path.name for path in (out / "results").iterdir()}
    done = bench(out, "--only", "lower", *flag)
    assert done.code == 2
    assert f"{flag[0][2:]} is" in done.err
    # Before anything has run, the candidates included.
    assert {path.name for path in (out / "results").iterdir()} == runs
    after = {path.name: path.read_bytes() for path in (out / "results" / "small").iterdir()}
    assert after == before


def test_options_are_chosen_by_the_rule_and_recorded(out: Path) -> None:
    bench(out)
    chosen = suite_of(out)["chosen"]["ewc"]
    candidates = chosen["candidates"]
    best = max(candidates, key=lambda name: candidates[name])
    assert best == f"lam={chosen['options']['lam']}"
    assert chosen["on"] == "digits, 0.2 of its training set held out, anomaly class 0, seed 0"
    runs = json.loads((out / "results" / "small" / "runs.json").read_text())
    config = json.loads((out / "results" / runs["ewc"] / "config.json").read_text())
    assert config["strategy_options"]["lam"] == chosen["options"]["lam"]


def test_a_grid_is_widened_until_the_choice_lies_inside(out: Path) -> None:
    bench(out)
    chosen = suite_of(out)["chosen"]["ewc"]
    values = sorted(float(name.removeprefix("lam=")) for name in chosen["candidates"])
    best = chosen["options"]["lam"]
    inside = values[0] < best < values[-1]
    # Each value beyond 1 and 100 is a hundred times further out; four at most.
    np.testing.assert_allclose(np.diff(np.log10(values)), 2)
    assert inside or len(values) == 2 + 4
    assert chosen["on_edge"] == ([] if inside else ["lam"])
    said = (out / "results" / "small" / "table.md").read_text()
    assert ("lies on an edge of the grid" in said) is not inside


def test_candidates_are_scored_by_training_samples(out: Path) -> None:
    bench(out)
    folders = (out / "results").glob("digits-ewc-*")
    scored = {json.loads((own / "config.json").read_text())["held_out"]: own for own in folders}
    with np.load(scored[0.2] / "scores.npz") as scores:
        labels = scores["labels"]
    # A fifth of the 1,257 training samples, and not the 540 of the test, for five classes each.
    assert 0.19 * 1257 * 0.4 < len(labels) < 0.21 * 1257 * 0.4 + 3


def test_the_table_is_what_scikit_learn_gives(out: Path) -> None:
    table = pd.read_csv(out / "results" / "small" / "table.csv")
    runs = json.loads((out / "results" / "small" / "runs.json").read_text())
    for run, score in (("upper", "mse"), ("gaussians", "least")):
        with np.load(out / "results" / runs[run] / "scores.npz") as scores:
            labels, values = scores["labels"], scores[score][:, -1]
        aurocs = []
        for anomaly, own in zip((1, 2), values, strict=True):
            kept = np.isin(labels, [anomaly, 3, 4, 5])
            aurocs.append(roc_auc_score(labels[kept] == anomaly, own[kept]))
        mean = table.set_index("run").loc[run, "mean"]
        assert mean == pytest.approx(np.mean(aurocs), abs=1e-6)


def test_costs_are_those_of_one_replica(out: Path) -> None:
    table = pd.read_csv(out / "results" / "small" / "table.csv")
    costs = pd.read_csv(out / "results" / "small" / "cost.csv").set_index("method")
    upper = table.set_index("run").loc["upper"].to_dict()
    cost = costs.loc["upper"].to_dict()
    assert upper["stores_samples"] is True
    assert upper["bytes"] == pytest.approx(cost["model_bytes"] / 2)
    assert upper["seconds"] == pytest.approx(cost["training_seconds"] / 2)


def test_check_says_that_the_code_is_the_same(out: Path) -> None:
    done = bench(out, "--check")
    assert done.code in (0, None), done.err
    assert "lower: the same code" in done.out
    assert " was " not in done.out


def test_check_says_what_other_code_has_made(out: Path) -> None:
    path = out / "results" / "small" / "environment.json"
    content = json.loads(path.read_text())
    before = path.read_text()
    content["runs"]["lower"]["code"]["sha256"] = "0" * 64
    files = content["runs"]["lower"]["code"]["files"]
    files[next(iter(files))] = "0" * 64
    content["runs"]["upper"]["python"] = "2.7.18"
    path.write_text(json.dumps(content))
    try:
        done = bench(out, "--check")
    finally:
        path.write_text(before)
    assert done.code == 1
    assert "1 of" in done.err
    assert "upper: the same code" in done.out
    assert f"Python was 2.7.18, and is {platform.python_version()}, for upper\n" in done.out


def test_an_estimate_runs_nothing(tmp_path: Path) -> None:
    done = bench(tmp_path, "--estimate")
    assert done.code in (0, None), done.err
    assert "4 of 4 runs are missing: about" in done.err
    assert [path.name for path in (tmp_path / "results").iterdir()] == []


def test_a_part_of_a_suite_is_counted_as_such(tmp_path: Path) -> None:
    done = bench(tmp_path, "--only", "gaussians", "--quiet")
    assert done.code in (0, None), done.err
    # Nobody waits for the cost, and nothing is chosen.
    assert done.err.splitlines() == ["1 of 1 runs are missing."]
    again = bench(tmp_path, "--only", "gaussians", "--quiet")
    assert again.err.splitlines() == ["All 1 runs are finished."]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--only", "grr"), "to name runs of the suite, upper, ewc, lower, gaussians"),
        (("--strategy", "gr"), "strategy"),
        (("--check",), "Expected results of the suite small"),
    ],
)
def test_mistakes(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    done = bench(tmp_path, *arguments)
    assert done.code == 2
    assert message in done.err


BAD = """
from cl_anomaly.strategies.base import Strategy

class Bad(Strategy):
    name = "bad"

    def before_task(self, *arguments):
        raise ValueError("on purpose")
"""


def test_a_run_that_fails_as_its_cost_is_measured_stops_no_other(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(BAD, encoding="utf-8")
    bad = f'[runs.bad]\nstrategy = "{tmp_path / "bad.py"}:Bad"\n\n[tune]'
    (tmp_path / "suite.toml").write_text(SUITE.replace("[tune]", bad), encoding="utf-8")
    flags = ["--only", "bad,lower", "--trust", "--out", tmp_path / "results"]
    done = cli("bench", tmp_path / "suite.toml", *flags)
    assert done.code == 1
    assert "bad failed: in task 1: ValueError: on purpose" in plain(done.err)
    table = pd.read_csv(tmp_path / "results" / "suite" / "table.csv")
    found = table.set_index("run")["mean"]
    assert found["lower"] > 0
    assert np.isnan(found["bad"])


def test_a_replica_that_a_method_would_have_twice_is_refused_before_any_runs(
    tmp_path: Path,
) -> None:
    text = SUITE.replace("[runs.upper]", EACH)
    (tmp_path / "small.toml").write_text(text, encoding="utf-8")
    done = cli("bench", tmp_path / "small.toml", "--out", tmp_path / "results")
    assert done.code == 2
    said = plain(done.err)
    assert "each replica of upper once, but the runs 'upper · seeds 0–1' and 'upper · seeds" in said
    assert "both have seed 1 with anomaly class 1 of digits" in said
    assert not list((tmp_path / "results").iterdir())


def test_compare_refuses_what_only_bench_can_do(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(SUITE, encoding="utf-8")
    done = cli("compare", "--suite", tmp_path / "small.toml", "--out", tmp_path / "results")
    assert done.code == 2
    assert "cl-anomaly bench" in done.err
