"""A small model for each task: sizes, what is trained, and what is kept."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cl_anomaly import Detector, RunConfig
from cl_anomaly.core.errors import InputError
from cl_anomaly.core.progress import Progress
from cl_anomaly.models.conv_ae import ConvAE
from cl_anomaly.models.experts import Experts
from cl_anomaly.models.vae import VAE
from cl_anomaly.plan.build import prepare
from cl_anomaly.runs.checkpointing import Keeper
from cl_anomaly.runs.run import Run
from tests.support.resuming import Recorder, run_from

SETTINGS: dict[str, Any] = {
    "model": "experts",
    "model_options": {"expert": "ae", "options": {"latent_size": 4}, "tasks": 3},
    "strategy": "lower",
    "dataset": "digits",
    "device": "cpu",
    "epochs": 3,
    "task_order": [3, 1, 2],
}


def _config(**settings: Any) -> RunConfig:
    return RunConfig(**SETTINGS | settings)


def _bytes(model: torch.nn.Module) -> int:
    return sum(own.numel() * own.element_size() for own in model.state_dict().values())


@pytest.mark.parametrize(
    ("expert", "one"), [("vae", VAE((28, 28), [0])), ("conv-ae", ConvAE((28, 28), [0]))]
)
def test_all_together_take_the_bytes_of_one(expert: str, one: torch.nn.Module) -> None:
    model = Experts((28, 28), [0], expert, None, 9)
    model.begin_task(9)
    assert len(model.experts) == 9
    assert 0.9 * _bytes(one) < _bytes(model) <= _bytes(one)


@pytest.mark.parametrize("tasks", [2, 5, 9, 30])
def test_an_expert_is_the_largest_that_fits(tasks: int) -> None:
    # An autoencoder 6-h-3-h-6 has 6h + h, 3h + 3, 3h + h and 6h + 6 numbers: 20 h + 9.
    options = {"latent_size": 3, "hidden_sizes": (50,)}
    weight = next(Experts((6,), [0], "ae", options, tasks).named_parameters())[1]
    assert weight.shape[2] == ((20 * 50 + 9) / tasks - 9) // 20


def test_an_expert_has_a_unit_in_every_layer() -> None:
    expert = Experts((6,), [0], "ae", {"latent_size": 3, "hidden_sizes": (50, 2)}, 1000)
    shapes = [tuple(own.shape) for name, own in expert.named_parameters() if "weight" in name]
    assert shapes == [(1, 6, 1), (1, 1, 1), (1, 1, 3), (1, 3, 1), (1, 1, 1), (1, 1, 6)]


def test_with_one_task_an_expert_is_the_model_itself() -> None:
    model = Experts((8, 8), [0, 1], "vae", {"hidden_sizes": [12]}, 1)
    alone = VAE((8, 8), [0, 1], hidden_sizes=(12,))
    x = torch.rand(2, 5, 8, 8)
    expected = (alone.reconstruct(x).means - x).square().flatten(2).mean(2)
    assert torch.equal(model.reconstruct(x).distances[..., 0], expected)


def test_a_task_trains_its_own_expert_alone() -> None:
    run = Run(prepare(_config(score="least")))
    run.detector.learn(1)
    first = {k: v.clone() for k, v in run.detector.weights().items()}
    run.detector.learn(2)
    weights = run.detector.weights()
    for name, own in first.items():
        assert torch.equal(weights[name], own), name
    assert {name.split(".")[1] for name in weights} == {"0", "1"}
    x = run.plan.dataset.train.stored[run.plan.scenarios[0].tasks[1].indices].numpy()
    nearest = run.detector.nearest_tasks(x)
    assert (nearest[:, 0] == 2).mean() > 0.6 and set(nearest.sum(1).tolist()) == {3}


def test_every_state_leads_to_the_same_end(tmp_path: Path) -> None:
    config = SETTINGS | {"seeds": [3, 7]}
    whole = Recorder(tmp_path / "whole", every=7)
    expected = run_from(config, whole)
    assert len(whole.states) > 6
    for state in whole.states[::2]:
        found = run_from(config, Keeper(), state)
        for name, own in expected.weights.items():
            np.testing.assert_array_equal(found.weights[name], own)


def test_a_loaded_detector_scores_as_it_did(tmp_path: Path) -> None:
    run = Run(prepare(_config()))
    expected = run.execute(Progress()).scores["auto-margin"][0, -1]
    run.detector.save(tmp_path / "kept")
    x = run.plan.dataset.test.stored[run.plan.scenarios[0].test_indices].numpy()
    np.testing.assert_array_equal(Detector.load(tmp_path / "kept").score(x), expected)


def test_a_strategy_that_holds_weights_is_refused() -> None:
    with pytest.raises(InputError, match="in which tasks share no weights, but ewc acts on steps"):
        prepare(_config(strategy="ewc"))


@pytest.mark.parametrize("expert", ["flow", "gaussians", "experts"])
def test_what_says_no_error_is_no_expert(expert: str) -> None:
    with pytest.raises(InputError, match=f"but {expert} cannot"):
        Experts((8, 8), [0], expert)


@pytest.mark.parametrize("options", [{"hidden": 3}, {"seeds": [1]}], ids=str)
def test_an_option_that_the_expert_does_not_have_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="Expected options of vae"):
        Experts((8, 8), [0], "vae", options)
