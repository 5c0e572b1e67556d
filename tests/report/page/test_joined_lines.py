"""Runs of a suite that differ in their seeds or anomaly classes are one line of its page."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cl_anomaly.report.page import page as page_module
from cl_anomaly.report.page import run_content as report_content
from cl_anomaly.report.page.content import Content, Standing, standings_of
from cl_anomaly.report.page.page import page_of
from cl_anomaly.report.page.run_content import read_content
from tests.report.page.reading import Elements, rows, script, section
from tests.support.command import cli

SHARED = """
dataset = "digits"
task_order = [2, 3, 4]
epochs = 1
device = "cpu"
precision = "float32"
score = "mse"
calibration = 0.2
model_options = { hidden_sizes = [16] }
"""
METHODS = """
[runs.lower]
strategy = "lower"

[runs.replay]
strategy = "replay"

[runs.upper]
strategy = "upper"
"""
PARTED = f"{SHARED}\n[each]\nanomaly_class = [0, 1]\n{METHODS}"
WHOLE = f"{SHARED}\nanomaly_class = [0, 1]\n{METHODS}"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parts")
    for name, suite, seeds in (("parted", PARTED, "2"), ("whole", WHOLE, "3")):
        file, out = folder / f"{name}.toml", folder / "results"
        file.write_text(suite, encoding="utf-8")
        flags = ["--seeds", "3", "--seeds-per-run", seeds, "--no-report"]
        done = cli("bench", file, *flags, "--out", out)
        assert done.code in (0, None), done.err
    return folder / "results"


@pytest.fixture(scope="module")
def parted(out: Path) -> Content:
    return read_content(out / "parted")


@pytest.fixture(scope="module")
def page(parted: Content) -> str:
    return page_of(parted)


def _by_line(content: Content) -> dict[str, Standing]:
    return {row.entry.line: row for row in standings_of(content)}


def test_the_parts_are_one_line_with_the_numbers_of_one_run(out: Path, parted: Content) -> None:
    whole = read_content(out / "whole")
    assert parted.lines == whole.lines == ["lower", "replay", "upper"]
    assert (len(parted.runs), len(whole.runs)) == (12, 3)
    one, other = _by_line(parted), _by_line(whole)
    for line, row in one.items():
        same = other[line].row
        for name in ("mean", "low", "high", "rank", "forgetting", "gap_closed", "bytes"):
            assert row.row[name] == pytest.approx(same[name], nan_ok=True), (line, name)
        assert (row.row["replicas"], row.row["missing"]) == (6, 0)
        assert row.row["not_different_from"] == same["not_different_from"]
        assert row.row["operations"] == pytest.approx(same["operations"])
        assert row.row["stores_samples"] == (line in {"replay", "upper"})


def test_a_replica_has_the_same_numbers_in_any_part(out: Path) -> None:
    keys = ["run", "anomaly_class", "seed", "task", "metric", "score"]
    tables = [pd.read_csv(out / name / "metrics.csv") for name in ("parted", "whole")]
    one, other = (own.sort_values(keys, ignore_index=True) for own in tables)
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_figures_show_the_mean_of_all_parts(out: Path, page: str) -> None:
    whole = script(page_of(read_content(out / "whole")), "data")
    data = script(page, "data")
    for name, keys in (
        ("auroc", ["run", "panel", "score", "task"]),
        ("matrix", ["run", "score", "task", "of"]),
        ("rates", ["run", "target", "task", "of"]),
    ):
        value = "mean" if name == "auroc" else "value"
        tables = (pd.DataFrame(own[name]).set_index(keys)[value] for own in (data, whole))
        one, other = tables
        assert len(one) >= 3 * 3
        # The page rounds to 0.001.
        np.testing.assert_allclose(one, other.reindex(one.index), rtol=0, atol=1.1e-3)


def test_each_part_can_be_made_again(parted: Content, page: str) -> None:
    Elements(page)
    made = rows(page, "reproduction")
    assert [row[0] for row in made] == [own.name for own in parted.runs]
    commands = {row[0]: row[1] for row in made}
    assert "--anomaly-class 1" in commands["lower · 1 · seed 2"]
    assert "--seeds 2," in commands["lower · 1 · seed 2"]
    assert "--seeds 2" in commands["lower · 1 · seeds 0–1"]
    assert "12 runs (lower, replay, upper)" in page
    assert "seeds 0, 1, 2; 1 epoch" in page


def test_a_page_of_many_runs_hides_commands_and_reads_no_dataset(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_content, "_MOST_WITH_IMAGES", 11)
    monkeypatch.setattr(report_content, "sample_images_of", None)  # which would be called
    monkeypatch.setattr(page_module, "_MANY_RUNS", 11)
    page = page_of(read_content(out / "parted"))
    assert "12 runs are too many to wait for." in section(page, "detected")
    assert len(rows(page, "detected-0")) > 0
    assert "The commands of 12 runs" in section(page, "again")
    assert "<details><summary>The commands of 12 runs" in page


def test_a_part_that_is_gone_is_named(out: Path, parted: Content, tmp_path: Path) -> None:
    (first, *_) = parted.runs
    folder = first.folder
    assert folder is not None
    away = folder.rename(tmp_path / "away")
    try:
        page = page_of(read_content(out / "parted"))
    finally:
        away.rename(folder)
    assert f"{first.name} : Its folder is missing" in section(page, "problems")
    assert len(rows(page, "standings")) == 3
    assert "lower, seed 2" in section(page, "samples")  # of the next part
