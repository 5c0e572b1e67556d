"""`cl-anomaly score`: a trained detector on somebody's data."""

import io
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cl_anomaly import Detector
from cl_anomaly.data.datasets import load_dataset
from tests.support.command import SMALL, Done, cli, plain


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs")
    settings = "--strategy upper --calibration 0.2 --seeds 3,7 --quiet".split()
    done = cli("run", *SMALL, *settings, "--out", out)
    assert done.code == 0, done.err
    return done.last_line


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    dataset = load_dataset("digits")
    return (dataset.test.stored.float() * dataset.test.scale).numpy()


def _table(done: Done) -> pd.DataFrame:
    assert done.code == 0, done.err
    return pd.read_csv(io.StringIO(done.out))


def test_a_row_for_each_sample(run: Path, x: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", x)
    detector, table = Detector.load(run), _table(cli("score", run, "--input", tmp_path / "x.npy"))
    assert table.columns.tolist() == ["name", "score", "threshold", "anomaly"]
    np.testing.assert_allclose(table["score"], detector.score(x)[0], rtol=1e-5)
    assert (table["threshold"] == detector.thresholds(0.05)[0]).all()
    assert ((table["anomaly"] == "yes") == (table["score"] > table["threshold"])).all()
    assert set(table["anomaly"]) == {"yes", "no"}


def test_a_seed_and_a_rate_can_be_chosen(run: Path, x: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", x[:20])
    arguments = ["--seed", "7", "--rate", "0.01", "--output", tmp_path / "scores.csv"]
    done = cli("score", run, "--input", tmp_path / "x.npy", *arguments)
    assert (done.code, done.out) == (0, "")
    table, detector = pd.read_csv(tmp_path / "scores.csv"), Detector.load(run)
    np.testing.assert_allclose(table["score"], detector.score(x[:20])[1], rtol=1e-5)
    assert (table["threshold"] == detector.thresholds(0.01)[1]).all()


def test_a_table_may_have_the_features_in_one_row(run: Path, x: np.ndarray, tmp_path: Path) -> None:
    table = pd.DataFrame(x[:5].reshape(5, -1)).assign(id=list("abcde"))
    table.to_csv(tmp_path / "x.csv", index=False)
    found = _table(cli("score", run, "--input", tmp_path / "x.csv", "--name-column", "id"))
    assert found["name"].tolist() == list("abcde")
    np.testing.assert_allclose(found["score"], Detector.load(run).score(x[:5])[0], rtol=1e-4)


def test_a_live_feed_is_answered_line_by_line(
    run: Path, x: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [json.dumps({"name": "first", "x": x[0].tolist()}), json.dumps(x[1].flatten().tolist())]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join([*lines, "[1, 2]", "?", ""])))
    done = cli("score", run, "--input", "-")
    first, second, short, damaged = map(json.loads, done.out.splitlines())
    scores = Detector.load(run).score(x[:2])[0]
    assert first["name"] == "first" and second["name"] == "1"
    np.testing.assert_allclose([first["score"], second["score"]], scores, rtol=1e-4)
    assert first["anomaly"] == (first["score"] > first["threshold"])
    assert "shape (n, 8, 8)" in short["error"] and "line 3" in damaged["error"]
    assert done.code == 1 and "2 lines of the input could not be scored" in done.err


def test_without_a_threshold_there_are_scores_alone(x: np.ndarray, tmp_path: Path) -> None:
    run = cli("run", *SMALL, "--quiet", "--out", tmp_path).last_line
    np.save(tmp_path / "x.npy", x[:3])
    done = cli("score", run, "--input", tmp_path / "x.npy")
    assert _table(done)["anomaly"].isna().all()
    assert "no threshold for a false-positive rate of 0.05: scores only" in plain(done.err)


def test_what_is_wrong_is_said_before_a_line_is_written(run: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((3, 5), np.float32))
    done = cli("score", run, "--input", tmp_path / "x.npy", "--output", tmp_path / "scores.csv")
    assert (done.code, done.out) == (2, "")
    assert "x.npy: Expected samples of the shape (n, 8, 8), but got (3, 5)." in done.err
    assert not (tmp_path / "scores.csv").exists()


def test_a_file_that_turns_bad_leaves_what_was_there(
    run: Path, x: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cl_anomaly.data.batches.BATCH_SIZE", 2)
    good = [json.dumps(own.flatten().tolist()) for own in x[:3]]
    (tmp_path / "x.jsonl").write_text("\n".join([*good, "bad", ""]))
    (tmp_path / "scores.csv").write_text("before")
    done = cli("score", run, "--input", tmp_path / "x.jsonl", "--output", tmp_path / "scores.csv")
    assert done.code == 2 and "line 3" in done.err
    assert (tmp_path / "scores.csv").read_text() == "before"
    assert sorted(own.name for own in tmp_path.iterdir()) == ["scores.csv", "x.jsonl"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Expected `--input FILE`, or `--input -` for standard input"),
        (["--input", "nix.npy"], "there is no 'nix.npy'"),
        (["--input", "-", "--seed", "5"], "Expected `--seed` to be one of the detector's, 3, 7"),
        (["--input", "-", "--rate", "0.2"], "rate of 0.2, but this one has those for 0.01, 0.05"),
    ],
)
def test_a_mistake_is_answered(arguments: list[str], said: str, run: Path) -> None:
    done = cli("score", run, *arguments)
    assert done.code == 2 and said in done.err and not done.out


def test_the_nearest_task_and_the_second_explain_an_alarm(
    x: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [*SMALL, "--model", "gaussians", "--strategy", "lower", "--quiet"]
    run = cli("run", *arguments, "--out", tmp_path).last_line
    np.save(tmp_path / "x.npy", x)
    table = _table(cli("score", run, "--input", tmp_path / "x.npy"))
    named = [*"name score threshold anomaly".split(), "nearest_task", "second_task"]
    assert table.columns.tolist() == named
    # Tasks 1 and 2 are the classes 1 and 2.
    labels = load_dataset("digits").test_labels.numpy()
    for label, other in ((1, 2), (2, 1)):
        own = table[labels == label]
        assert (own["nearest_task"] == label).mean() > 0.9
        assert (own["nearest_task"] + own["second_task"] == label + other).all()
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(x[0].tolist()) + "\n"))
    answer = json.loads(cli("score", run, "--input", "-").out)
    assert [answer["nearest_task"], answer["second_task"]] == table[named[4:]].to_numpy()[
        0
    ].tolist()


def test_one_task_has_no_second(x: np.ndarray, tmp_path: Path) -> None:
    arguments = ["--scenario", "joint", "--dataset", "digits", "--device", "cpu", "--quiet"]
    model = ["--model", "gaussians", "--strategy", "lower", "--out", tmp_path]
    run = cli("run", *arguments, *model).last_line
    np.save(tmp_path / "x.npy", x[:3])
    table = _table(cli("score", run, "--input", tmp_path / "x.npy"))
    assert table["nearest_task"].tolist() == [1, 1, 1] and table["second_task"].isna().all()
