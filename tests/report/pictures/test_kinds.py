"""What all kinds of pictures have in common."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from cl_anomaly.report.canvas import save_figure
from cl_anomaly.report.captions import chosen_tasks, task_ticks
from cl_anomaly.report.drawn_run import DrawnRun
from cl_anomaly.report.pictures import PICTURES, find_picture

DRAWN = [kind for kind in PICTURES if kind != "fpr"]  # which needs thresholds


def texts_of(axes: Axes) -> list[Text]:
    """Its title, labels and words, and the labels of those ticks that are in view."""
    found = [axes.title, axes.xaxis.label, axes.yaxis.label, *axes.texts]
    for axis in (axes.xaxis, axes.yaxis) if axes.axison else ():
        low, high = sorted(axis.get_view_interval())
        ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
        found += [label for tick in ticks for label in (tick.label1, tick.label2)]
    return found


def words_in_view(figure: Figure) -> list[tuple[str, float, float, float, float]]:
    """Every text that is seen, and where: x0, y0, x1, y1 in pixels."""
    axes = [*figure.axes, *(child for own in figure.axes for child in own.child_axes)]
    found = [*figure.texts, *(text for own in axes for text in texts_of(own))]
    found += [text for legend in figure.legends for text in legend.get_texts()]
    seen = [text for text in found if text.get_visible() and text.get_text().strip()]
    return [(text.get_text(), *text.get_window_extent().extents) for text in seen]


@pytest.mark.parametrize("kind", DRAWN)
def test_every_kind_gives_the_same_files_twice(kind: str, run: DrawnRun, tmp_path: Path) -> None:
    files = []
    for name in ("one", "two"):
        figure = find_picture(kind).draw(run, "recon")
        files.append(save_figure(figure, tmp_path / name, ("png", "svg", "pdf")))
    for one, other in zip(*files, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.suffix
    with Image.open(files[0][0]) as image:
        assert image.width > 600
        assert len(np.unique(np.asarray(image.convert("L")))) > 10


@pytest.mark.parametrize("kind", DRAWN)
def test_words_are_inside_the_figure_and_apart(kind: str, run: DrawnRun, tmp_path: Path) -> None:
    figure = find_picture(kind).draw(run, "recon")
    save_figure(figure, tmp_path / "figure", ("png",))  # lays it out
    figure.draw_without_rendering()
    words = [own for own in words_in_view(figure) if own[0] != "0%"]
    assert len(words) >= 4
    width, height = figure.bbox.width, figure.bbox.height
    for text, x0, y0, x1, y1 in words:
        assert x0 > -1 and y0 > -1 and x1 < width + 1 and y1 < height + 1, text
    for number, (one, a0, b0, a1, b1) in enumerate(words):
        for other, c0, d0, c1, d1 in words[number + 1 :]:
            overlap = min(a1, c1) - max(a0, c0) > 1 and min(b1, d1) - max(b0, d0) > 1
            assert not overlap, (one, other)


def test_many_tasks_are_shown_in_part() -> None:
    assert chosen_tasks(range(1, 10), 10) == list(range(1, 10))
    assert chosen_tasks(range(1, 101), 10) == [1, 12, 23, 34, 45, 56, 67, 78, 89, 100]


def test_classes_stand_below_the_tasks_where_they_are_others() -> None:
    assert task_ticks([1, 2], {1: "1", 2: "2"}) == ["1", "2"]
    assert task_ticks([1, 2], {1: "7", 2: "2"}) == ["1\n7", "2\n2"]
    # With a random order, a few tasks may by chance bring the same class to every seed.
    assert task_ticks([1, 2], {2: "7"}) == ["1", "2"]
