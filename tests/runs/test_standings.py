"""Gap closed and forgetting beside the AUROC of several runs."""

import math
from dataclasses import replace

import pandas as pd

from cl_anomaly.runs.comparison import compare_results
from cl_anomaly.runs.standings import with_forgetting
from cl_anomaly.storage.results import read_results
from tests.places import ROOT


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
