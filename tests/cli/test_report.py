"""`cl-anomaly report`: where it writes the page, and what it refuses."""

from pathlib import Path

import pytest

from tests.support.command import SMALL, cli, run_quietly


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_quietly(tmp_path_factory.mktemp("report"))


def test_a_page_is_written_where_it_is_asked_for(run: Path, tmp_path: Path) -> None:
    done = cli("report", run, "-o", tmp_path / "new" / "page.html")
    assert (done.code, done.last_line) == (0, tmp_path / "new" / "page.html")
    assert done.last_line.read_text().startswith("<!doctype html>")


def test_by_default_it_lies_in_the_folder_and_is_made_anew(run: Path) -> None:
    (run / "report.html").write_text("old")
    done = cli("report", run)
    assert done.last_line == run / "report.html"
    assert done.last_line.read_text().startswith("<!doctype html>")
    # The folder is as whole as it was.
    assert cli("plot", run, "--out", "figure.svg").code == 0


def test_a_page_that_is_there_stays_unless_it_may_go(run: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("mine")
    done = cli("report", run, "--out", page)
    assert done.code == 2
    assert f"{page} exists" in done.err
    assert page.read_text() == "mine"
    assert cli("report", run, "--out", page, "--overwrite").code == 0
    assert page.read_text() != "mine"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere is not the folder of a run, a comparison or a suite"),
        (["."], "has no config.json and no metrics.csv"),
        ([".", "-o", "page.pdf"], "Expected `--out` to end in .html, but got 'page.pdf'"),
        ([".", "-o", "here.html"], "Expected `--out` to be a page's file, but got the folder"),
    ],
)
def test_what_is_no_page_or_no_run_is_refused(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here.html").mkdir()
    done = cli("report", *arguments)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err


def test_a_run_names_its_page_at_the_end_unless_none_is_wanted(tmp_path: Path) -> None:
    done = cli("run", *SMALL, "--strategy", "lower", "--out", tmp_path, "--name", "here")
    page = tmp_path / "here" / "report.html"
    assert done.out.splitlines()[-1] == f"page:    {page}"
    page.write_text("kept, for the results are not new")
    again = cli("run", *SMALL, "--strategy", "lower", "--out", tmp_path, "--name", "here")
    assert again.out.splitlines()[-1] == f"page:    {page}"
    assert page.read_text().startswith("kept")
    flags = ("--out", tmp_path, "--name", "there", "--no-report", "--strategy", "lower", "--again")
    done = cli("run", *SMALL, *flags)
    assert "page:" not in done.out
    assert not (tmp_path / "there" / "report.html").exists()
