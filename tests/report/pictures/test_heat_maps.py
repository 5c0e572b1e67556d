"""`matrix` and `fpr`: what stands in the cells is what the files say."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cl_anomaly.core.errors import InputError
from cl_anomaly.report.drawn_run import DrawnRun
from cl_anomaly.report.pictures import find_picture
from cl_anomaly.statistics.intervals import mean_of_numbers
from tests.report.pictures.conftest import TASKS, recorded
from tests.support.command import run_quietly


def numbers_in(axes: Axes) -> dict[tuple[int, int], str]:
    """The words of each cell, by row and column."""
    return {
        (round(t.get_position()[1]), round(t.get_position()[0])): t.get_text() for t in axes.texts
    }


def maps_of(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.get_ylabel() == "After task"]


def expected_s(folder: Path, score: str) -> np.ndarray:
    """S from the table, by hand: the mean over the seeds of each class's AUROC after each task."""
    table = pd.read_csv(folder / "metrics.csv")
    own = table[table["score"] == score].groupby(["task", "metric"])["value"].mean()
    rows = [[own[after, f"auroc_class_{label}"] for label in TASKS] for after in (1, 2, 3)]
    return np.array(rows)


@pytest.mark.parametrize("score", ["recon", "mse"])
def test_the_cells_of_the_matrix_say_s(folder: Path, run: DrawnRun, score: str) -> None:
    figure = find_picture("matrix").draw(run, score)
    (axes,) = maps_of(figure)
    s = expected_s(folder, score)
    assert numbers_in(axes) == {place: f"{value:.2f}" for place, value in np.ndenumerate(s)}
    np.testing.assert_allclose(np.asarray(axes.images[0].get_array()), s, rtol=1e-12)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1\n3", "2\n1", "3\n2"]
    title = " ".join(figure.get_suptitle().split())
    assert title == f"digits, gr, score {score}, mean of 2 seeds, anomaly class 4"


def test_of_several_anomaly_classes_the_matrix_is_the_mean(tmp_path: Path) -> None:
    flags = ("--anomaly-class", "4,5", "--task-order", "1,2", "--strategy", "lower")
    folder = run_quietly(tmp_path, *flags)
    figure = find_picture("matrix").draw(recorded(folder), "recon")
    table = pd.read_csv(folder / "metrics.csv")
    own = table[(table["score"] == "recon") & (table["metric"] == "auroc_class_2")]
    assert sorted(own["anomaly_class"].unique()) == [4, 5]
    mean = own[own["task"] == 1]["value"].mean()
    assert numbers_in(maps_of(figure)[0])[0, 1] == f"{mean:.2f}"
    assert "mean of anomaly classes 4, 5" in " ".join(figure.get_suptitle().split())


def test_a_failed_replica_does_not_count() -> None:
    one, other = np.array([[0.5, 0.7]]), np.array([[np.nan, 0.9]])
    np.testing.assert_allclose(mean_of_numbers(np.stack([one, other]), axis=0), [[0.5, 0.8]])
    assert np.isnan(mean_of_numbers(np.full((2, 1, 1), np.nan), axis=0)).all()


def rates(folder: Path) -> pd.DataFrame:
    """Two seeds, two thresholds, after two tasks: what is not learnt yet has no rate."""
    rows = [
        (4, seed, task, "recon", target, of_task, 0.1 * task + 0.2 * of_task + target + 0.02 * seed)
        for seed in (5, 6)
        for task in (1, 2)
        for target in (0.01, 0.05)
        for of_task in range(1, task + 1)
    ]
    columns = "anomaly_class seed task score target_fpr of_task false_positive_rate".split()
    table = pd.DataFrame(rows, columns=columns)
    table.to_csv(folder / "false_positive_rates.csv", index=False)
    return table


def test_the_cells_say_the_realised_rates(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(folder, copy)
    table = rates(copy)
    figure = find_picture("fpr").draw(recorded(copy), "recon")
    panels = maps_of(figure)
    assert [axes.get_title() for axes in panels] == [
        "threshold set for 1 %",
        "threshold set for 5 %",
    ]
    for axes, target in zip(panels, (0.01, 0.05), strict=True):
        own = table[table["target_fpr"] == target]
        means = own.groupby(["task", "of_task"])["false_positive_rate"].mean()
        expected = {(t - 1, j - 1): f"{100 * means[t, j]:.0f}" for t, j in ((1, 1), (2, 1), (2, 2))}
        assert numbers_in(axes) == expected, "and an empty cell for what has not been learnt"
    with pytest.raises(InputError, match="with a threshold \\(recon\\), but got 'mse'"):
        find_picture("fpr").draw(recorded(copy), "mse")


def test_without_thresholds_an_error_says_how_to_get_them(run: DrawnRun) -> None:
    with pytest.raises(InputError, match="false_positive_rates.csv.*--calibration 0.05"):
        find_picture("fpr").draw(run, "recon")
