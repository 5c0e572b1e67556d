"""`roc`, `scores` and `latent`: curves, counts and points are those of the files."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.patches import StepPatch
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score, roc_curve

from cl_anomaly.report.drawn_run import DrawnRun
from cl_anomaly.report.pictures import find_picture
from cl_anomaly.report.pictures.latent import principal_components
from cl_anomaly.report.pictures.roc import roc_curve as our_curve
from tests.report.pictures.conftest import TASKS, recorded


def first_seed(folder: Path, metric: str) -> float:
    table = pd.read_csv(folder / "metrics.csv").query("seed == 5 and task == 3 and score == 'mse'")
    return float(table.set_index("metric")["value"][metric])


def test_the_area_under_each_curve_is_the_auroc(folder: Path, run: DrawnRun) -> None:
    axes = find_picture("roc").draw(run, "mse").axes[0]
    lines = {str(line.get_label()).rpartition(": ")[::2] for line in axes.get_lines()}
    areas = {
        str(line.get_label()).rpartition(":")[0]: np.trapezoid(
            np.asarray(line.get_ydata()), np.asarray(line.get_xdata())
        )
        for line in axes.get_lines()
    }
    expected = {
        f"task {n} (class {label})": first_seed(folder, f"auroc_class_{label}")
        for n, label in enumerate(TASKS, 1)
    }
    expected |= {"all tasks": first_seed(folder, "auroc_seen"), "chance": 0.5}
    assert areas == pytest.approx(expected, abs=1e-9)
    assert lines == {(name, f"{value:.3f}") for name, value in expected.items()}


def test_a_curve_is_scikit_learns() -> None:
    numbers = np.random.default_rng(0)
    # Whole numbers, so that many are the same.
    normal, anomalous = numbers.integers(0, 9, 200) * 1.0, numbers.integers(3, 12, 60) * 1.0
    labels = np.repeat([0, 1], [200, 60])
    both = np.concatenate([normal, anomalous])
    false, true, _ = roc_curve(labels, both, drop_intermediate=False)
    x, y = our_curve(normal, anomalous)
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
    points = {(round(a, 9), round(b, 9)) for a, b in zip(false, true, strict=True)}
    corners = {(round(a, 9), round(b, 9)) for a, b in zip(x, y, strict=True)}
    assert 3 < len(corners) < len(points) and corners < points
    assert np.trapezoid(y, x) == pytest.approx(roc_auc_score(labels, both), abs=1e-12)


def panels(run: DrawnRun, score: str) -> list[Axes]:
    return find_picture("scores").draw(run, score).axes


def test_a_histogram_counts_every_sample(folder: Path, run: DrawnRun) -> None:
    with np.load(folder / "scores.npz") as file:
        labels, scores = file["labels"], file["recon"][0, -1]
    for axes, label in zip(panels(run, "recon"), TASKS, strict=True):
        assert [text.get_text() for text in axes.texts][0].endswith(f"(class {label})")
        for patch, which in zip(axes.patches, (label, 4), strict=True):
            assert isinstance(patch, StepPatch)
            shares, edges, _ = patch.get_data()
            own = scores[labels == which]
            # Counted one by one; what is above the last bin is in it.
            upper = np.append(edges[1:-1], np.inf)
            by_hand = [
                ((own >= a) & (own < b)).sum() for a, b in zip(edges[:-1], upper, strict=True)
            ]
            np.testing.assert_allclose(np.asarray(shares) * len(own), by_hand, atol=1e-9)
            assert sum(shares) == pytest.approx(1)


def test_thresholds_of_the_first_replica_are_drawn_where_there_are_some(
    folder: Path, run: DrawnRun, tmp_path: Path
) -> None:
    assert not panels(run, "recon")[0].get_lines()
    copy = tmp_path / "run"
    shutil.copytree(folder, copy)
    rows = [
        (seed, 4, task, score, target, 10 * task + seed + 100 * target + len(score))
        for seed in (5, 6)
        for task in (1, 2, 3)
        for score in ("recon", "mse")
        for target in (0.05, 0.01)
    ]
    columns = "seed anomaly_class task score target_fpr threshold".split()
    pd.DataFrame(rows, columns=columns).to_csv(copy / "thresholds.csv", index=False)
    figure = find_picture("scores").draw(recorded(copy), "recon")
    for axes in figure.axes:
        drawn = [float(np.asarray(line.get_xdata())[0]) for line in axes.get_lines()]
        assert drawn == pytest.approx([30 + 5 + 1 + 5, 30 + 5 + 5 + 5])
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["normal", "anomalous", "threshold for 1 %", "threshold for 5 %"]


def test_components_are_scikit_learns() -> None:
    codes = np.random.default_rng(0).normal(size=(60, 5)) * [1, 4, 2, 0.5, 3]
    points, shares = principal_components(codes)
    reference = PCA(2).fit(codes)
    np.testing.assert_allclose(np.abs(points), np.abs(reference.transform(codes)), atol=1e-9)
    np.testing.assert_allclose(shares, reference.explained_variance_ratio_, rtol=1e-9)


def test_a_code_of_one_unit_has_no_second_component() -> None:
    points, shares = principal_components(np.array([[1.0], [3.0], [8.0]]))
    np.testing.assert_allclose(points, [[-3, 0], [-1, 0], [4, 0]], atol=1e-12)
    assert shares == [1.0, 0.0]


def test_points_are_the_codes_of_each_task(run: DrawnRun) -> None:
    figure = find_picture("latent").draw(run, "recon")
    assert [axes.get_title() for axes in figure.axes] == ["after task 1", "after task 3"]
    labels = run.results.test_labels[run.pictures["coded"]]
    for axes, codes in zip(figure.axes, run.pictures["codes"], strict=True):
        points, _ = principal_components(codes)
        for line, label in zip(axes.get_lines(), (*TASKS, 4), strict=True):
            np.testing.assert_array_equal(np.asarray(line.get_xydata()), points[labels == label])
