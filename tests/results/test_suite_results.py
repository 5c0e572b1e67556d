"""Comparisons and suites read back in Python: tables, arrays, and what a notebook shows."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cl_anomaly
from cl_anomaly import read_run, read_suite
from cl_anomaly.core.errors import InputError
from cl_anomaly.results.reading import read_results
from cl_anomaly.results.results import Results
from tests.support.command import cli, run_quietly
from tests.support.made_up import made_up_comparison, made_up_run
from tests.support.places import ROOT

REFERENCE = ROOT / "results" / "reference" / "mnist"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_quietly(tmp_path_factory.mktemp("out"), "--strategy", "lower", "--seeds", "2")


@pytest.fixture(scope="module")
def suite(run: Path) -> Results:
    return read_suite(made_up_comparison(run.parent, {"lower": run}))


def test_the_table_is_what_the_reference_says() -> None:
    suite = read_suite(REFERENCE)
    table = suite.table.set_index("run")
    assert table.index.tolist() == ["upper", "gr", "ewc", "lower"], "the highest AUROC first"
    summary = pd.read_csv(REFERENCE / "summary.csv").query("score == 'recon' and task == 9")
    for column, metric, value in (
        ("mean", "auroc_seen", "mean"),
        ("sd", "auroc_seen", "sd"),
        ("forgetting", "forgetting", "mean"),
        ("gap_closed", "gap_closed", "mean"),
    ):
        expected = summary[summary["metric"] == metric].set_index("run")[value]
        found = table[column].reindex(expected.index)
        np.testing.assert_allclose(found, expected, atol=1e-9)
    # Three pairs of the best one, none of which five seeds can tell apart, and three others.
    assert suite.pairs["decision"].value_counts().to_dict() == {
        "not different": 3,
        "not tested": 3,
    }
    assert suite.metrics["run"].unique().tolist() == ["upper", "gr", "ewc", "lower"]
    assert list(suite.datasets) == ["mnist"]


def test_arrays_are_those_of_the_runs(suite: Results, run: Path) -> None:
    alone = read_run(run)
    assert list(suite.runs) == list(suite.s) == list(suite.scores) == ["lower"]
    assert suite.s["lower"].shape == (2, 2, 2)
    np.testing.assert_array_equal(suite.s["lower"], alone.s["mse"])
    np.testing.assert_array_equal(suite.scores["lower"], alone.scores["mse"])
    with pytest.raises(KeyError):
        suite.runs["gone"]


def test_runs_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    runs = {name: made_up_run(tmp_path, name) for name in ("gr", "lower")}
    suite = read_suite(made_up_comparison(tmp_path, runs))
    assert list(suite.runs) == ["gr", "lower"]
    assert len(suite.table) == 2
    # These folders have no arrays: nothing has looked.
    with pytest.raises(InputError, match="scores.npz"):
        suite.scores["gr"]


def test_a_run_is_no_suite(run: Path) -> None:
    with pytest.raises(InputError, match="`read_run` reads it"):
        read_suite(run)


def test_runs_without_results_stand_at_the_end(tmp_path: Path) -> None:
    folder = made_up_comparison(tmp_path, {"gr": made_up_run(tmp_path, "gr")})
    config = pd.read_json(folder / "config.json", typ="series").to_dict()
    own = {**config["runs"]["gr"], "strategy": "ewc"}
    from cl_anomaly.core.json_files import write_json

    (folder / "manifest.json").unlink()
    write_json(folder / "config.json", {"runs": {"ewc": own, **config["runs"]}})
    table = read_suite(folder).table
    assert table["run"].tolist() == ["gr", "ewc"]
    assert table["replicas"].tolist() == [2, 0]
    assert table["mean"].isna().tolist() == [False, True]


def test_what_a_notebook_shows_is_a_table_whose_names_stay_text(tmp_path: Path) -> None:
    name = "<script>alert(1)</script> & more"
    folder = made_up_comparison(tmp_path, {name: made_up_run(tmp_path, "gr")})
    suite = read_suite(folder)
    shown = suite._repr_html_()
    assert "<table" in shown and "<script>" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in shown
    assert name in repr(suite) and "0.695" in repr(suite)


def test_a_run_shows_itself_too(run: Path) -> None:
    result = read_run(run)
    headline = result.headline["mse"]
    table = result.table
    assert table["task"].tolist() == [1, 2]
    np.testing.assert_allclose(table["mean"], headline.mean(0))
    np.testing.assert_allclose(table["sd"], headline.std(0, ddof=1))
    assert table["replicas"].tolist() == [2, 2]
    assert repr(result) == str(result)
    shown = result._repr_html_()
    assert "<table" in shown and "lower on digits" in shown
    assert f"{headline.mean(0)[1]:.3f}" in shown


def test_it_is_one_of_the_names_of_the_package() -> None:
    assert {"read_suite", "Results", "read_run", "RunFolder"} <= set(dir(cl_anomaly))


def test_a_suite_of_several_datasets(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(
        'dataset = "digits"\ntask_order = [3, 4]\nepochs = 1\nseeds = 2\n'
        'model = "gaussians"\ndevice = "cpu"\n'
        '[runs.a]\nstrategy = "lower"\nscore = "least"\n'
        '[runs.b]\nstrategy = "lower"\nscore = "mse"\nmodel = "ae"\n'
        "[each]\nanomaly_class = [1, 2]\n",
        encoding="utf-8",
    )
    where = ["--out", tmp_path / "results", "--workers", "1", "--no-report"]
    done = cli("bench", tmp_path / "small.toml", *where)
    assert done.code == 0, done.err
    suite = read_suite(tmp_path / "results" / "small")
    assert suite.kind == "suite"
    table = pd.read_csv(tmp_path / "results" / "small" / "table.csv").set_index("run")
    found = suite.table.set_index("run").reindex(table.index)
    for column in ("mean", "low", "high", "rank", "forgetting"):
        np.testing.assert_allclose(found[column], table[column], atol=1e-12)
    assert found["score"].to_dict() == {"a": "least", "b": "mse"}
    # The members' names say the anomaly class, the methods' do not.
    assert len(suite.runs) == 4
    assert suite.costs["run"].tolist() == list(suite.runs)
    # Over two blocks: the deviation of their means.
    own = suite.shown.query("run == 'a' and metric == 'auroc_seen' and task == 2")
    means = own.groupby("anomaly_class")["value"].mean()
    assert found.loc["a", "sd"] == pytest.approx(means.std())


def test_deviations_are_over_the_replicas_that_all_runs_have(tmp_path: Path) -> None:
    # AUROC after the last task is 0.7 − 0.01 · seed.
    runs = {
        "gr": made_up_run(tmp_path, "gr", seeds=[0, 1, 5]),
        "ewc": made_up_run(tmp_path, "ewc", seeds=[0, 1]),
    }
    table = read_suite(made_up_comparison(tmp_path, runs)).table.set_index("run")
    assert table["replicas"].to_dict() == {"gr": 3, "ewc": 2}
    for name in runs:
        assert table.loc[name, "mean"] == pytest.approx(0.695)
        assert table.loc[name, "sd"] == pytest.approx(0.01 / np.sqrt(2))


def test_a_run_alone_is_read_as_a_comparison_of_one(run: Path) -> None:
    one, alone = read_results(run), read_run(run)
    row = one.table.iloc[0]
    assert (one.kind, row["score"]) == ("run", "mse")
    last = alone.headline["mse"][:, -1]
    assert (row["run"], row["mean"]) == ("lower", pytest.approx(last.mean()))
    assert row["sd"] == pytest.approx(last.std(ddof=1))
    np.testing.assert_array_equal(one.s["lower"], alone.s["mse"])
