"""Figures: what is drawn is what was measured."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from cl_anomaly.report.auroc_figure import draw_auroc
from cl_anomaly.report.canvas import save_figure
from cl_anomaly.report.run_names import one_line
from cl_anomaly.report.words import Words

TWO_RUNS = {
    "my gr": [[0.9, 0.6, 0.5], [0.8, 0.8, 0.6], [0.4, 0.7, 0.1]],
    "lower": [[0.7, 0.3, 0.2], [0.9, 0.4, 0.4], [0.8, 0.35, 0.3]],
}
SEVEN_RUNS = {f"run {n}": [[0.9 - n / 50, 0.8 - n / 50]] for n in range(7)}


def metrics(runs: dict[str, list[list[float]]]) -> pd.DataFrame:
    """Headline AUROC by run: a list for each seed, a number for each task.

    There is another score and another metric beside it, which must not be drawn.
    """
    rows = [
        {"run": run, "strategy": run, "seed": seed, "task": task, "value": value}
        for run, seeds in runs.items()
        for seed, values in enumerate(seeds)
        for task, value in enumerate(values, 1)
    ]
    headline = pd.DataFrame(rows).assign(
        dataset="digits", anomaly_class=3, score="recon", metric="auroc_seen"
    )
    others = [
        headline.assign(score="mse", value=0.11),
        headline.assign(metric="auroc_class_1", value=0.22),
    ]
    return pd.concat([*others, headline], ignore_index=True)


def axes_of(figure: Figure) -> Axes:
    (axes,) = figure.axes
    return axes


def lines_of(figure: Figure) -> list[Line2D]:
    """The runs' lines, without that of chance."""
    return [
        line for line in axes_of(figure).get_lines() if not str(line.get_label()).startswith("_")
    ]


def bands_of(figure: Figure) -> list[PolyCollection]:
    return [c for c in axes_of(figure).collections if isinstance(c, PolyCollection)]


def test_a_line_is_the_mean_over_the_seeds() -> None:
    lines = lines_of(draw_auroc(metrics(TWO_RUNS), "recon"))
    assert [line.get_label() for line in lines] == ["my gr", "lower"]
    for line, expected in zip(lines, ([0.7, 0.7, 0.4], [0.8, 0.35, 0.3]), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
        np.testing.assert_allclose(np.asarray(line.get_ydata()), expected, rtol=1e-12)


def test_tasks_are_drawn_in_order_of_their_numbers() -> None:
    figure = draw_auroc(metrics({"gr": [[0.9, 0.6, 0.5]]}).iloc[::-1], "recon")
    (line,) = lines_of(figure)
    np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
    np.testing.assert_array_equal(line.get_ydata(), [0.9, 0.6, 0.5])


def test_the_band_is_one_standard_deviation() -> None:
    band, _ = bands_of(draw_auroc(metrics(TWO_RUNS), "recon"))
    corners = np.asarray(band.get_paths()[0].vertices)
    at_second_task = corners[corners[:, 0] == 2, 1]
    # Of the sample 0.6, 0.8, 0.7: its variance is (0.1² + 0.1²) / (3 - 1).
    assert at_second_task.min() == pytest.approx(0.7 - 0.1)
    assert at_second_task.max() == pytest.approx(0.7 + 0.1)


def test_one_seed_has_no_band() -> None:
    assert not bands_of(draw_auroc(metrics({"gr": [[0.9, 0.6]]}), "recon"))


def test_the_words_say_what_is_shown() -> None:
    figure = draw_auroc(metrics(TWO_RUNS), "recon")
    axes = axes_of(figure)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["my gr", "lower"]
    assert axes.get_xlabel() == "After task"
    assert "AUROC, class 3 against" in axes.get_ylabel()
    for word in ("digits", "score recon", "3 seeds"):
        assert word in axes.get_title()


def test_chance_is_marked_where_a_line_falls_below_it() -> None:
    def has_chance(figure: Figure) -> bool:
        words = [text.get_text() for text in axes_of(figure).texts]
        levels = [np.unique(line.get_ydata()).tolist() for line in axes_of(figure).get_lines()]
        return "chance" in words and [0.5] in levels

    assert has_chance(draw_auroc(metrics({"lower": [[0.9, 0.3]]}), "recon"))
    assert not has_chance(draw_auroc(metrics({"upper": [[0.99, 0.95]]}), "recon"))


def test_lines_differ_in_colour_marker_and_dashes(tmp_path: Path) -> None:
    figure = draw_auroc(metrics(SEVEN_RUNS), "recon")
    lines = lines_of(figure)
    assert len(lines) == 7
    assert len({line.get_color() for line in lines}) == 7
    assert len({str(line.get_marker()) for line in lines}) == 7
    # matplotlib keeps own patterns of dashes to itself; the file shows them. The width tells the
    # lines from what else may have the colour.
    _, svg = save_figure(figure, tmp_path / "seven")
    text = svg.read_text()
    dashes = set()
    for line in lines:
        colour = str(line.get_color()).lower()
        styles = re.findall(
            rf'style="(fill: none;[^"]*stroke: {colour}; stroke-width: 1.5[^"]*)"', text
        )
        assert styles
        dashes.add(tuple(re.findall(r"stroke-dasharray: ([^;]*)", styles[0])))
    assert len(dashes) == 7


def test_the_files_are_what_their_names_say(tmp_path: Path) -> None:
    files = save_figure(draw_auroc(metrics(TWO_RUNS), "recon"), tmp_path / "v1.2")
    assert files == [tmp_path / "v1.2.png", tmp_path / "v1.2.svg"]
    png, svg = files
    assert png.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    with Image.open(png) as image:
        assert round(image.info["dpi"][0]) >= 300
        assert image.width >= 5 * 300, "at least five inches wide"
    text = svg.read_text()
    assert "<svg" in text
    # Text as text: it can be searched, and edited for a paper.
    for words in ("my gr", "lower", "After task", "AUROC, class 3 against"):
        assert f">{words}<" in text


def test_only_the_formats_asked_for_are_saved(tmp_path: Path) -> None:
    save_figure(draw_auroc(metrics(TWO_RUNS), "recon"), tmp_path / "auroc", ("png",))
    assert [path.name for path in tmp_path.iterdir()] == ["auroc.png"]


def test_the_same_data_gives_the_same_files(tmp_path: Path) -> None:
    first = save_figure(draw_auroc(metrics(TWO_RUNS), "recon"), tmp_path / "first")
    second = save_figure(draw_auroc(metrics(TWO_RUNS), "recon"), tmp_path / "second")
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.suffix


def test_numbers_of_seeds_that_differ_are_said_for_each_line() -> None:
    figure = draw_auroc(metrics({"gr": [[0.9], [0.8]], "ewc": [[0.7]]}), "recon")
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["gr (n = 2)", "ewc (n = 1)"]
    assert "seeds" not in axes_of(figure).get_title()


def test_lines_below_chance_leave_room_for_it() -> None:
    axes = axes_of(draw_auroc(metrics({"gr": [[0.30, 0.32]]}), "recon"))
    low, high = axes.get_ylim()
    assert low < 0.30 and high > 0.5


def test_no_two_of_fifty_lines_look_the_same() -> None:
    runs = {f"{n}": [[0.9, 0.5 + n / 200]] for n in range(50)}
    lines = lines_of(draw_auroc(metrics(runs), "recon"))
    assert len({(line.get_color(), line.get_marker()) for line in lines}) == 50


def test_long_names_stand_below_the_axes(tmp_path: Path) -> None:
    runs = {f"gr (a rather long name of a run, {n})": [[0.9, 0.8]] for n in range(8)}
    figure = draw_auroc(metrics(runs), "recon")
    save_figure(figure, tmp_path / "figure", ("png",))  # lays it out
    box = figure.legends[0].get_window_extent()
    axes = axes_of(figure).get_window_extent()
    assert box.y1 < axes.y0
    assert axes.width > 0.7 * figure.bbox.width
    assert axes.height > 0.4 * figure.bbox.height


def test_names_are_no_formulas(tmp_path: Path) -> None:
    table = metrics({"$\\frac$": [[0.9, 0.8]], "b_{": [[0.7, 0.6]]}).assign(dataset="$x$.npz")
    _, svg = save_figure(draw_auroc(table, "recon"), tmp_path / "figure")
    text = svg.read_text()
    assert "$\\frac$" in text and "b_{" in text and "$x$.npz" in text


def test_replicas_that_failed_show_in_the_label() -> None:
    # Of three seeds, two are left after the second task.
    table = metrics(TWO_RUNS)
    table = table[(table["run"] != "lower") | (table["seed"] != 1) | (table["task"] == 1)]
    labels = [str(line.get_label()) for line in lines_of(draw_auroc(table, "recon"))]
    assert labels == ["my gr (n = 3)", "lower (n = 3 to 2)"]
    only = table[table["run"] == "lower"]
    (line,) = lines_of(draw_auroc(only, "recon"))
    assert line.get_label() == "lower (n = 3 to 2)"


def _of_classes(seeds: int = 2) -> pd.DataFrame:
    """A run of the anomaly classes 3, 4 and 5, which end at 0.8, 0.6 and 0.7."""
    parts = [
        metrics({"gr": [[0.9, end + 0.1 * seed] for seed in range(seeds)]}).assign(anomaly_class=c)
        for c, end in ((3, 0.8), (4, 0.6), (5, 0.7))
    ]
    return one_line(pd.concat(parts).drop(columns="run")).assign(run="gr")


def test_a_run_of_several_anomaly_classes_is_one_line_with_a_band_over_them() -> None:
    figure = draw_auroc(_of_classes(), "recon")
    (line,) = lines_of(figure)
    np.testing.assert_allclose(np.asarray(line.get_ydata()), [0.9, 0.75])
    (band,) = bands_of(figure)
    corners = np.asarray(band.get_paths()[0].vertices)
    # Of the classes' means 0.85, 0.65 and 0.75: Student's t of 2 degrees is 4.302653.
    margin = 4.302653 * 0.1 / np.sqrt(3)
    at_second_task = corners[corners[:, 0] == 2, 1]
    assert at_second_task.min() == pytest.approx(0.75 - margin)
    assert at_second_task.max() == pytest.approx(0.75 + margin)
    title = axes_of(figure).get_title().replace("\n", " ")
    assert "mean of anomaly classes 3 to 5 ± 95 % t-interval" in title
    assert "s.d." not in title


def test_a_single_class_beside_several_has_a_panel_of_its_own() -> None:
    single = metrics({"gr": [[0.9, 0.7], [0.9, 0.8]]})
    figure = draw_auroc(pd.concat([_of_classes(), single]), "recon")
    titles = {axes.get_title().replace("\n", " ") for axes in figure.axes}
    assert titles == {"mean of anomaly classes 3 to 5", "anomaly class 3"}
    assert "mean ± s.d. of 2 seeds; mean of" in figure.get_suptitle().replace("\n", " ")


@pytest.mark.parametrize("panels", [1, 2, 6])
def test_nothing_stands_on_the_word_chance(panels: int) -> None:
    parts = [metrics(TWO_RUNS).assign(anomaly_class=number) for number in range(panels)]
    figure = draw_auroc(pd.concat(parts), "recon")
    figure.draw_without_rendering()
    words = [text for axes in figure.axes for text in axes.texts if text.get_text() == "chance"]
    assert len(words) == -(-panels // 4)
    for word in words:
        own = word.get_window_extent()
        for axes in figure.axes:
            # Lines and bands end where the axes do.
            assert not own.overlaps(axes.get_window_extent())
            others = [*axes.get_xticklabels(), *axes.get_yticklabels(), axes.title]
            assert not any(own.overlaps(other.get_window_extent()) for other in others)
        assert not any(own.overlaps(legend.get_window_extent()) for legend in figure.legends)
        assert figure.bbox.contains(*own.max) and figure.bbox.contains(*own.min)


def test_long_names_of_tasks_stand_upright_and_leave_the_axes_their_height() -> None:
    names = ("a very long name of a task", "another name", "and a third one")
    plain, named = (
        draw_auroc(metrics(TWO_RUNS), "recon", Words(task_names=own)) for own in ((), names)
    )
    for figure in (plain, named):
        figure.draw_without_rendering()
    ticks = axes_of(named).get_xticklabels()
    assert tuple(tick.get_text() for tick in ticks) == names
    assert {tick.get_rotation() for tick in ticks} == {90.0}
    extents = [tick.get_window_extent() for tick in ticks]
    assert not extents[0].overlaps(extents[1]) and not extents[1].overlaps(extents[2])
    heights = [axes_of(figure).get_window_extent().height for figure in (plain, named)]
    assert heights[1] > 0.9 * heights[0]
