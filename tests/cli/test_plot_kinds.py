"""`cl-anomaly plot RUN --kind ...`: files, defaults, and what is refused."""

import re
from pathlib import Path

import pytest

from tests.support.command import Done, cli, run_quietly
from tests.support.made_up import made_up_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_quietly(tmp_path_factory.mktemp("plot"), "--strategy", "lower")


def test_a_picture_is_called_as_its_kind(folder: Path) -> None:
    done = cli("plot", folder, "--kind", "matrix")
    assert done == Done(0, "matrix.png\nmatrix.svg\n", "")
    assert Path("matrix.svg").read_text().count("Test group of task") == 1


def test_a_picture_is_not_written_over_without_a_word(folder: Path) -> None:
    Path("samples.svg").write_text("mine")
    done = cli("plot", folder, "--kind", "samples")
    assert done.code == 2 and "`--overwrite`" in done.err
    assert Path("samples.svg").read_text() == "mine" and not Path("samples.png").exists()
    assert cli("plot", folder, "--kind", "samples", "--overwrite").code == 0
    assert "<svg" in Path("samples.svg").read_text()


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_the_ending_says_the_format(folder: Path, ending: str) -> None:
    done = cli("plot", folder, "--kind", "roc", "--score", "mse", "--out", f"new/curve.{ending}")
    assert done == Done(0, f"new/curve.{ending}\n", "")


def test_what_cannot_be_drawn_is_refused(folder: Path, tmp_path: Path) -> None:
    other = made_up_run(tmp_path, "gr")
    for arguments, words in {
        (folder, "--kind", "rocs"): ("`--kind`", "auroc, cd, fpr, latent", "rocs"),
        (folder, "--kind", "roc", "--score", "none"): ("one that the run has (recon,", "'none'"),
        (folder, "--kind", "samples", "--score", "mse"): ("no `--score` with", "shows none"),
        (folder, other, "--kind", "matrix"): ("one run", "but got 2", str(folder), str(other)),
        (other, "--kind", "samples"): ("pictures.npz", "makes it anew"),
    }.items():
        done = cli("plot", *arguments)
        assert done.code == 2, arguments
        assert "Traceback" not in done.err
        for word in words:
            assert word in done.err, done.err
    assert not list(Path().iterdir())


@pytest.mark.parametrize("kind", ["matrix", "losses", "scores", "samples", "latent", "roc"])
def test_tasks_and_title_are_called_as_a_person_wants(folder: Path, kind: str) -> None:
    names = ("--task-names", "the first one,autumn", "--title", "My title")
    done = cli("plot", folder, "--kind", kind, "--out", f"{kind}.svg", *names)
    assert done.code == 0, done.err
    words = " ".join(re.findall(r">([^<>\n]+)</text>", Path(f"{kind}.svg").read_text()))
    for word in ("the first one", "autumn", "My title"):
        assert word in words
    assert "after task 1" not in words.lower() and "class 1" not in words


def test_a_label_stands_in_the_title(folder: Path) -> None:
    done = cli("plot", folder, "--kind", "matrix", "--out", "m.svg", "--labels", "Ours")
    assert done.code == 0, done.err
    assert "digits, Ours, score mse" in Path("m.svg").read_text()
