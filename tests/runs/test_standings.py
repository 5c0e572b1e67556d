"""Gap closed and forgetting beside the AUROC of several runs."""

import math
from dataclasses import replace

import pandas as pd
import pytest

from cl_anomaly.runs.comparison import compare_results
from cl_anomaly.runs.standings import gaps_closed, kind_of, with_forgetting
from cl_anomaly.storage.results import read_results
from tests.places import ROOT


def test_the_gap_is_between_bounds_of_the_same_model_and_score() -> None:
    kinds = {
        "lower": kind_of("lower", "vae", {"beta": 1.0}, "mse"),
        "upper": kind_of("upper", "vae", {"beta": 1.0}, "mse"),
        "gr": kind_of("gr", "vae", {"beta": 1.0}, "mse"),
        "other model": kind_of("gr", "ae", {}, "mse"),
        "other score": kind_of("gr", "vae", {"beta": 1.0}, "recon"),
        "no results": kind_of("gr", "vae", {"beta": 1.0}, "mse"),
    }
    means = {"lower": 0.6, "upper": 1.0, "gr": 0.9, "other model": 0.9, "other score": 0.9}
    found = gaps_closed(means, kinds)
    assert found["gr"] == pytest.approx(0.75)
    assert (found["lower"], found["upper"]) == pytest.approx((0.0, 1.0))
    assert all(pd.isna(found[name]) for name in ("other model", "other score", "no results"))


def test_of_two_lower_bounds_the_first_counts() -> None:
    lower, upper = (kind_of(bound, "vae", {}, "mse") for bound in ("lower", "upper"))
    kinds = {"a": lower, "b": lower, "u": upper}
    assert gaps_closed({"a": 0.5, "b": 0.75, "u": 1.0}, kinds) == {"a": 0.0, "b": 0.5, "u": 1.0}


def test_the_reference_is_as_its_summary_says() -> None:
    folder = ROOT / "results" / "reference" / "mnist"
    results = read_results(folder)
    table = with_forgetting(compare_results(results, "recon"), results).set_index("run")
    summary = pd.read_csv(folder / "summary.csv").query("score == 'recon'")
    for metric in ("forgetting", "gap_closed"):
        expected = summary[summary["metric"] == metric].set_index("run")["mean"]
        pd.testing.assert_series_equal(table[metric], expected, check_names=False, atol=1e-12)


def test_a_run_without_results_has_neither() -> None:
    results = read_results(ROOT / "results" / "reference" / "mnist")[-2:]
    metrics = results[0].metrics
    lost = replace(results[0], metrics=metrics[metrics["score"] == "mse"])
    table = with_forgetting(compare_results([lost, results[1]], "recon"), [lost, results[1]])
    (row,) = table[table["run"] == "ewc"].to_dict("records")
    assert math.isnan(row["gap_closed"]) and math.isnan(row["forgetting"])
