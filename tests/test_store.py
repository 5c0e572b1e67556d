"""A run's folder: complete or absent, never written over, and readable without this program."""

import json
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from cl_anomaly import Result, RunConfig, __version__, run
from cl_anomaly.errors import InputError, RunError
from cl_anomaly.experiment import resolve
from cl_anomaly.store import check_writable, read_json, read_runs, write_folder, write_run

SEEDS, TASKS = 2, 9
CHEAP_SCORES = {"recon", "mse", "l1", "elbo", "kl"}


@pytest.fixture(scope="module")
def result() -> Result:
    config = RunConfig(dataset="digits", epochs=1, strategy="lower", seeds=SEEDS, device="cpu")
    return run(config)


@pytest.fixture(scope="module")
def folder(result: Result, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(result, tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="module")
def metrics(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "metrics.csv")


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def of_strategy(result: Result, name: str) -> Result:
    """The same numbers, under another strategy's name."""
    config = replace(result.config, strategy=name)
    return replace(result, config=config, metrics=result.metrics.assign(strategy=name))


def test_the_folder_has_the_files_that_are_promised(folder: Path) -> None:
    assert set(content(folder)) == {
        "config.json",
        "environment.json",
        "metrics.csv",
        "scores.npz",
        "timing.json",
        "summary.csv",
        "auroc_per_task.png",
    }
    assert folder.name.startswith("digits-lower-")
    assert [path.name for path in folder.parent.iterdir()] == [folder.name], "nothing beside it"


def test_metrics_have_one_row_for_everything_measured(metrics: pd.DataFrame) -> None:
    assert list(metrics.columns) == (
        "strategy dataset anomaly_class seed task classes score metric value".split()
    )
    names = {"auroc_seen", *(f"auroc_class_{label}" for label in range(1, 10))}
    expected = {
        (seed, task, score, name)
        for seed in range(SEEDS)
        for task in range(1, TASKS + 1)
        for score in CHEAP_SCORES
        for name in names
    }
    rows = list(metrics[["seed", "task", "score", "metric"]].itertuples(index=False, name=None))
    assert sorted(rows) == sorted(expected)
    for column, value in (("strategy", "lower"), ("dataset", "digits"), ("anomaly_class", 0)):
        assert set(metrics[column]) == {value}
    # In ascending order, task i brings class i.
    assert (metrics["classes"] == metrics["task"]).all()


def test_scikit_learn_finds_the_same_auroc_in_the_scores(
    folder: Path, metrics: pd.DataFrame
) -> None:
    with np.load(folder / "scores.npz") as file:
        arrays = {name: file[name] for name in file.files}
    labels, seeds = arrays["labels"], arrays["seeds"].tolist()
    for row in metrics.to_dict("records"):
        scores = arrays[row["score"]][seeds.index(row["seed"]), row["task"] - 1]
        if row["metric"] == "auroc_seen":
            normal = range(1, row["task"] + 1)
        else:
            normal = [int(row["metric"].removeprefix("auroc_class_"))]
        chosen = np.isin(labels, [0, *normal])
        expected = roc_auc_score(labels[chosen] == 0, scores[chosen])
        assert row["value"] == pytest.approx(expected, abs=1e-12), row


def test_scores_are_whole(result: Result, folder: Path) -> None:
    with np.load(folder / "scores.npz") as file:
        assert set(file.files) == {"labels", "test_indices", "seeds", *CHEAP_SCORES}
        labels, indices = file["labels"], file["test_indices"]
        assert len(labels) == len(indices) == 540
        assert np.unique(labels).tolist() == list(range(10))
        assert len(set(indices.tolist())) == len(indices), "places in the test set, each once"
        assert file["seeds"].tolist() == [0, 1]
        for name in CHEAP_SCORES:
            assert file[name].dtype == np.float32
            assert file[name].shape == (SEEDS, TASKS, len(labels))
            np.testing.assert_array_equal(file[name], result.scores[name])


def test_the_configuration_can_be_run_again(result: Result, folder: Path) -> None:
    kept = RunConfig(**json.loads((folder / "config.json").read_text()))
    assert resolve(kept) == result.config
    assert kept.fingerprint() == result.config.fingerprint()


def test_environment_and_timing_are_json(folder: Path) -> None:
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["cl_anomaly"] == __version__
    assert environment["device"] == "cpu"
    assert len(json.loads((folder / "timing.json").read_text())["tasks"]) == TASKS


def test_a_second_run_leaves_the_first_as_it_is(result: Result, tmp_path: Path) -> None:
    first = write_run(result, tmp_path)
    before = content(first)
    second = write_run(result, tmp_path)
    assert second == tmp_path / f"{first.name}-2"
    assert content(first) == before
    # Nothing in a run's files depends on when they were written.
    assert content(second) == before


def fail_half_way(error: BaseException) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "first.txt").write_text("written")
        raise error

    return write


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    full = OSError(28, "No space left on device")
    with pytest.raises(RunError, match="Could not write .*name.*No space left on device"):
        write_folder(out, "name", fail_half_way(full))
    assert not list(out.iterdir())


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyboardInterrupt()], ids=repr)
def test_any_other_error_leaves_nothing_and_goes_on(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)):
        write_folder(tmp_path, "name", fail_half_way(error))
    assert not list(tmp_path.iterdir())


def test_a_folder_appears_under_its_name_only_when_complete(tmp_path: Path) -> None:
    def write(folder: Path) -> None:
        (folder / "first.txt").write_text("written")
        assert not (tmp_path / "name").exists()

    assert write_folder(tmp_path, "name", write) == tmp_path / "name"
    assert (tmp_path / "name" / "first.txt").read_text() == "written"


def test_a_folder_can_be_read_by_others_where_the_umask_allows_it(tmp_path: Path) -> None:
    (tmp_path / "ordinary").mkdir()
    folder = write_folder(tmp_path, "name", lambda folder: None)
    assert folder.stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_a_file_in_its_place_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "name").write_text("mine")
    folder = write_folder(tmp_path, "name", lambda folder: None)
    assert folder == tmp_path / "name-2"
    assert (tmp_path / "name").read_text() == "mine"


@pytest.mark.parametrize("name", ["../name", "a/b", "a b:c"])
def test_a_name_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    folder = write_folder(out, name, lambda folder: None)
    assert folder.parent == out
    assert list(tmp_path.iterdir()) == [out]


def test_writers_of_one_name_all_get_a_folder_of_their_own(tmp_path: Path) -> None:
    writers = 8
    all_there = threading.Barrier(writers, timeout=30)

    def write(number: int) -> Path:
        def fill(folder: Path) -> None:
            (folder / "number.txt").write_text(str(number))
            all_there.wait()  # so that all want the name at once

        return write_folder(tmp_path, "name", fill)

    with ThreadPoolExecutor(writers) as pool:
        folders = list(pool.map(write, range(writers)))
    numbers = range(2, writers + 1)
    assert {folder.name for folder in folders} == {"name", *(f"name-{n}" for n in numbers)}
    assert set(tmp_path.iterdir()) == set(folders)
    for number, folder in enumerate(folders):
        assert (folder / "number.txt").read_text() == str(number)


def test_check_writable_leaves_the_folder_empty(tmp_path: Path) -> None:
    check_writable(tmp_path / "a" / "b")
    assert not list((tmp_path / "a" / "b").iterdir())


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_check_writable_refuses_what_is_no_folder(tmp_path: Path, place: str) -> None:
    # Not by permissions: root, who may run the tests, is refused nothing.
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match=f"`out`.*{tmp_path / place}.*--out"):
        check_writable(tmp_path / place)
    assert (tmp_path / "file").read_text() == "mine"


def test_read_runs_of_one_run(folder: Path, metrics: pd.DataFrame) -> None:
    table, score = read_runs([folder])
    assert score == "recon"
    assert set(table["run"]) == {"lower"}
    np.testing.assert_array_equal(table["value"], metrics["value"])


def test_read_runs_takes_the_score_of_the_first(result: Result, tmp_path: Path) -> None:
    by_score = [
        write_run(replace(result, config=replace(result.config, score=score)), tmp_path)
        for score in ("mse", "kl")
    ]
    assert read_runs(by_score)[1] == "mse"


def test_read_runs_of_different_strategies_names_them_so(result: Result, tmp_path: Path) -> None:
    folders = [write_run(of_strategy(result, name), tmp_path) for name in ("upper", "lower")]
    assert read_runs(folders)[0]["run"].unique().tolist() == ["upper", "lower"]


def test_read_runs_tells_runs_of_one_strategy_apart(result: Result, tmp_path: Path) -> None:
    first, second = write_run(result, tmp_path), write_run(result, tmp_path)
    other = write_run(of_strategy(result, "upper"), tmp_path)
    runs = read_runs([first, second, other])[0]["run"].unique().tolist()
    assert runs == [f"lower ({first.name})", f"lower ({second.name})", "upper"]


def test_read_runs_tells_runs_in_different_places_apart(result: Result, tmp_path: Path) -> None:
    # The same configuration, as on two machines, gives the same folder name.
    folders = [write_run(result, tmp_path / place) for place in ("here", "there")]
    assert read_runs(folders)[0]["run"].nunique() == 2


def test_read_runs_of_a_comparison(result: Result, tmp_path: Path) -> None:
    def write(folder: Path) -> None:
        table = pd.concat([result.metrics.assign(run=name) for name in ("mine", "yours")])
        table.to_csv(folder / "metrics.csv", index=False)
        content = {"score": "mse", "runs": {"mine": {}, "yours": {}}}
        (folder / "config.json").write_text(json.dumps(content))

    table, score = read_runs([write_folder(tmp_path, "digits-compare", write)])
    assert table["run"].unique().tolist() == ["mine", "yours"]
    assert score == "mse"


def test_read_runs_names_the_folder_that_is_no_run(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{tmp_path} .*metrics.csv"):
        read_runs([folder, tmp_path])


@pytest.mark.parametrize("column", ["strategy", "dataset", "anomaly_class", "value"])
def test_read_runs_names_the_column_that_is_missing(
    folder: Path, tmp_path: Path, metrics: pd.DataFrame, column: str
) -> None:
    # All that a figure needs: otherwise drawing fails, and says less.
    damaged = tmp_path / "damaged"
    shutil.copytree(folder, damaged)
    metrics.drop(columns=column).to_csv(damaged / "metrics.csv", index=False)
    with pytest.raises(InputError, match=f"{damaged}.*{column}"):
        read_runs([damaged])


@pytest.mark.parametrize(
    "text", [None, "{", "[1]", "\udcff"], ids=["absent", "cut", "list", "bytes"]
)
def test_json_that_cannot_be_read_is_named(folder: Path, tmp_path: Path, text: str | None) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(folder, damaged)
    config = damaged / "config.json"
    config.unlink()
    if text is not None:
        config.write_bytes(text.encode(errors="surrogateescape"))
    for read in (lambda: read_json(config), lambda: read_runs([damaged])):
        with pytest.raises(InputError, match=str(config)):
            read()
