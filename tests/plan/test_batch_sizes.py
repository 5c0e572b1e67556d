"""Batches of small tasks: a replica's depend on its own tasks, and on no other replica."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cl_anomaly import RunConfig, run
from cl_anomaly.data.dataset import Samples

# Class 3 has a single sample to train on; classes 1 and 2 fill batches.
COUNTS = (40, 50, 45, 1, 20)


def table(path: Path, counts: tuple[int, ...] = COUNTS) -> str:
    """Five features, around a level for each class; a third more rows to test on."""
    random = np.random.default_rng(0)
    rows = ["a,b,c,d,e,kind,split"]
    for label, count in enumerate(counts):
        for split, some in (("train", count), ("test", count // 3 + 2)):
            for x in random.random((some, 5)) * 0.6 + 0.1 * label:
                rows.append(",".join(f"{value:.4f}" for value in x) + f",{label},{split}")
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return str(path)


def config(path: Path, **settings: Any) -> RunConfig:
    own: dict[str, Any] = {
        "dataset": table(path),
        "label_column": "kind",
        "split_column": "split",
        "model_options": {"hidden_sizes": [13], "latent_size": 3},
        "epochs": 2,
        "device": "cpu",
        "precision": "float32",
    }
    return RunConfig(**own | settings)


@pytest.mark.parametrize("strategy", ["gr", "upper", "replay", "ewc"])
def test_a_replica_learns_the_same_beside_one_with_a_tiny_task(
    strategy: str, tmp_path: Path
) -> None:
    # With class 3 as the anomaly, no task is tiny.
    classes, data = (0, 3, 4), tmp_path / "t.csv"
    beside = run(config(data, strategy=strategy, anomaly_class=list(classes), seeds=2))
    for place, own in enumerate(classes):
        alone = run(config(data, strategy=strategy, anomaly_class=own, seeds="1,"))
        mine = 2 * place + 1
        for score, values in alone.scores.items():
            assert len(values) == 1
            rows = np.isin(beside.test_indices, alone.test_indices)
            assert np.array_equal(values[0], beside.scores[score][mine][:, rows], equal_nan=True)
        for name, weight in alone.weights.items():
            assert np.array_equal(weight[0], beside.weights[name][mine]), (own, name)


def test_a_tiny_task_has_small_batches_and_the_others_full_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    batch = Samples.batch

    def watched(self: Samples, indices: Any) -> Any:
        asked.extend(indices.shape[1:2])
        return batch(self, indices)

    monkeypatch.setattr(Samples, "batch", watched)
    result = run(config(tmp_path / "t.csv", strategy="lower", batch_size=32, epochs=3))
    assert result.config.batch_size == 32
    assert "task 3 (1), task 4 (20)." in str(result.config.dataset_note)
    # Three epochs of 50, 45, 1 and 20 samples.
    steps = [size for size in asked if size in (32, 1, 20)]
    assert [steps.count(size) for size in (32, 1, 20)] == [5 + 5, 3, 3]
    assert result.cost["steps"] == 5 + 5 + 3 + 3


@pytest.mark.parametrize(("model", "strategy"), [("vae", "gr"), ("vae", "ewc"), ("ae", "upper")])
def test_any_number_of_threads_gives_the_same_bytes(
    model: str, strategy: str, tmp_path: Path
) -> None:
    # Two and three threads divide six seeds into other groups than one.
    command = [sys.executable, "-m", "cl_anomaly", "run", "--dataset", table(tmp_path / "t.csv")]
    command += "--label-column kind --split-column split --epochs 2 --seeds 6 --quiet".split()
    command += ["--model", model, "--strategy", strategy, "--score", "mse,sap,nap,mahalanobis"]
    command += ["--device", "cpu", "--precision", "float32", "--out", str(tmp_path)]
    found = set()
    for threads in ("1", "2", "3"):
        name = f"threads-{threads}"
        environment = os.environ | {"OMP_NUM_THREADS": threads}
        done = subprocess.run(  # noqa: S603
            [*command, "--name", name], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        found.add((tmp_path / name / "metrics.csv").read_bytes())
    assert len(found) == 1
