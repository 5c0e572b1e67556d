"""Data of one's own from the command line: images, tables, names, values of any range."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from cl_anomaly import read_run
from cl_anomaly.detector import Detector
from cl_anomaly.strategies.gr import GenerativeReplay
from tests.support.command import Done, cli, config_of, plain

RUN = ["run", "--strategy", "lower", "--epochs", "1", "--device", "cpu", "--out", "out"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def images(root: str, split: str, name: str, count: int, shade: int) -> None:
    folder = Path(root, split, name)
    folder.mkdir(parents=True)
    random = np.random.default_rng(shade)
    for number in range(count):
        pixels = random.integers(0, 50, (6, 5), dtype=np.uint8) + shade
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")


def table(path: str, rows: int = 20) -> Path:
    """Three classes whose values lie far apart, and outside [0, 1]."""
    random, labels = np.random.default_rng(0), np.repeat(["good one", "bad", "ugly"], rows)
    x = random.normal(size=(3 * rows, 5)) * 10 + np.repeat([0, 40, 80], rows)[:, None]
    frame = pd.DataFrame(x, columns=[*"abcde"]).assign(kind=labels)
    frame.to_csv(path, index=False)
    return Path(path)


def done(*arguments: str | Path) -> tuple[Done, Path]:
    finished = cli(*RUN, *arguments)
    assert finished.code == 0, finished.err
    folder = next(line for line in finished.out.splitlines() if line.startswith("results: "))
    return finished, Path(folder.removeprefix("results: "))


def test_a_folder_as_mvtec_ad_has_it_is_of_one_class() -> None:
    images("screws", "train", "good", 12, 100)
    for name, shade in (("good", 100), ("bent", 10), ("rusty", 200)):
        images("screws", "test", name, 5, shade)
    _, folder = done("--dataset", "folder:screws", "--strategy", "gr")
    assert folder.name.startswith("screws-gr-")
    config = config_of(folder)
    assert (config["scenario"], config["normal_class"]) == ("one-class", "good")
    assert (config["anomaly_class"], config["batch_size"]) == ("all", 32)
    metrics = pd.read_csv(folder / "metrics.csv")
    assert set(metrics["anomaly_class"]) == {"not good"} and set(metrics["classes"]) == {"good"}
    assert set(metrics["metric"]) == {
        *("auroc_seen", "auroc_class_good", "auroc_untrained_task_1"),
        *("average_precision_0.1_seen", "fpr_at_tpr_0.95_seen"),
        *("average", "lifelong_roc_auc", "pyclad_continual_average"),
    }
    summary = pd.read_csv(folder / "summary.csv").set_index("metric")
    # One task leaves nothing to transfer, or to forget.
    assert summary.loc[["backward_transfer", "forgetting"], "mean"].isna().all()
    assert (folder / "auroc_per_task.png").exists()
    assert np.load(folder / "scores.npz")["labels"].tolist().count("bent") == 5
    drawn = cli("plot", folder, "--out", "figure.png")
    assert (drawn.code, Path("figure.png").exists()) == (0, True)
    again = cli(*RUN, "--dataset", "folder:screws", "--strategy", "gr")
    assert "not repeated" in again.out


def test_classes_with_names_and_values_of_any_range() -> None:
    finished, folder = done(
        "--dataset", table("a.csv"), "--label-column", "kind", "--anomaly-class", "bad"
    )
    said = plain(finished.err)
    assert "Values of a lie outside [0, 1]: each feature is scaled" in said
    assert "Default for such data: reconstruction mse." in said
    assert "all samples of tasks that have fewer: task 1 (14)" in said
    config = config_of(folder)
    assert (config["score"], config["anomaly_class"], config["batch_size"]) == ("mse", "bad", 32)
    assert config["scenario"] == "class-stream"
    metrics = pd.read_csv(folder / "metrics.csv")
    assert metrics["classes"].unique().tolist() == ["'good one'", "ugly"]
    # What is read back from the file is what was measured.
    result = read_run(folder)
    assert result.s["mse"].shape == (1, 2, 2) and np.isfinite(result.s["mse"]).all()
    assert set(result.test_labels.tolist()) == {"good one", "bad", "ugly"}


def test_the_detector_scales_as_the_run_did() -> None:
    path = table("a.csv")
    given = ("--dataset", path, "--label-column", "kind", "--anomaly-class", "bad,ugly")
    _, folder = done(*given, "--seeds", "3,7", "--calibration", "0.1")
    result = read_run(folder)
    frame = pd.read_csv(path)
    from cl_anomaly.data.tables import read_table

    x_test = read_table(path, "kind").x_test
    assert len(x_test) == 18 and len(frame) == 60
    scores = Detector.load(folder).score(x_test)
    np.testing.assert_array_equal(scores, result.scores["mse"][:, -1])
    # Each replica has a range of its own: its first task, but for what is kept aside.
    ranges = np.array(result.made_from["scaling"]["low"])
    assert ranges.shape == (4, 5) and len(np.unique(ranges, axis=0)) > 1
    alone = Detector.load(folder).replica(7)
    np.testing.assert_array_equal(alone.score(x_test), scores[1])
    far = np.full((1, 5), 1e25)
    assert np.isfinite(Detector.load(folder).score(far)).all()


def test_a_replica_among_others_sees_the_same_numbers() -> None:
    given = ("--dataset", table("a.csv"), "--label-column", "kind")
    _, both = done(*given, "--anomaly-class", "bad,ugly", "--seeds", "3,7")
    _, alone = done(*given, "--anomaly-class", "ugly", "--seeds", "7,")
    rows = pd.read_csv(both / "metrics.csv").query("anomaly_class == 'ugly' and seed == 7")
    pd.testing.assert_frame_equal(
        rows.reset_index(drop=True), pd.read_csv(alone / "metrics.csv"), rtol=1e-5
    )


def test_one_digit_is_learnt_and_another_found() -> None:
    given = ("--dataset", "digits", "--scenario", "one-class", "--normal-class", "1")
    _, folder = done(*given, "--anomaly-class", "9", "--strategy", "gr")
    metrics = pd.read_csv(folder / "metrics.csv")
    assert set(metrics["anomaly_class"]) == {9} and set(metrics["classes"]) == {1}
    labels = np.load(folder / "scores.npz")["labels"]
    assert set(labels.tolist()) == {1, 9}


def test_each_class_is_the_normal_one_in_turn() -> None:
    given = ("--dataset", "digits", "--normal-class", "1,3", "--seeds", "2")
    finished, folder = done(*given)
    metrics = pd.read_csv(folder / "metrics.csv")
    pairs = metrics.groupby("anomaly_class")["classes"].unique().map(list).to_dict()
    assert pairs == {"not 1": [1], "not 3": [3]}
    assert "mean of anomaly classes not 1, not 3" in plain(finished.out)
    assert [own.normal_class for own in read_run(folder).replicas] == [1, 1, 3, 3]
    _, alone = done("--dataset", "digits", "--normal-class", "3")
    own = metrics.query("anomaly_class == 'not 3' and seed == 0").reset_index(drop=True)
    kept = pd.read_csv(alone / "metrics.csv")
    pd.testing.assert_frame_equal(own, kept, rtol=1e-5)


def test_all_normal_classes_at_once() -> None:
    given = ("--dataset", "digits", "--scenario", "joint", "--anomaly-class", "0,4")
    _, folder = done(*given)
    metrics = pd.read_csv(folder / "metrics.csv")
    assert set(metrics["task"]) == {0, 1}
    assert set(metrics["classes"]) == {"1 2 3 4 5 6 7 8 9", "0 1 2 3 5 6 7 8 9"}


def test_small_data_runs_with_defaults_and_a_batch_that_is_too_large() -> None:
    x, y = np.random.default_rng(0).random((60, 5)), np.repeat([0, 1, 2], 20)
    np.savez("small.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    small, folder = done("--dataset", "small.npz")
    assert config_of(folder)["batch_size"] == 32
    given, other = done("--dataset", "small.npz", "--batch-size", "64")
    assert config_of(other)["batch_size"] == 64
    for size, finished in ((32, small), (64, given)):
        said = plain(finished.err)
        assert f"Batches hold {size} samples, and all samples of tasks that have fewer: " in said
        assert "task 1 (20), task 2 (20)." in said
    # Both train with batches of 20.
    assert (folder / "metrics.csv").read_bytes() == (other / "metrics.csv").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--dataset", "a.csv", "--label-column", "kind"],
            "`--anomaly-class`, a class of a (bad, ",
        ),
        (["--dataset", "a.csv", "--label-column", "sort"], "one of a, b, c, d, e, kind"),
        (
            ["--dataset", "a.csv", "--label-column", "kind", "--scenario", "one-class"],
            "`--normal-class`, the class of a to train on, one of bad, good one, ugly",
        ),
        (
            ["--dataset", "a.csv", "--label-column", "kind", "--anomaly-class", "worse"],
            "(bad, good one, ugly), but got worse",
        ),
    ],
)
def test_a_mistake_names_what_there_is(arguments: list[str], said: str) -> None:
    table("a.csv")
    refused = cli(*RUN, *arguments)
    assert (refused.code, refused.out) == (2, "")
    assert said in refused.err
    assert not Path("out").exists()


def test_a_folder_of_datasets_that_is_not_needed_is_named() -> None:
    finished, _ = done("--dataset", "digits", "--data-root", "elsewhere", "--task-order", "1,2")
    assert "The folder of datasets, elsewhere, is not needed for digits." in plain(finished.err)


def test_the_list_says_what_own_data_may_be() -> None:
    shown = plain(cli("list", "datasets").out)
    for word in ("cifar10", "FILE.npz", "FILE.csv", "folder:DIR", "batch_size=32"):
        assert word in shown


def test_what_is_replayed_may_lie_outside_the_first_tasks_range() -> None:
    given = ("--dataset", table("a.csv"), "--label-column", "kind", "--anomaly-class", "bad")
    drawn: list[torch.Tensor] = []
    original = GenerativeReplay.extend

    def extend(self: GenerativeReplay, x: torch.Tensor) -> torch.Tensor:
        drawn.append(batch := original(self, x))
        return batch

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GenerativeReplay, "extend", extend)
        done(*given, "--strategy", "gr", "--epochs", "30", "--task-order", "ugly,good one")
    # The second task lies below the first one's range, and so do its own samples.
    second = torch.cat([own[:, : own.shape[1] // 2] for own in drawn[-3:]], dim=1)
    replayed = torch.cat([own[:, own.shape[1] // 2 :] for own in drawn[-3:]], dim=1)
    assert second.max() < 0
    assert replayed.min() < 0 or replayed.max() > 1
