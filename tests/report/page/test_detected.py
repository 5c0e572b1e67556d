"""Best and worst detected samples: which they are, and what stands where they cannot be shown."""

import base64
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cl_anomaly.data.datasets import DATASETS, Dataset
from cl_anomaly.data.downloads import NotFoundError
from cl_anomaly.report.drawn_run import DrawnRun
from cl_anomaly.report.page import embedded_pictures as pictures
from cl_anomaly.report.page.content import Content
from cl_anomaly.report.page.detected import BEST, FALSE_ALARMS, MISSED, MOST, best_and_worst
from cl_anomaly.report.page.page import page_of
from cl_anomaly.report.page.run_content import read_content
from cl_anomaly.report.page.sample_images import DOWNLOADED, sample_images_of
from cl_anomaly.results.reading import read_results
from tests.report.page.reading import Elements, rows, section
from tests.support.command import run_quietly


def recorded(folder: Path) -> DrawnRun:
    (results,) = read_results(folder).lines
    return DrawnRun(results)


def expected(folder: Path, digits: Dataset) -> dict[str, list[tuple[int, str, float]]]:
    """All samples of each kind by the dataset's own labels: row, label and score."""
    with np.load(folder / "scores.npz") as archive:
        scores, indices = archive["recon"][0, -1], archive["test_indices"]
    labels = digits.test_labels[indices].tolist()
    rows_of = [(int(i), str(k), float(s)) for i, k, s in zip(indices, labels, scores, strict=True)]
    anomalies = [row for row in rows_of if row[1] == "0"]
    normal = [row for row in rows_of if row[1] in ("1", "2", "3")]
    return {
        BEST: sorted(anomalies, key=lambda row: (-row[2], row[0])),
        MISSED: sorted(anomalies, key=lambda row: (row[2], row[0])),
        FALSE_ALARMS: sorted(normal, key=lambda row: (-row[2], row[0])),
    }


def test_they_are_those_of_the_highest_and_lowest_scores(
    runs: dict[str, Path], digits: Dataset
) -> None:
    found = best_and_worst(recorded(runs["lower"]))
    for kind, own in expected(runs["lower"], digits).items():
        assert [(s.row, s.label, s.score) for s in found[kind]] == own[:MOST]
    assert found[BEST][0].score > found[MISSED][0].score


def test_images_are_those_of_the_dataset_with_class_and_score(
    page: str, runs: dict[str, Path], digits: Dataset
) -> None:
    own = page.split("<summary>lower, seed 0, anomaly class 0, score recon</summary>")[1]
    own = own.split("</details>")[0]
    images = re.findall(r'src="data:image/png;base64,([^"]+)" alt="([^"]+)"', own)
    assert len(images) == 3 * MOST
    flat = [row for kind in expected(runs["lower"], digits).values() for row in kind[:MOST]]
    for (data, words), (row, label, score) in zip(images, flat, strict=True):
        shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
        pixels = digits.test.stored[row].numpy() / 16
        np.testing.assert_array_equal(shown, np.round(255 * pixels))
        assert words == f"class {label}, score {score:.3g}, row {row}"
    assert f"<figcaption>{flat[0][1]}<br>{flat[0][2]:.3g}</figcaption>" in own


def test_they_are_left_to_their_rows_where_there_is_no_room(
    content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "MOST_BYTES", 100)
    page = page_of(content)
    assert "Shown as rows, to limit the size of the page: " in section(page, "detected")
    assert len(rows(page, "detected-0")) == 3 * MOST


def moved(run: Path, to: Path, **config: Any) -> Path:
    """A copy of a run with other settings, without the manifest that seals them."""
    shutil.copytree(run, to)
    (to / "manifest.json").unlink()
    file = to / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | config))
    return to


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"dataset": "mnist"}, "the dataset is not on this machine."),
        ({"dataset": "/nowhere/own.npz"}, "own is no longer where it was for this run."),
        ({"dataset": "folder:/nowhere/photos"}, "photos is no longer where it was for this run."),
    ],
)
def test_a_dataset_that_is_not_at_hand_is_named_and_not_downloaded(
    runs: dict[str, Path], tmp_path: Path, config: dict[str, Any], why: str
) -> None:
    folder = moved(runs["lower"], tmp_path / "run", **config)
    page = page_of(read_content(folder))
    said = section(page, "detected")
    assert f"are not shown: {why} Their rows in the test set are given instead." in said
    shown = rows(page, "detected-0")
    first = best_and_worst(recorded(folder))[BEST][0]
    assert shown[0] == [BEST, str(first.row), "0", f"{first.score:.3g}"]
    assert len(shown) == 3 * MOST


def test_other_data_under_the_same_name_is_not_shown(runs: dict[str, Path], tmp_path: Path) -> None:
    folder = moved(runs["lower"], tmp_path / "run")
    environment = json.loads((folder / "environment.json").read_text()) | {"data_sha256": "0" * 64}
    (folder / "environment.json").write_text(json.dumps(environment))
    said = section(page_of(read_content(folder)), "detected")
    assert "the data has changed since the run" in said


def test_vectors_are_shown_by_their_rows_and_nobody_is_told_that_they_are_missing(
    tmp_path: Path,
) -> None:
    numbers = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 20)
    parts: dict[str, Any] = {
        f"{name}_{split}": values
        for split in ("train", "test")
        for name, values in (("x", numbers.random((60, 5)) + labels[:, None]), ("y", labels))
    }
    np.savez(tmp_path / "own.npz", **parts)
    folder = run_quietly(
        tmp_path, "--strategy", "lower", "--dataset", tmp_path / "own.npz", "--score", "mse"
    )
    page = page_of(read_content(folder))
    assert not [a for a in Elements(page).named("img") if "class" in (a["alt"] or "")]
    assert "are not shown" not in section(page, "detected")
    kinds = [row[0] for row in rows(page, "detected-0")]
    assert kinds == [BEST] * MOST + [MISSED] * MOST + [FALSE_ALARMS] * MOST
    # 0 is the anomaly by default, and each class has 20 rows.
    assert all(int(row[1]) < 20 for row in rows(page, "detected-0") if row[0] != FALSE_ALARMS)


def test_what_would_be_downloaded_is_known() -> None:
    assert set(DOWNLOADED) == {name for name, spec in DATASETS.items() if spec.is_downloaded}
    for name, file in DOWNLOADED.items():
        with pytest.raises(NotFoundError) as raised:
            DATASETS[name].files(None)
        folder, _, own = file.rpartition("/")
        assert raised.value.places.endswith(folder)
        assert own in str(raised.value)


def test_a_dataset_in_the_folder_of_datasets_is_read(
    runs: dict[str, Path], served: dict[str, bytes], tmp_path: Path
) -> None:
    mnist = DATASETS["mnist"].load(str(tmp_path))
    config = json.loads((runs["lower"] / "config.json").read_text())
    config |= {"dataset": "mnist", "data_root": str(tmp_path)}
    found = sample_images_of(config, mnist.sha256, runs["lower"])
    assert found.images is not None
    expected = mnist.test.stored.numpy() / np.float32(255)
    np.testing.assert_allclose(found.images, expected, rtol=1e-6)
