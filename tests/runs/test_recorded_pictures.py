"""What a run keeps for pictures: as it should be, always the same bytes, and nobody notices."""

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from cl_anomaly import RunConfig, read_run, run
from cl_anomaly.core.progress import Progress
from cl_anomaly.core.randomness import ReplicaRandom
from cl_anomaly.data.datasets import Dataset
from cl_anomaly.models.vae import VAE
from cl_anomaly.plan.build import prepare
from cl_anomaly.results.run_folder import RunFolder
from cl_anomaly.runs.checkpointing import Keeper
from cl_anomaly.runs.perform import write_run
from cl_anomaly.runs.recorded_pictures import PictureRecorder
from cl_anomaly.runs.run import Run
from tests.support.resuming import Recorder, run_from

CONFIG: dict[str, Any] = {
    "dataset": "digits",
    "epochs": 2,
    "strategy": "gr",
    "seeds": "4,7",
    "task_order": [1, 2, 3],
    "device": "cpu",
}
FILES = ("pictures.npz", "losses.csv", "metrics.csv", "scores.npz", "model.safetensors")


def configured(**changes: Any) -> RunConfig:
    return RunConfig(**{**CONFIG, **changes})


@pytest.fixture(scope="module")
def result() -> RunFolder:
    return run(configured())


def files(result: RunFolder, out: Path) -> dict[str, bytes]:
    folder = write_run(result, out)
    return {name: (folder / name).read_bytes() for name in FILES}


def test_the_kept_arrays_fit_together(result: RunFolder, digits: Dataset) -> None:
    kept = result.pictures
    assert (kept["seed"], kept["anomaly_class"]) == (4, 0)
    assert kept["generated"].shape == (3, 10, 8, 8)
    assert kept["generated_after"].tolist() == [1, 2, 3]
    assert kept["reconstructions_after"].tolist() == kept["codes_after"].tolist() == [1, 3]
    assert kept["reconstructions"].shape == (2, 12, 8, 8)
    labels = result.test_labels
    assert labels[kept["shown"]].tolist() == [1] * 4 + [3] * 4 + [0] * 4
    for row, label in zip(kept["normal"], (1, 2, 3), strict=True):
        np.testing.assert_array_equal(row, labels == label)
    assert (kept["anomalous"] == (labels == 0)).all()
    coded = labels[kept["coded"]]
    assert [int((coded == label).sum()) for label in (0, 1, 2, 3)] == [54, 50, 50, 50]
    stored = digits.test.batch(torch.from_numpy(result.test_indices[kept["shown"]]))
    np.testing.assert_array_equal(kept["inputs"], stored.numpy())


def test_samples_are_drawn_from_a_generator_of_their_own(result: RunFolder) -> None:
    model = VAE((8, 8), [4])
    own = {name: torch.from_numpy(w[:1]) for name, w in result.weights.items()}
    model.load_state_dict(own)
    with torch.no_grad():
        drawn = model.generator().generate(10, ReplicaRandom([4], "pictures", 3))[0]
    np.testing.assert_allclose(result.pictures["generated"][2], drawn.numpy(), atol=1e-6)


def test_the_losses_are_those_that_the_run_told() -> None:
    class Listener(Progress):
        def __init__(self) -> None:
            self.losses: list[float] = []

        def step(self, done: int, total: int, loss: torch.Tensor) -> None:
            self.losses.append(float(loss))

    listener = Listener()
    table = run(configured(task_order=[1], seeds="7,", epochs=2), listener).losses
    assert table[["anomaly_class", "seed", "task", "epoch"]].to_numpy().tolist() == [
        [0, 7, 1, 1],
        [0, 7, 1, 2],
    ]
    told, half = listener.losses, math.ceil(len(listener.losses) / 2)
    expected = [np.mean(told[:half]), np.mean(told[half:])]
    assert len(told) > 5
    np.testing.assert_allclose(table["loss"], expected, rtol=1e-9)


def test_they_are_the_same_bytes_after_every_interruption(
    result: RunFolder, tmp_path: Path
) -> None:
    expected = files(result, tmp_path / "whole")
    recorder = Recorder(tmp_path / "states", every=5)
    assert files(run_from(CONFIG, recorder), tmp_path / "paused") == expected
    states = recorder.states
    assert len(states) > 5
    for number, state in enumerate(states[:: max(1, len(states) // 5)]):
        resumed = run_from(CONFIG, Keeper(), state)
        assert files(resumed, tmp_path / str(number)) == expected


def test_a_seed_has_the_same_pictures_alone(result: RunFolder) -> None:
    alone = run(configured(seeds="4,"))
    for name in ("generated", "reconstructions", "codes"):
        np.testing.assert_allclose(alone.pictures[name], result.pictures[name], atol=2e-3)
    ours = result.losses[result.losses["seed"] == 4]["loss"]
    np.testing.assert_allclose(alone.losses["loss"], ours, rtol=1e-4)


def test_no_number_of_the_run_depends_on_it(
    result: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PictureRecorder, "add", lambda *_: None)
    without = run(configured())
    assert "generated" not in without.pictures
    one, other = (files(own, tmp_path / str(n)) for n, own in enumerate((result, without)))
    for name in ("metrics.csv", "scores.npz", "model.safetensors"):
        assert one[name] == other[name]


def test_it_takes_less_than_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    taken, add = [], PictureRecorder.add

    def timed(self: PictureRecorder, *arguments: Any) -> None:
        started = time.thread_time()
        add(self, *arguments)
        taken.append(time.thread_time() - started)

    monkeypatch.setattr(PictureRecorder, "add", timed)
    run(configured())
    assert len(taken) == 3 and sum(taken) < 1


def test_a_first_replica_that_failed_is_kept_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Run(prepare(configured(seeds=1)))
    scores_of = own.detector.scores_of

    def broken(*arguments: Any) -> Any:
        scores = scores_of(*arguments)
        if own.position.learnt == 1:
            scores["recon"][0, 3] = np.nan
        return scores

    monkeypatch.setattr(own.detector, "scores_of", broken)
    result = own.execute(Progress())
    assert [failure.task for failure in result.failures] == [2]
    assert result.pictures["generated_after"].tolist() == [1]
    assert sorted(set(result.losses["task"])) == [1, 2], "it was trained in the second task"


def test_a_strategy_with_a_loop_of_its_own_has_them_too() -> None:
    small = configured(strategy="avalanche:Replay", task_order=[1, 2], seeds=1, epochs=1)
    result = run(small)
    assert result.pictures["generated"].shape == (2, 10, 8, 8)
    assert result.losses["loss"].between(5, 100).all() and len(result.losses) == 2


def test_read_back_they_are_the_same(result: RunFolder, tmp_path: Path) -> None:
    again = read_run(write_run(result, tmp_path))
    assert again.pictures.keys() == result.pictures.keys()
    for name, array in result.pictures.items():
        np.testing.assert_array_equal(again.pictures[name], array)
    pd.testing.assert_frame_equal(again.losses, result.losses)
