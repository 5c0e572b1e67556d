"""A trained detector, kept and loaded: it scores as it did."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from cl_anomaly import Detector, RunConfig, read_run, run
from cl_anomaly.core.errors import InputError
from cl_anomaly.data.datasets import Dataset
from cl_anomaly.plan import build
from cl_anomaly.plan.assemble import assemble
from tests.support.command import SMALL, cli, run_quietly
from tests.support.folders import begun

STRATEGIES = ("lower", "upper", "gr", "ewc")


@pytest.fixture(scope="module", params=STRATEGIES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp(request.param)
    return run_quietly(out, "--strategy", request.param, "--seeds", "3", "--score", "mse")


def _last_scores(folder: Path, dataset: Dataset, score: str) -> tuple[np.ndarray, np.ndarray]:
    with np.load(folder / "scores.npz") as arrays:
        stored = dataset.test.stored[torch.from_numpy(arrays["test_indices"])]
        return stored.numpy(), arrays[score][:, -1]


def test_loaded_detector_scores_as_the_run_did(folder: Path, digits: Dataset) -> None:
    x, expected = _last_scores(folder, digits, "mse")
    detector = Detector.load(folder)
    scores = detector.score(x)
    assert scores.dtype == np.float32
    np.testing.assert_array_equal(scores, expected)
    np.testing.assert_array_equal(read_run(folder).detector().score(x), expected)
    np.testing.assert_allclose(detector.score(x / 16), expected, rtol=1e-5)


def test_saved_detector_is_the_same(folder: Path, digits: Dataset, tmp_path: Path) -> None:
    x, expected = _last_scores(folder, digits, "mse")
    Detector.load(folder).save(tmp_path / "kept")
    assert {path.name for path in (tmp_path / "kept").iterdir() if path.name[0] != "."} == {
        "detector.json",
        "manifest.json",
        "model.safetensors",
    }
    np.testing.assert_array_equal(Detector.load(str(tmp_path / "kept")).score(x), expected)
    with pytest.raises(InputError, match="new or an empty folder"):
        Detector.load(folder).save(folder)


@pytest.mark.parametrize("threads", ["1", "2"])
def test_groups_of_replicas_do_not_change_what_is_loaded(
    threads: str, tmp_path: Path, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With two threads, three replicas are two groups.
    monkeypatch.setattr("cl_anomaly.plan.assemble.threads_to_use", lambda: int(threads))
    folder = run_quietly(tmp_path, "--seeds", "3")
    recorded = json.loads((folder / "detector.json").read_text())
    assert recorded["group_sizes"] == {"1": [3], "2": [2, 1]}[threads]
    detector = Detector.load(folder)
    x, expected = _last_scores(folder, digits, detector.blueprint.score)
    np.testing.assert_array_equal(detector.score(x), expected)


@pytest.mark.parametrize("score", ["mahalanobis", "nap"])
def test_statistics_of_a_score_are_kept(
    score: str, tmp_path: Path, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Three replicas in two groups; the other score's statistics lie in the same file.
    monkeypatch.setattr("cl_anomaly.plan.assemble.threads_to_use", lambda: 2)
    scores = f"{score},mse,mahalanobis,nap".replace(f",{score}", "", 1)
    folder = run_quietly(tmp_path, "--seeds", "3", "--score", scores)
    x, expected = _last_scores(folder, digits, score)
    detector = Detector.load(folder)
    assert detector.blueprint.score == score
    np.testing.assert_array_equal(detector.score(x), expected)
    np.testing.assert_array_equal(read_run(folder).detector().score(x), expected)
    detector.save(tmp_path / "kept")
    assert (tmp_path / "kept" / "score_statistics.safetensors").exists()
    np.testing.assert_array_equal(Detector.load(tmp_path / "kept").score(x), expected)
    kept = detector.statistics()
    assert all(len(own) == 3 and name.startswith("score.") for name, own in kept.items())
    recorded = json.loads((folder / "timing.json").read_text())["score_bytes"]
    assert set(recorded) == {"mahalanobis", "nap"}
    assert sum(recorded.values()) == sum(own.numel() * 4 for own in kept.values())


def test_statistics_that_are_not_there_are_named(tmp_path: Path) -> None:
    folder = run_quietly(tmp_path)
    detector = json.loads((folder / "detector.json").read_text()) | {"score": "nap"}
    weights = read_run(folder).detector().weights()
    with pytest.raises(InputError, match="nap to have learnt a task"):
        Detector.rebuilt(detector, weights, {}, "cpu").score(np.zeros((2, 8, 8)))


def test_detector_learns_task_after_task() -> None:
    config = RunConfig(dataset="digits", epochs=1, task_order=[1, 2], device="cpu")
    plan = build.prepare(config)
    detector = assemble(plan)
    x = plan.dataset.test.stored[plan.scenarios[0].test_indices].numpy()
    before = detector.score(x)
    assert before.shape == (len(x),), "of a single replica"
    learnt = [detector.learn(task) for task in (1, 2)]
    assert all(own.trained.samples > 0 and not own.failures for own in learnt)
    scores = run(config).scores[detector.blueprint.score][0, -1]
    np.testing.assert_array_equal(detector.score(x), scores)
    assert not np.array_equal(scores, before)


def test_loading_runs_no_code(tmp_path: Path, digits: Dataset) -> None:
    file = tmp_path / "mine.py"
    file.write_text("from cl_anomaly.strategies import Strategy\nclass Mine(Strategy):\n  pass\n")
    folder = run_quietly(tmp_path / "out", "--strategy", f"{file}:Mine")
    file.write_text("raise SystemExit('run')")
    detector = Detector.load(folder)
    x, expected = _last_scores(folder, digits, detector.blueprint.score)
    np.testing.assert_array_equal(detector.score(x), expected[0])
    assert read_run(folder).strategy_source, "as it was"


@pytest.mark.parametrize(
    ("x", "named"),
    [
        (np.zeros((3, 5), np.float32), r"\(n, 8, 8\), but got \(3, 5\)"),
        (np.full((2, 8, 8), 1.5), "1.5"),
        (np.full((2, 8, 8), np.nan), "nan"),
        (np.zeros((2, 8, 8), np.int64), "int64"),
        (np.zeros((8, 8)), "shape"),
    ],
)
def test_other_samples_are_refused(x: np.ndarray, named: str) -> None:
    config = RunConfig(dataset="digits", device="cpu", strategy="lower")
    with pytest.raises(InputError, match=named):
        assemble(build.prepare(config)).score(x)


def test_what_holds_no_detector_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither"):
        Detector.load(tmp_path)
    folder = run_quietly(tmp_path)
    with pytest.raises(InputError, match="no trained detector yet"):
        Detector.load(begun(folder, tmp_path / "begun"))
    with pytest.raises(InputError, match="cannot learn"):
        Detector.load(folder).learn(1)
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(InputError, match="damaged"):
        Detector.load(folder)


def test_command_leaves_what_is_loaded(tmp_path: Path) -> None:
    done = cli("run", *SMALL, "--out", tmp_path, "--quiet", "--model.latent-size", "3")
    assert Detector.load(done.last_line).blueprint.features == (8, 8)
