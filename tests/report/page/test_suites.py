"""The page of a suite: several datasets, scores that differ, and what was chosen."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cl_anomaly.report.page.content import OWN_SCORE, Content, standings_of
from cl_anomaly.report.page.page import page_of
from cl_anomaly.report.page.run_content import read_content
from cl_anomaly.results.run_folder import RunFolder
from cl_anomaly.settings.run_config import ResolvedConfig
from cl_anomaly.statistics import comparison
from cl_anomaly.statistics.comparison import compare_runs
from cl_anomaly.suites.folder import write_suite
from cl_anomaly.suites.suite import Suite
from cl_anomaly.suites.tuning import Choice
from tests.report.page.conftest import UNSAFE, config_of
from tests.report.page.reading import Elements, rows, script, section
from tests.support.command import run_quietly


@pytest.fixture(scope="module")
def folder(runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three methods on digits, two of them on a table as well, by another score."""
    out = runs["upper"].parent
    data = tmp_path_factory.mktemp("data") / "table.npz"
    numbers = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 20)
    parts: dict[str, Any] = {
        f"{name}_{split}": values
        for split in ("train", "test")
        for name, values in (("x", numbers.random((80, 6)) + labels[:, None]), ("y", labels))
    }
    np.savez(data, **parts)
    flags = ["--dataset", data, "--seeds", "2", "--anomaly-class", "0,1", "--task-order", "2,3"]
    on_table = {
        name: run_quietly(out, "--strategy", strategy, *flags)
        for name, strategy in ((UNSAFE, "gr"), ("lower", "lower"))
    }
    members = [
        RunFolder(place, f"{name} · {dataset}", method=name, config=config_of(place))
        for dataset, of in (("digits", runs), ("table", on_table))
        for name, place in of.items()
    ]
    config: dict[str, Any] = config_of(on_table["lower"]).to_dict()
    config["strategy"] = "upper"
    failed = RunFolder(
        None,
        "upper · table",
        method="upper",
        failure="memory ran <out>",
        settings=config,
        config=ResolvedConfig(**config),
    )
    chosen = {
        UNSAFE: Choice(
            {"ratio": 0.5}, "digits, class 9", "the best", {"ratio=0.5": 0.9}, ("ratio",)
        )
    }
    suite = Suite({}, {name: {} for name in runs}, title="Two <datasets>")
    return write_suite(suite, [*members, failed], chosen, out, "suite")


@pytest.fixture(scope="module")
def content(folder: Path) -> Content:
    return read_content(folder)


@pytest.fixture(scope="module")
def page(content: Content) -> str:
    return page_of(content)


def test_a_suite_is_read_by_dataset_and_method(content: Content) -> None:
    assert (content.kind, content.title) == ("suite", "Two <datasets>")
    assert content.datasets == ["digits", "table"]
    assert content.lines == ["upper", UNSAFE, "lower"]
    assert content.score == OWN_SCORE
    assert content.overall is not None
    assert set(content.overall.table["run"]) == {"upper", UNSAFE, "lower"}


def test_means_are_by_dataset_and_by_each_runs_own_score(content: Content) -> None:
    for row in standings_of(content):
        results = row.entry.results
        if results is None:
            assert row.number("mean") is None
            continue
        own = results.metrics
        last = own[own["task"] == own["task"].max()]
        last = last[(last["metric"] == "auroc_seen") & (last["score"] == results.score)]
        assert row.number("mean") == pytest.approx(
            last.groupby("anomaly_class")["value"].mean().mean()
        )


def test_the_gap_is_between_the_bounds_of_the_same_dataset(content: Content) -> None:
    found = {(row.entry.line, row.entry.dataset): row for row in standings_of(content)}
    low, high = (found[bound, "digits"].number("mean") for bound in ("lower", "upper"))
    assert low is not None
    assert high is not None
    gr = found[UNSAFE, "digits"]
    if high - low >= 0.02:
        mean = gr.number("mean") or 0.0
        assert gr.number("gap_closed") == pytest.approx((mean - low) / (high - low))
    else:
        assert gr.number("gap_closed") is None
    assert found[UNSAFE, "table"].number("gap_closed") is None  # the Upper Bound has failed there


def test_the_page_shows_datasets_methods_and_the_failure(page: str) -> None:
    Elements(page)
    assert len(rows(page, "standings")) == 6
    assert rows(page, "standings")[-1][1:4] == ["table", "–", "missing"]
    assert [row[0] for row in rows(page, "overall")][-1] in {"upper", "lower", UNSAFE}
    assert "upper · table : memory ran <out>" in section(page, "problems")
    assert "<title>Two &lt;datasets&gt;" in page


def test_what_was_chosen_is_shown_with_its_data(page: str) -> None:
    assert rows(page, "chosen") == [
        [UNSAFE, "ratio 0.5", "digits, class 9", "the best", "ratio=0.5 0.9", "ratio"]
    ]


def test_figures_choose_between_datasets(page: str) -> None:
    data = script(page, "data")
    table = pd.DataFrame(data["matrix"])
    assert set(zip(table["run"], table["dataset"], strict=True)) == {
        *(("upper", "digits"), (UNSAFE, "digits"), ("lower", "digits")),
        *((UNSAFE, "table"), ("lower", "table")),
    }
    assert OWN_SCORE in set(table["score"])
    assert {"digits, anomaly class 4", "table, anomaly class 1"} <= set(data["auroc"]["panel"])


def test_a_suite_whose_runs_are_gone_shows_what_it_has_copied(
    folder: Path, content: Content, tmp_path: Path
) -> None:
    shutil.copytree(folder, tmp_path / "suite")
    alone = read_content(tmp_path / "suite")
    there, here = ([row.number("mean") for row in standings_of(own)] for own in (content, alone))
    assert here[:-1] == pytest.approx(there[:-1])
    assert "Its folder is missing" in section(page_of(alone), "problems")


def test_tests_are_read_and_say_what_they_say_when_made_anew(
    folder: Path, content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = compare_runs(pd.read_csv(folder / "metrics.csv").assign(score="shown"), "shown")
    monkeypatch.setattr(comparison, "compare_runs", None)  # which would be called
    read = read_content(folder).overall
    assert read is not None
    pd.testing.assert_frame_equal(read.pairs, fresh.pairs, check_dtype=False)
    same = read.table.set_index("run").loc[fresh.table["run"], fresh.table.columns[1:]]
    expected = fresh.table.set_index("run")
    pd.testing.assert_frame_equal(same, expected, check_dtype=False, check_exact=True)
    assert read.friedman == fresh.friedman is not None
    assert read.critical_difference == fresh.critical_difference is not None
    assert (read.remarks, read.named, read.best) == (fresh.remarks, fresh.named, fresh.best)
    for dataset, one in content.compared.items():
        assert len(one.pairs) == (3 if dataset == "digits" else 1)
