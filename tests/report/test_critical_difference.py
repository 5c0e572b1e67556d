"""The critical-difference diagram: what it says, and that no word is on another."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from cl_anomaly.core.errors import InputError
from cl_anomaly.report.canvas import save_figure
from cl_anomaly.report.critical_difference import draw_critical_difference
from cl_anomaly.statistics.comparison import Comparison, compare_runs

LONG = "gr, learning rate 0.0001, a/path/to/results/that/somebody_has_named_by_its_settings "


def compared(runs: dict[str, float], classes: int = 12, spread: float = 0.01) -> Comparison:
    random = np.random.default_rng(0)
    rows = [
        (run, "digits", anomaly, 0, 1, base + spread * random.normal())
        for run, base in runs.items()
        for anomaly in range(classes)
    ]
    columns = ["run", "dataset", "anomaly_class", "seed", "task", "value"]
    metrics = pd.DataFrame(rows, columns=columns).assign(score="mse", metric="auroc_seen")
    return compare_runs(metrics, "mse", resamples=20)


@cache
def many(count: int) -> Comparison:
    """So many runs, named by their places, which are compared once for all names."""
    return compared({str(n): 0.9 - 0.01 * n for n in range(count)}, spread=0.03)


def bars_of(figure: Figure) -> list[tuple[float, float]]:
    """The ends of the bars, from the best rank on."""
    lines = [line for line in figure.axes[0].lines if line.get_linewidth() == 3.0]
    return [tuple(np.asarray(line.get_xdata(), float)) for line in lines]  # type: ignore[misc]


def marks_of(figure: Figure) -> dict[str, float]:
    """Where each run's mark is on the scale."""
    marks = [line for line in figure.axes[0].lines if line.get_marker() not in ("None", "", None)]
    names = [t.get_text().split("  ")[0] for t in figure.axes[0].texts if "  " in t.get_text()]
    return {n: float(np.asarray(m.get_xdata())[0]) for n, m in zip(names, marks, strict=True)}


def test_bars_join_what_is_not_different() -> None:
    found = compared({"upper": 0.9, "gr": 0.9, "ewc": 0.6, "lower": 0.6})
    figure = draw_critical_difference(found)
    marks, (better, worse) = marks_of(figure), bars_of(figure)
    for run, (low, high) in {"upper": better, "gr": better, "ewc": worse, "lower": worse}.items():
        assert low < marks[run] < high
    assert better[1] < worse[0], "the best are on the left, and are joined with none of the others"
    # Marks stand at the mean ranks, which the names give.
    ranks = found.table.set_index("run")["rank"]
    slope = (marks["lower"] - marks["upper"]) / (ranks["lower"] - ranks["upper"])
    for run, own in ranks.items():
        assert marks[str(run)] - marks["upper"] == pytest.approx(slope * (own - ranks["upper"]))
        assert any(t.get_text() == f"{run}  {own:.2f}" for t in figure.axes[0].texts)


def test_where_friedman_finds_nothing_one_bar_joins_all() -> None:
    figure = draw_critical_difference(compared({"a": 0.5, "b": 0.5, "c": 0.5, "d": 0.5}))
    (bar,) = bars_of(figure)
    assert all(bar[0] < x < bar[1] for x in marks_of(figure).values())
    assert any("no ranks differ" in t.get_text() for t in figure.axes[0].texts)


@pytest.mark.parametrize("name", ["s", LONG, "W" * 90], ids=["short", "long", "wide"])
@pytest.mark.parametrize("count", [3, 4, 18, 30])
def test_every_word_is_inside_and_on_no_other(count: int, name: str) -> None:
    table = many(count).table
    named = replace(many(count), table=table.assign(run=name + table["run"].astype(str)))
    figure = draw_critical_difference(named, title="digits, mse")
    figure.draw_without_rendering()
    boxes = {t.get_text(): t.get_window_extent() for t in figure.axes[0].texts}
    assert len(boxes) > count, "each name, the scale, the critical difference and the title"
    for text, box in boxes.items():
        assert box.x0 >= 0 and box.y0 >= 0, text
        assert box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, text
    placed = list(boxes.items())
    for place, (text, box) in enumerate(placed):
        for other, another in placed[:place]:
            assert not box.overlaps(another), (text, other)


def test_strategies_keep_their_colours_and_the_file_its_bytes(tmp_path: Path) -> None:
    found = compared({"upper": 0.9, "gr": 0.8, "my run": 0.6})
    strategies = {"my run": "lower"}
    figure = draw_critical_difference(found, strategies)
    colours = {line.get_color() for line in figure.axes[0].lines}
    assert {"#0072B2", "#D55E00", "#000000"} <= colours
    again = draw_critical_difference(found, strategies)
    for one, other in zip(
        save_figure(figure, tmp_path / "one"), save_figure(again, tmp_path / "other"), strict=True
    ):
        assert one.read_bytes() == other.read_bytes()


def test_fewer_than_three_are_refused() -> None:
    with pytest.raises(InputError, match="three runs or more, .* but got a, b, with 12 in common"):
        draw_critical_difference(compared({"a": 0.9, "b": 0.8}))
    with pytest.raises(InputError, match="but got a, b, c, with 1 in common"):
        draw_critical_difference(compared({"a": 0.9, "b": 0.8, "c": 0.7}, classes=1))
