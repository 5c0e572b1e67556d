"""The page as it is written: what is in it, from where, and that it is one file."""

import base64
import io
import json
import re
import shutil
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cl_anomaly.report.page import embedded_pictures as pictures
from cl_anomaly.report.page.content import Content
from cl_anomaly.report.page.detected import MOST
from cl_anomaly.report.page.page import page_of
from cl_anomaly.report.page.run_content import read_content
from cl_anomaly.results.reading import read_results
from tests.report.page.conftest import MISSING, UNSAFE
from tests.report.page.reading import Elements, rows, script, section


def metrics_of(comparison: Path, run: str) -> pd.DataFrame:
    metrics = pd.read_csv(comparison / "metrics.csv")
    return metrics[metrics["run"] == run]


def section_markup(page: str, summary: str) -> str:
    """What opens under a heading."""
    (found,) = re.findall(
        rf"<details><summary>{re.escape(summary)}</summary>(.*?)</details>", page, re.DOTALL
    )
    return found


def test_the_page_is_one_whole_file_that_fetches_nothing(page: str) -> None:
    elements = Elements(page)
    for name in ("script", "link", "img", "iframe"):
        for attributes in elements.named(name):
            source = attributes.get("src") or attributes.get("href")
            assert source is None or source.startswith("data:"), source
    policy = next(m["content"] for m in elements.named("meta") if "http-equiv" in m)
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert len(page.encode()) < 1_500_000


def test_names_that_hold_html_stay_text(page: str) -> None:
    assert '<script>alert("x")' not in page
    assert "<b>gr</b>" not in page
    assert UNSAFE in [row[0].removesuffix(" see problems") for row in rows(page, "standings")]
    assert UNSAFE in script(page, "data")["auroc"]["run"]


def test_the_headline_table_holds_the_means_and_is_sorted_by_them(
    page: str, comparison: Path
) -> None:
    shown = rows(page, "standings")
    expected = {}
    for run in ("upper", UNSAFE, "lower"):
        metrics = metrics_of(comparison, run)
        last = metrics[
            (metrics["metric"] == "auroc_seen")
            & (metrics["score"] == "recon")
            & (metrics["task"] == 3)
        ]
        expected[run] = last.groupby("anomaly_class")["value"].mean().mean()
    order = sorted(expected, key=lambda run: -expected[run])
    assert [row[0] for row in shown[:3]] == order
    assert [row[1] for row in shown[:3]] == [f"{expected[run]:.3f}" for run in order]
    stores = {row[0]: row[-2] for row in shown}
    assert (stores["upper"], stores["lower"]) == ("yes", "no")


def test_what_has_no_results_stands_last_and_is_named(page: str) -> None:
    last = rows(page, "standings")[-1]
    assert last[:2] == [f"{MISSING} see problems", "missing"]
    assert "0." not in " ".join(last)
    assert last[-1] == "none"
    assert f"{MISSING} : It has no results and no folder." in section(page, "problems")
    assert MISSING in [row[0] for row in rows(page, "reproduction")]


def test_two_sentences_say_what_was_run(page: str) -> None:
    (said,) = re.findall(r"<header>.*?<p>(.*?)</p>", page, re.DOTALL)
    assert unescape(said) == (
        f"4 runs (upper, {UNSAFE}, lower, {MISSING}) learnt digits task by task: anomaly classes "
        "0, 4 in turn; seeds 0, 1; different numbers of epochs; model vae. The headline is the "
        "AUROC after the last task by the score recon, all anomalies against all normal samples "
        "of the tasks so far: 1 is perfect, 0.5 is chance."
    )


def test_what_the_numbers_cannot_show_is_said(page: str) -> None:
    said = section(page, "remarks")
    why = (
        "With 2 anomaly classes and datasets, no difference between 3 runs can reach significance."
    )
    assert why in said
    tuned = section(page, "chosen-on")
    assert "No tuning is recorded" in tuned


def test_rows_say_which_code_and_data_they_are_of(page: str, runs: dict[str, Path]) -> None:
    environment = json.loads((runs["upper"] / "environment.json").read_text())
    (row,) = [row for row in rows(page, "reproduction") if row[0] == "upper"]
    assert environment["code"]["sha256"][:8] in row[2]
    assert row[3] == environment["data_sha256"][:8]
    assert "--strategy upper --dataset digits" in row[1]


def test_a_single_run_has_a_page_without_comparisons(runs: dict[str, Path]) -> None:
    page = page_of(read_content(runs["lower"]))
    Elements(page)
    assert len(rows(page, "standings")) == 1
    assert "The strategy lower learnt digits" in page
    assert '<section id="differences">' not in page
    assert '<section id="matrices">' in page


def test_failed_replicas_are_named(runs: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(runs["lower"], folder)
    why = "Seed 1 failed in task 2: its <loss> is NaN."
    (folder / "status.json").write_text(json.dumps({"status": "failed", "why": [why]}))
    manifest = folder / "manifest.json"
    manifest.unlink()  # as of a published run
    page = page_of(read_content(folder))
    assert f"lower : {why}" in section(page, "problems")


def test_a_comparison_whose_runs_are_gone_says_so(comparison: Path, tmp_path: Path) -> None:
    shutil.copytree(comparison, tmp_path / "alone")
    page = page_of(read_content(tmp_path / "alone"))
    assert "upper : Its folder is missing" in section(page, "problems")
    assert '<section id="samples">' not in page
    # What it has copied is shown all the same.
    (upper,) = [row for row in rows(page, "standings") if row[0].startswith("upper")]
    assert upper[-2] == "yes"


def test_pictures_are_the_recorded_samples(page: str, runs: dict[str, Path]) -> None:
    with np.load(runs["upper"] / "pictures.npz") as archive:
        generated = archive["generated"]
    second = r'<img src="data:image/png;base64,([^"]+)" alt="after task 2 \(class 2\)"'
    (row, *_) = re.findall(second, section_markup(page, "upper, seed 0"))
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(row))))
    count, height, width = generated.shape[1:4]
    assert image.shape == (height, count * (width + 1) - 1)
    np.testing.assert_array_equal(
        image[:, width + 1 : 2 * width + 1], np.round(255 * np.clip(generated[1, 1], 0, 1))
    )


def test_pictures_that_are_too_large_are_left_out_and_named(
    content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "MOST_BYTES", 100)
    page = page_of(content)
    assert "Left out, to limit the size of the page: " in section(page, "samples")
    assert not Elements(page).named("img")


def test_all_pictures_of_a_page_keep_to_their_bytes(page: str) -> None:
    images = [a["src"] or "" for a in Elements(page).named("img")]
    assert len(images) == 3 * (3 + 3) + 3 * 3 * MOST
    assert sum(map(len, images)) < pictures.MOST_BYTES


def test_the_page_of_other_code_says_so(comparison: Path, tmp_path: Path) -> None:
    (upper, *_) = read_results(comparison).lines
    shutil.copytree(comparison.parent, tmp_path / "out")
    file = tmp_path / "out" / upper.path.name / "environment.json"
    environment = json.loads(file.read_text())
    name = next(iter(environment["code"]["files"]))
    environment["code"]["files"][name] = "0" * 64
    file.write_text(json.dumps(environment))
    page = page_of(read_content(tmp_path / "out" / comparison.name))
    assert "Made by different code than this page: upper" in section(page, "remarks")
    (row,) = [row for row in rows(page, "reproduction") if row[0] == "upper"]
    assert "different code" in row[2]
