"""The files of a run's folder: what is in them, readable without this program."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from cl_anomaly import RunConfig, RunFolder, __version__, run
from cl_anomaly.plan.build import resolve
from cl_anomaly.runs.perform import write_run
from cl_anomaly.statistics.transfer import OF_THE_MATRIX
from cl_anomaly.store.folder_names import plain_name

SEEDS, TASKS = 2, 9
CHEAP_SCORES = {"recon", "mse", "l1", "elbo", "kl"}


@pytest.fixture(scope="module")
def result() -> RunFolder:
    config = RunConfig(dataset="digits", epochs=1, strategy="lower", seeds=SEEDS, device="cpu")
    return run(config)


@pytest.fixture(scope="module")
def folder(result: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(result, tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="module")
def metrics(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "metrics.csv")


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_folder_has_the_files_that_are_promised(folder: Path) -> None:
    assert set(content(folder)) == {
        "config.json",
        "detector.json",
        "environment.json",
        "metrics.csv",
        "scores.npz",
        "timing.json",
        "cost.json",
        "summary.csv",
        "auroc_per_task.png",
        "pictures.npz",
        "losses.csv",
        "model.safetensors",
        "status.json",
        "manifest.json",
        ".lock",
    }
    assert folder.name.startswith("digits-lower-")
    assert [path.name for path in folder.parent.iterdir()] == [folder.name], "nothing beside it"


def test_metrics_have_one_row_for_everything_measured(metrics: pd.DataFrame) -> None:
    assert list(metrics.columns) == (
        "strategy dataset anomaly_class seed task classes score metric value".split()
    )
    names = {"auroc_seen", *(f"auroc_class_{label}" for label in range(1, 10))}
    names |= {"average_precision_0.1_seen", "fpr_at_tpr_0.95_seen"}
    before = {f"auroc_untrained_task_{task}" for task in range(1, TASKS + 1)}
    at_the_end = {*OF_THE_MATRIX, "forward_transfer"}
    times = {0: before, TASKS: names | at_the_end}
    expected = {
        (seed, task, score, name)
        for seed in range(SEEDS)
        for task in range(TASKS + 1)
        for score in CHEAP_SCORES
        for name in times.get(task, names)
    }
    rows = list(metrics[["seed", "task", "score", "metric"]].itertuples(index=False, name=None))
    assert sorted(rows) == sorted(expected)
    for column, value in (("strategy", "lower"), ("dataset", "digits"), ("anomaly_class", 0)):
        assert set(metrics[column]) == {value}
    # In ascending order, task i brings class i.
    learnt = metrics[metrics["task"] > 0]
    assert (learnt["classes"] == learnt["task"]).all()


def test_scikit_learn_finds_the_same_auroc_in_the_scores(
    folder: Path, metrics: pd.DataFrame
) -> None:
    with np.load(folder / "scores.npz") as file:
        arrays = {name: file[name] for name in file.files}
    labels, seeds = arrays["labels"], arrays["seeds"].tolist()
    is_auroc = metrics["metric"].str.match("auroc_(seen|class_)")
    for row in metrics[is_auroc].to_dict("records"):
        scores = arrays[row["score"]][seeds.index(row["seed"]), row["task"] - 1]
        if row["metric"] == "auroc_seen":
            normal = range(1, row["task"] + 1)
        else:
            normal = [int(row["metric"].removeprefix("auroc_class_"))]
        chosen = np.isin(labels, [0, *normal])
        expected = roc_auc_score(labels[chosen] == 0, scores[chosen])
        assert row["value"] == pytest.approx(expected, abs=1e-12), row


def test_scores_are_whole(result: RunFolder, folder: Path) -> None:
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


def test_the_configuration_can_be_run_again(result: RunFolder, folder: Path) -> None:
    kept = RunConfig(**json.loads((folder / "config.json").read_text()))
    assert resolve(kept) == result.config
    assert kept.fingerprint() == result.config.fingerprint()


def test_environment_and_timing_are_json(folder: Path) -> None:
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["cl_anomaly"] == __version__
    assert environment["device"] == "cpu"
    assert len(json.loads((folder / "timing.json").read_text())["tasks"]) == TASKS


def test_a_second_run_leaves_the_first_as_it_is(result: RunFolder, tmp_path: Path) -> None:
    first = write_run(result, tmp_path)
    before = content(first)
    second = write_run(result, tmp_path)
    assert second == tmp_path / f"{first.name}-2"
    assert content(first) == before
    # Nothing in a run's files depends on when they were written.
    assert content(second) == before


@pytest.mark.parametrize(
    ("name", "plain"),
    [("../my data", "_my_data"), (".hidden", "hidden"), ("ä" * 300, "ä" * 50), ("/", "_")],
)
def test_a_dataset_s_name_becomes_a_folder_s(name: str, plain: str) -> None:
    assert plain_name(name) == plain
