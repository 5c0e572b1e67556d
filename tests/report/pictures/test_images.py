"""`samples`, `reconstructions` and `losses`: images, scores and lines are those of the files."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.axes import Axes

from cl_anomaly.core.errors import InputError
from cl_anomaly.data.datasets import Dataset
from cl_anomaly.detector import Detector
from cl_anomaly.report.cells import short_score
from cl_anomaly.report.drawn_run import DrawnRun
from cl_anomaly.report.images import as_images
from cl_anomaly.report.pictures import find_picture
from tests.report.pictures.conftest import TASKS, recorded
from tests.support.command import cli, run_quietly


def tiles_of(axes: Axes) -> list[np.ndarray]:
    """Images in rows, from the top left."""
    placed = [
        (im.get_extent()[3], im.get_extent()[0], np.asarray(im.get_array())) for im in axes.images
    ]
    return [image for _, _, image in sorted(placed, key=lambda own: own[:2])]


def words_of(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_a_row_of_samples_is_what_was_generated_after_a_task(run: DrawnRun) -> None:
    figure = find_picture("samples").draw(run, "recon")
    (axes,) = figure.axes
    generated = run.pictures["generated"]
    assert generated.shape == (3, 10, 8, 8)
    for drawn, kept in zip(tiles_of(axes), generated.reshape(-1, 8, 8), strict=True):
        np.testing.assert_array_equal(drawn, kept)
    assert words_of(axes) == [f"after task {n} (class {c})" for n, c in enumerate(TASKS, 1)]
    assert figure.get_suptitle() == "digits, gr, seed 5, anomaly class 4"


def test_reconstructions_are_those_of_the_trained_detector(
    folder: Path, run: DrawnRun, digits: Dataset
) -> None:
    (axes,) = find_picture("reconstructions").draw(run, "mse").axes
    inputs, first, first_off, last, last_off = np.split(np.stack(tiles_of(axes)), 5)
    with np.load(folder / "scores.npz") as file:
        labels, places, scores = file["labels"], file["test_indices"], file["mse"][0]
    shown = [p for label in (3, 2, 4) for p in np.flatnonzero(labels == label)[:4]]
    stored = digits.test.stored.numpy()[places[shown]] / 16
    np.testing.assert_allclose(inputs, stored, atol=1e-7)
    # The score `mse` of what is drawn is the one below it.
    for image, task in ((first, 1), (last, 3)):
        found = np.square(image - inputs).mean((1, 2))
        np.testing.assert_allclose(found, scores[task - 1, shown], rtol=1e-4)
    np.testing.assert_allclose(first_off, np.abs(first - inputs), atol=1e-7)
    np.testing.assert_allclose(last_off, np.abs(last - inputs), atol=1e-7)
    below = [f"{scores[task - 1, place]:.3g}" for place in shown for task in (1, 3)]
    assert [word for word in words_of(axes) if word[0] == "0"] == below
    headings = {"normal, task 1\n(class 3)", "normal, task 3\n(class 2)", "anomalous (class 4)"}
    assert {" ".join(h.split()) for h in headings} <= {" ".join(w.split()) for w in words_of(axes)}
    again = Detector.load(folder).first_replica()
    x = digits.test.batch(torch.from_numpy(places[shown]))[None]
    means = again.reconstruct(x).means
    np.testing.assert_allclose(last, means[0].detach().numpy(), atol=1e-5)


@pytest.mark.parametrize(
    ("features", "images"),
    [((8, 6), (8, 6)), ((1, 8, 6), (8, 6)), ((3, 8, 6), (8, 6, 3)), ((8, 6, 3), (8, 6, 3))],
)
def test_samples_of_these_shapes_are_images(
    features: tuple[int, ...], images: tuple[int, ...]
) -> None:
    samples = np.random.default_rng(0).random((2, 5, *features), dtype=np.float32)
    shown = as_images(samples, 2, "made-up")
    assert shown.shape == (2, 5, *images)
    if features == (3, 8, 6):
        assert shown[1, 4, 7, 5].tolist() == samples[1, 4, :, 7, 5].tolist()


def test_vectors_are_refused_in_a_sentence() -> None:
    with pytest.raises(InputError, match="but those of wine.*shape 13.*--kind scores"):
        as_images(np.zeros((2, 13), np.float32), 1, "wine")


@pytest.mark.parametrize(
    ("score", "text"), [(0.012345, "0.0123"), (45.94, "45.9"), (12345.6, "12346"), (-2.0, "-2")]
)
def test_a_score_is_written_in_three_digits(score: float, text: str) -> None:
    assert short_score(score) == text


def test_a_table_has_all_pictures_but_those_of_images(tmp_path: Path) -> None:
    numbers, labels = np.random.default_rng(0), np.repeat([0, 1, 2], 40)
    x = (numbers.random((120, 5)) * 0.3 + 0.2 * labels[:, None]).astype(np.float32)
    np.savez(tmp_path / "table.npz", x_train=x, y_train=labels, x_test=x, y_test=labels)
    folder = run_quietly(tmp_path, "--dataset", str(tmp_path / "table.npz"), "--strategy", "lower")
    for kind in ("scores", "roc", "latent", "losses", "matrix"):
        assert find_picture(kind).draw(recorded(folder), "recon").axes
    for kind in ("samples", "reconstructions"):
        done = cli("plot", folder, "--kind", kind)
        assert done.code == 2 and "those of table have the shape 5" in done.err


def test_the_loss_is_the_mean_over_the_replicas(folder: Path, run: DrawnRun) -> None:
    axes = find_picture("losses").draw(run, "recon").axes[0]
    table = pd.read_csv(folder / "losses.csv")
    assert len(table) == 2 * 3 * 2
    lines = [line for line in axes.get_lines() if len(np.asarray(line.get_xdata())) == 2]
    by_task = [line for line in lines if line.get_marker() == "s"]
    for task, line in enumerate(by_task, 1):
        means = table[table["task"] == task].groupby("epoch")["loss"].mean()
        np.testing.assert_array_equal(line.get_xdata(), [2 * task - 1, 2 * task])
        np.testing.assert_allclose(np.asarray(line.get_ydata()), means, rtol=1e-12)
    assert len(by_task) == 3
    (band, *_), own = axes.collections, table[(table["task"] == 1) & (table["epoch"] == 1)]["loss"]
    corners = np.asarray(band.get_paths()[0].vertices)
    high = corners[corners[:, 0] == 1, 1].max()
    assert high == pytest.approx(own.mean() + own.std(ddof=1))
