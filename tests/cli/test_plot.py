"""`cl-anomaly plot`: what it draws, what it leaves out, and which files it writes."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.support.command import Done, cli
from tests.support.made_up import made_up_comparison, made_up_run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    return tmp_path


def labels_in(svg: Path) -> list[str]:
    """The words of a figure."""
    return re.findall(r">([^<>\n]+)</text>", svg.read_text())


def plot(*arguments: str | Path) -> Done:
    done = cli("plot", *arguments)
    assert "Traceback" not in done.err
    return done


def test_the_legend_and_a_line_say_what_is_not_comparable(here: Path) -> None:
    folders = made_up_run(here, "gr"), made_up_run(here, "gr", epochs=5)
    done = plot(*folders, "--out", "figure.svg")
    assert done.err == "These runs differ in epochs (2, 5): the legend says which is which.\n"
    assert {"gr, epochs 2", "gr, epochs 5"} <= set(labels_in(here / "figure.svg"))


def test_a_line_says_whose_code_is_not_known(here: Path) -> None:
    folders = made_up_run(here, "gr"), made_up_run(here, "lower", environment={"code": None})
    done = plot(*folders, "--out", "figure.svg")
    assert done.err == (
        "These runs differ in code (not recorded): the legend says which is which.\n"
        f"Made by different code: {folders[1]} (its code was not recorded).\n"
    )


def test_different_anomaly_classes_have_a_panel_each(here: Path) -> None:
    folders = made_up_run(here, "gr"), made_up_run(here, "gr", anomaly_class=3)
    done = plot(*folders, "--out", "figure.svg")
    assert done.err == (
        "These runs have different anomaly classes (0, 3): each has its own panel.\n"
    )
    words = labels_in(here / "figure.svg")
    assert words.count("gr") == 1, "one legend"
    assert words.count("anomaly class 0") == words.count("anomaly class 3") == 1


def test_what_has_no_results_is_left_out_with_its_reason(here: Path) -> None:
    results = here / "results"
    runs = {name: made_up_run(results, name, folder=name) for name in ("gr", "lower")}
    made_up_comparison(results, runs)
    for name in ("interrupted", "failed", "cut", "all-failed"):
        shutil.copytree(runs["gr"], results / name)
    for name in ("interrupted", "failed"):
        for file in ("metrics.csv", "manifest.json"):
            (results / name / file).unlink()
    why = {"status": "failed", "why": ["in task 1: ValueError:\nbroken on purpose"]}
    (results / "failed" / "status.json").write_text(json.dumps(why))
    (results / "cut" / "metrics.csv").write_text("strategy,")
    (results / "all-failed" / "manifest.json").unlink()
    header = (runs["gr"] / "metrics.csv").read_text().splitlines()[0]
    (results / "all-failed" / "metrics.csv").write_text(header + "\n")
    (results / "notes.txt").write_text("mine")
    (results / "empty").mkdir()
    done = plot(*sorted(Path("results").iterdir()), Path("gone"), "--out", "figure.svg")
    assert done.code == 0
    said = dict(re.findall(r"^Left out: (\S+?)(?:/metrics.csv)? (.*)$", done.err, re.MULTILINE))
    assert len(said) == len(done.err.splitlines()) == 7, "a line each, and no other"
    for name, word in {
        "results/interrupted": "is interrupted, at its beginning. `cl-anomaly resume",
        "results/failed": "failed: in task 1: ValueError: broken on purpose",
        "results/cut": "damaged",
        "results/all-failed": "every seed failed",
        "results/notes.txt": "it is a file",
        "results/empty": "no folder of a run or comparison: it has no config.json",
        "gone": "it is not there",
    }.items():
        assert word in said[name]
    words = labels_in(here / "figure.svg")
    assert words.count("gr") == words.count("lower") == 1, "members are drawn once"


def test_nothing_to_draw_is_an_error(here: Path) -> None:
    (here / "empty").mkdir()
    done = plot("empty", "gone")
    assert done.code == 2
    assert "empty is no folder of a run" in done.err and "gone is no folder of a run" in done.err
    assert [path.name for path in here.glob("auroc*")] == []


def test_a_run_without_the_score_is_left_out(here: Path) -> None:
    first, other = made_up_run(here, "gr"), made_up_run(here, "lower")
    (other / "manifest.json").unlink()
    table = (other / "metrics.csv").read_text()
    (other / "metrics.csv").write_text(table.replace(",mse,", ",l1,"))
    done = plot(first, other, "--score", "mse", "--out", "figure.svg")
    assert done.err == f"Left out: {other} does not have the score mse.\n"
    assert "lower" not in labels_in(here / "figure.svg")
    refused = plot(first, other, "--score", "kl", "--out", "other")
    assert refused.code == 2
    assert "one that a run has (recon, mse, l1), but got 'kl'" in refused.err


def test_the_first_score_is_drawn_and_that_is_said(here: Path) -> None:
    folders = made_up_run(here, "gr", score="mse"), made_up_run(here, "lower")
    done = plot(*folders, "--out", "figure.svg")
    assert "The figure shows mse" in done.err
    assert any("score mse" in words for words in labels_in(here / "figure.svg"))
    assert not plot(*folders, "--score", "mse", "--out", "other").err


@pytest.mark.parametrize(
    ("out", "files"),
    [
        ("figure", {"figure.png": b"\x89PNG", "figure.svg": b"<?xml"}),
        ("v1.2", {"v1.2.png": b"\x89PNG", "v1.2.svg": b"<?xml"}),
        ("figure.png", {"figure.png": b"\x89PNG"}),
        ("figure.svg", {"figure.svg": b"<?xml"}),
        ("figure.pdf", {"figure.pdf": b"%PDF"}),
        ("figure.PDF", {"figure.PDF": b"%PDF"}),
    ],
)
def test_the_ending_says_what_is_written(here: Path, out: str, files: dict[str, bytes]) -> None:
    folder = made_up_run(here / "results", "gr")
    done = plot(folder, "--out", f"new/{out}")
    assert done == Done(0, "".join(f"new/{file}\n" for file in files), "")
    assert {path.name for path in (here / "new").iterdir()} == set(files)
    for name, start in files.items():
        assert (here / "new" / name).read_bytes().startswith(start)


@pytest.mark.parametrize("out", ["figure.jpg", "figure.eps", "a/figure.tex"])
def test_another_ending_is_refused_with_those_that_there_are(here: Path, out: str) -> None:
    done = plot(made_up_run(here / "results", "gr"), "--out", out)
    assert done.code == 2
    for word in ("`--out`", ".png", ".svg", ".pdf", out):
        assert word in done.err
    assert [path.name for path in here.iterdir()] == ["results"]


@pytest.mark.parametrize("out", ["figure", "figure.svg"])
def test_a_figure_is_not_written_over_without_a_word(here: Path, out: str) -> None:
    first, second = made_up_run(here, "gr"), made_up_run(here, "lower")
    (here / "figure.svg").write_text("mine")
    done = plot(first, "--out", out)
    assert done.code == 2
    assert "figure.svg exists" in done.err and "`--overwrite`" in done.err
    assert (here / "figure.svg").read_text() == "mine"
    assert not (here / "figure.png").exists()
    assert plot(second, "--out", out, "--overwrite").code == 0
    assert "lower" in labels_in(here / "figure.svg")


def test_the_same_runs_give_the_same_pdf(here: Path) -> None:
    folder = made_up_run(here, "gr")
    for name in ("one.pdf", "two.pdf"):
        plot(folder, "--out", name)
    assert (here / "one.pdf").read_bytes() == (here / "two.pdf").read_bytes()


def test_lines_a_title_and_tasks_are_called_as_a_person_wants(here: Path) -> None:
    folders = made_up_run(here, "gr"), made_up_run(here, "lower")
    names = ("--title", "My title", "--task-names", "spring, autumn")
    done = plot(*folders, "--out", "order.svg", "--labels", "Ours,Lower Bound", *names)
    assert done.code == 0, done.err
    words = labels_in(here / "order.svg")
    assert {"Ours", "Lower Bound", "My title", "spring", "autumn"} <= set(words)
    assert not {"gr", "lower", "1", "2"} & set(words)
    done = plot(
        *folders, "--out", "one.svg", "--labels", "lower=Lower, the bound", "--labels", "gr=x"
    )
    assert {"x", "Lower, the bound"} <= set(labels_in(here / "one.svg"))


def test_a_line_keeps_its_colour_under_another_name(here: Path) -> None:
    folders = made_up_run(here, "gr"), made_up_run(here, "lower")
    plot(*folders, "--out", "own.svg")
    plot(*folders, "--out", "given.svg", "--labels", "lower,gr")
    colours = [
        re.findall(r"stroke: (#\w{6})", (here / f"{name}.svg").read_text())
        for name in ("own", "given")
    ]
    assert colours[0] == colours[1]


def test_ranks_have_labels_and_a_title_too(here: Path) -> None:
    folders = [made_up_run(here, name) for name in ("gr", "ewc", "lower")]
    done = plot(*folders, "--kind", "cd", "--out", "cd.svg", "--labels", "gr=Ours", "--title", "T")
    assert done.code == 0, done.err
    words = " ".join(labels_in(here / "cd.svg"))
    assert "Ours" in words and "T: mean rank" in words
    refused = plot(*folders, "--kind", "cd", "--out", "no.svg", "--task-names", "a,b")
    assert refused.code == 2 and "`--task-names`" in refused.err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--labels", "One"), "`--labels` for all 2 lines (gr; lower)"),
        (("--labels", "grr=One"), "Did you mean 'gr'?"),
        (("--labels", "gr=lower"), "tell the lines apart"),
        (("--task-names", "a,b,c"), "`--task-names` to be 2 different names"),
        (("--title", ""), "`--title`"),
    ],
)
def test_words_that_do_not_fit_are_refused(
    here: Path, flags: tuple[str, str], message: str
) -> None:
    done = plot(made_up_run(here, "gr"), made_up_run(here, "lower"), "--out", "figure.svg", *flags)
    assert done.code == 2
    assert message in done.err
    assert not (here / "figure.svg").exists()
