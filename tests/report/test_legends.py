"""Whatever is drawn, every word stays whole, inside the picture, and on nothing else."""

import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from cl_anomaly.report.auroc_figure import draw_auroc
from cl_anomaly.report.legends import wrapped

LONG = "gr, learning rate 0.0001, a/path/to/results/that/somebody_has_named_by_all_its_settings "
FILE = "a_dataset_with_a_name_of_all_its_settings_" * 3 + ".npz"


def table(
    labels: list[str], dataset: str = "digits", anomaly_classes: tuple[int, ...] = (0,)
) -> pd.DataFrame:
    rows = [
        (label, f"strategy {n}", dataset, anomaly, seed, task, 0.9 - 0.06 * task - 0.3 * n / 30)
        for anomaly in anomaly_classes
        for n, label in enumerate(labels)
        for seed in (0, 1)
        for task in range(1, 10)
    ]
    columns = ["run", "strategy", "dataset", "anomaly_class", "seed", "task", "value"]
    return pd.DataFrame(rows, columns=columns).assign(score="recon", metric="auroc_seen")


def boxes_of(figure: Figure) -> dict[str, Bbox]:
    """Where the words of a figure are."""
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    texts: list[Text] = [text for legend in figure.legends for text in legend.get_texts()]
    texts += figure.texts
    for axes in figure.axes:
        texts += [axes.title, axes.xaxis.label, axes.yaxis.label, *axes.texts]
    return {t.get_text(): t.get_window_extent(renderer) for t in texts if t.get_text()}


@pytest.mark.parametrize(
    ("name", "dataset"),
    [("gr ", "digits"), ("gr, epochs 1000 ", "digits"), (LONG, FILE), ("W" * 150, "W" * 200)],
    ids=["short", "longer", "long", "wide"],
)
@pytest.mark.parametrize("count", [1, 4, 12, 30])
def test_every_word_is_inside_the_picture(count: int, name: str, dataset: str) -> None:
    labels = [f"{name}{n}" for n in range(count)]
    figure = draw_auroc(table(labels, dataset), "recon")
    boxes = boxes_of(figure)
    for text, box in boxes.items():
        assert box.x0 >= 0 and box.y0 >= 0, text
        assert box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, text
    shown = [text.get_text().replace("\n", "") for text in figure.legends[0].get_texts()]
    assert [text.replace(" ", "") for text in shown] == [each.replace(" ", "") for each in labels]
    axes = figure.axes[0]
    title = boxes[axes.get_title()]
    legend = figure.legends[0].get_window_extent()
    assert not title.overlaps(legend)
    assert not axes.get_window_extent().overlaps(legend)
    assert axes.get_window_extent().height > 144, "two inches are left for the lines"


@pytest.mark.parametrize("panels", [2, 4, 6, 10])
def test_every_word_of_several_panels_is_inside_and_on_no_other(panels: int) -> None:
    labels = [f"{LONG}{n}" for n in range(5)]
    figure = draw_auroc(table(labels, FILE, tuple(range(panels))), "recon")
    boxes = boxes_of(figure)
    for text, box in boxes.items():
        assert box.x0 >= 0 and box.y0 >= 0, text
        assert box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, text
    titles = [boxes[axes.get_title()] for axes in figure.axes]
    suptitle = figure.get_suptitle()
    assert suptitle in boxes
    assert suptitle.replace("\n", "").startswith(FILE)
    for index, title in enumerate(titles):
        assert not title.overlaps(boxes[suptitle])
        assert not any(title.overlaps(other) for other in titles[:index])
    limits = {axes.get_ylim() for axes in figure.axes}
    assert len(limits) == 1, "one axis for all"
    assert len(figure.legends) == 1


@pytest.mark.parametrize("panels", [1, 3, 6])
def test_no_line_is_drawn_over_the_word_chance(panels: int) -> None:
    figure = draw_auroc(table(["gr", "lower"], anomaly_classes=tuple(range(panels))), "recon")
    figure.draw_without_rendering()
    words = [text for axes in figure.axes for text in axes.texts]
    assert {word.get_text() for word in words} == {"chance"}
    for word in words:
        assert not any(axes.bbox.overlaps(word.get_window_extent()) for axes in figure.axes)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("short", ["short"]),
        ("one two three four", ["one two", "three four"]),
        ("WWWWWWWWWWWW", ["WWWWW", "WWWWW", "WW"]),
        ("results/name_of", ["results/", "name_of"]),
    ],
)
def test_text_is_broken_after_words_or_anywhere(text: str, lines: list[str]) -> None:
    assert wrapped(text, 52).split("\n") == lines
