"""Learning in closed form: through the same loop, with the same strategies, pauses and resume."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cl_anomaly import Detector, RunConfig
from cl_anomaly.checks.small import learn, prepared, small_scenario
from cl_anomaly.core.errors import InputError
from cl_anomaly.core.progress import Progress
from cl_anomaly.data.datasets import load_dataset
from cl_anomaly.plan.build import prepare, resolve
from cl_anomaly.results.run_folder import RunFolder
from cl_anomaly.runs.checkpointing import Keeper
from cl_anomaly.runs.run import Run
from cl_anomaly.strategies import Strategy, find_strategy
from cl_anomaly.training import closed_form_fit, groups
from tests.support.resuming import Recorder, run_from

SETTINGS: dict[str, Any] = {
    "model": "gaussians",
    "strategy": "lower",
    "dataset": "digits",
    "device": "cpu",
    "task_order": [3, 1, 2],
    "model_options": {"features": "random", "width": 50, "components": 2},
}


def _config(**settings: Any) -> RunConfig:
    return RunConfig(**SETTINGS | settings)


def _run(**settings: Any) -> RunFolder:
    return Run(prepare(_config(**settings))).execute(Progress())


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closed_form_fit, "_PROCESSOR_BATCH", 40)
    monkeypatch.setattr(groups, "_CACHE_BYTES", 2 * 2**20)


@pytest.mark.parametrize("order", [[3, 1, 2], "random"], ids=str)
def test_every_state_leads_to_the_same_end(order: Any, tmp_path: Path, small_batches: None) -> None:
    # Three seeds in groups of two and one: pauses fall between replicas, and within one's pass.
    config = SETTINGS | {"seeds": [3, 7, 9], "calibration": 0.1, "task_order": order}
    if order == "random":
        config |= {"classes_per_task": 3}
    whole = Recorder(tmp_path / "whole", every=2)
    expected = run_from(config, whole)
    assert len(whole.states) > 12
    for state in whole.states[1 :: len(whole.states) // 4]:
        found = run_from(config, Keeper(), state)
        assert found.metrics.equals(expected.metrics)
        assert found.weights.keys() == expected.weights.keys()
        for name, own in expected.weights.items():
            np.testing.assert_array_equal(found.weights[name], own)


def test_a_pause_after_every_batch_is_no_standstill(tmp_path: Path, small_batches: None) -> None:
    config = SETTINGS | {"seeds": [3, 7]}
    found, expected = run_from(config, Recorder(tmp_path / "x", every=1)), _run(seeds=[3, 7])
    assert found.metrics.equals(expected.metrics)


def test_a_seed_alone_or_among_others_has_the_same_bits(small_batches: None) -> None:
    among, alone = _run(seeds="3,7", task_order="random"), _run(seeds="7,", task_order="random")
    for name, own in alone.scores.items():
        np.testing.assert_array_equal(among.scores[name][1], own[0])


def test_a_task_is_learnt_from_all_its_samples_in_one_pass() -> None:
    scenario = small_scenario((3, 1, 2))
    strategy = prepared(Strategy, scenario, [0], "gaussians")
    losses = learn(strategy, [scenario], [0], [1, 2])
    assert all(bool(loss.isnan().all()) for loss in losses), "there is none"
    counts = [float(len(task.indices)) for task in scenario.tasks[:2]]
    concepts: Any = strategy.model.concepts
    assert concepts.counts.tolist() == [counts]


@pytest.mark.parametrize("name", ["upper", "joint"])
def test_what_sees_all_tasks_again_learns_them_as_one(name: str) -> None:
    scenario = small_scenario((3, 1, 2))
    strategy = prepared(find_strategy(name), scenario, [0], "gaussians")
    learn(strategy, [scenario], [0])
    concepts: Any = strategy.model.concepts
    assert concepts.counts.tolist()[0][0] == sum(len(task.indices) for task in scenario.tasks)
    assert int((concepts.counts > 0).sum()) == 1


@pytest.mark.parametrize(
    ("strategy", "why"),
    [
        ("replay", "acts on steps of training (`extend`)"),
        ("ewc", "acts on steps of training (`penalty`)"),
        ("avalanche:Naive", "by a loop of its own"),
    ],
)
def test_a_strategy_that_acts_on_steps_is_refused(strategy: str, why: str) -> None:
    with pytest.raises(InputError) as refused:
        prepare(_config(strategy=strategy))
    message = str(refused.value)
    assert message.startswith("Expected a strategy that chooses which samples are seen, such as ")
    assert why in message


def test_epochs_do_not_apply_and_it_says_so() -> None:
    config = resolve(_config(epochs=7))
    assert config.epochs == 1
    assert "epochs, steps, batch size and learning rate do not apply" in str(config.dataset_note)
    assert config == resolve(_config(epochs=3))


def test_samples_without_finite_features_end_their_replica_alone() -> None:
    scenario = small_scenario()
    strategy = prepared(Strategy, scenario, [0, 1], "gaussians")
    strategy.model.map.biases[1] = float("nan")  # type: ignore[union-attr]
    learn(strategy, [scenario] * 2, [0, 1], [1])
    training = closed_form_fit.OnePass(
        strategy, [scenario.tasks[1].indices] * 2, [torch.empty(0)] * 2
    )
    training.run(lambda *_: None)
    assert training.failed == {1: (2, "a feature")}


@pytest.mark.parametrize("merge", [0.0, 0.5])
def test_a_detector_of_replicas_that_keep_unlike_numbers_scores_as_it_did(
    merge: float, tmp_path: Path, small_batches: None
) -> None:
    # With several tasks of few classes, some replicas join concepts, and others do not.
    config = SETTINGS | {"seeds": [3, 7, 9], "task_order": "random", "classes_per_task": 3}
    config |= {"model_options": {"features": "pixels", "components": 4, "merge": merge}}
    run = Run(prepare(RunConfig(**config)))
    expected = run.execute(Progress()).scores["auto-margin"][:, -1]
    x = load_dataset("digits").test
    run.detector.save(tmp_path / "kept")
    loaded = Detector.load(tmp_path / "kept")
    test = run.plan.scenarios[0].test_indices
    np.testing.assert_array_equal(loaded.score(x.stored[test].numpy()), expected)
    for place, seed in enumerate((3, 7, 9)):
        alone = loaded.replica(seed)
        np.testing.assert_array_equal(alone.score(x.stored[test].numpy()), expected[place])
        found = alone.nearest_tasks(x.stored[test].numpy())
        np.testing.assert_array_equal(found, loaded.nearest_tasks(x.stored[test].numpy())[place])
