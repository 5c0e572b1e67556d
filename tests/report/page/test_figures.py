"""The figures' data, against what was measured; and their descriptions, against the schema."""

import re
from pathlib import Path

import altair as alt
import numpy as np
import pandas as pd
import pytest
import vl_convert

from cl_anomaly.core.json_files import read_json
from cl_anomaly.report.page.chart_data import (
    as_columns,
    aurocs_after_tasks,
    cost_and_quality,
    false_positive_rates,
    result_matrices,
)
from cl_anomaly.report.page.charts import ranks_figure
from cl_anomaly.report.page.content import Content, PageEntry, standings_of
from cl_anomaly.report.page.line_looks import looks_of
from cl_anomaly.statistics.aurocs import read_aurocs
from cl_anomaly.statistics.comparison import Comparison
from tests.report.page.conftest import UNSAFE
from tests.report.page.reading import script


def test_columns_have_none_where_a_number_is_missing() -> None:
    table = pd.DataFrame({"run": ["a", "b"], "task": [1, 2], "low": [0.5, float("nan")]})
    columns = as_columns(table)
    assert columns == {"run": ["a", "b"], "task": [1, 2], "low": [0.5, None]}
    assert [type(value) for value in columns["task"]] == [int, int]


def test_aurocs_are_the_means_over_the_seeds(content: Content, comparison: Path) -> None:
    shown = aurocs_after_tasks(content)
    metrics = pd.read_csv(comparison / "metrics.csv")
    own = metrics[(metrics["metric"] == "auroc_seen") & (metrics["anomaly_class"] == 4)]
    expected = own.groupby(["run", "score", "task"])["value"].agg(["mean", "std"])
    shown = shown[shown["panel"] == "anomaly class 4"].set_index(["run", "score", "task"])
    assert len(shown) == len(expected)
    expected = expected.loc[shown.index]
    np.testing.assert_allclose(shown["mean"], expected["mean"], atol=1e-6)
    np.testing.assert_allclose(shown["high"] - shown["mean"], expected["std"], atol=1.1e-4)


def test_over_classes_there_is_their_mean(content: Content) -> None:
    shown = aurocs_after_tasks(content)
    by_panel = shown.pivot(index=["run", "score", "task"], columns="panel", values="mean")
    own = by_panel[["anomaly class 0", "anomaly class 4"]].mean(axis=1)
    np.testing.assert_allclose(by_panel["mean of anomaly classes 0, 4"], own, atol=1e-6)


def test_matrices_are_those_of_the_evaluation(content: Content) -> None:
    shown = result_matrices(content)
    for entry in content.with_results:
        assert entry.results is not None
        by_class = read_aurocs(entry.results.metrics.assign(run=""))
        for score in ("recon", "mse"):
            expected = np.mean([own.s[score].mean(0) for own in by_class], 0)
            own = shown[(shown["run"] == entry.name) & (shown["score"] == score)]
            matrix = own.pivot(index="task", columns="of", values="value")
            np.testing.assert_allclose(matrix, expected, atol=5.1e-4)
            assert (own["learnt"] == (own["of"] <= own["task"])).all()


def test_false_positive_rates_are_those_of_the_file(
    content: Content, runs: dict[str, Path]
) -> None:
    shown = false_positive_rates(content)
    assert set(shown["target"]) == {"1 %", "5 %"}
    rates = pd.read_csv(runs[UNSAFE] / "false_positive_rates.csv")
    keys = {"score": "recon", "target_fpr": 0.05, "task": 3, "of_task": 2}
    expected = rates.loc[(rates[list(keys)] == pd.Series(keys)).all(axis=1), "false_positive_rate"]
    assert len(expected) == 4
    keys = {"run": UNSAFE, "target": "5 %", "task": 3, "of": 2}
    (value,) = shown.loc[(shown[list(keys)] == pd.Series(keys)).all(axis=1), "value"]
    assert value == pytest.approx(100 * expected.mean(), abs=1e-3)


def test_costs_are_for_each_replica(content: Content, runs: dict[str, Path]) -> None:
    shown = cost_and_quality(standings_of(content)).set_index("run")
    cost = read_json(runs["upper"] / "cost.json")
    assert cost["replicas"] == 4
    seconds = cost["training_seconds"] / 4
    assert shown.loc["upper", "seconds"] == pytest.approx(seconds, abs=0.01)
    assert len(shown) == 3


@pytest.mark.parametrize("name", ["auroc", "ranks 0", "cost", "matrix", "rates"])
def test_a_figure_is_what_vega_lite_draws(page: str, name: str) -> None:
    specification = script(page, "figures")[name]
    alt.Chart.from_dict(specification, validate=True)
    assert specification["description"]
    named = {
        layer["data"]["name"]
        for layer in [specification, *specification["layer"]]
        if "name" in layer.get("data", {})
    }
    assert named <= set(script(page, "data")) | set(specification.get("datasets", {}))


def test_each_task_is_labelled_once(page: str) -> None:
    figure, data = (script(page, name)["auroc"] for name in ("figures", "data"))
    figure |= {"width": 800, "datasets": {"auroc": pd.DataFrame(data).to_dict("records")}}
    drawn = vl_convert.vegalite_to_svg(figure)
    assert re.findall(r">(\d)</text>", drawn) == ["1", "2", "3"]


def made_up_comparison_of(ranks: list[float], friedman: float, difference: float) -> Comparison:
    table = pd.DataFrame({"run": [f"r{n}" for n in range(len(ranks))], "rank": ranks})
    empty = pd.DataFrame()
    of_tests = {"units": "blocks", "count": 9, "friedman": friedman}
    return Comparison(
        metric="auroc_seen",
        score="mse",
        alpha=0.05,
        table=table,
        pairs=empty,
        critical_difference=difference,
        remarks=(),
        best="r1",
        named=(),
        **of_tests,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("friedman", "bars"), [(0.001, [("r1", "r0"), ("r0", "r2")]), (0.2, [("r1", "r2")])]
)
def test_bars_join_what_is_not_different(friedman: float, bars: list[tuple[str, str]]) -> None:
    compared = made_up_comparison_of([2.5, 1.0, 3.9, 2.0], friedman, 1.6)
    entries = [
        PageEntry(name=f"r{n}", line=f"r{n}", dataset="", config={}, made=()) for n in range(4)
    ]
    drawn = ranks_figure(compared, looks_of(entries), "")
    rows = [row for layer in drawn["layer"] for row in layer["data"]["values"] if "first" in row]
    found = {(bar["first"], bar["last"]) for bar in rows}
    # By mean rank: r1 1.0, r3 2.0, r0 2.5, r2 3.9.
    assert found == set(bars)
