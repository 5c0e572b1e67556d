"""A run that goes on is the run that was never interrupted, to the last bit."""

from pathlib import Path
from typing import Any

import pytest
import torch

from cl_anomaly.core.state import State
from cl_anomaly.models.vae import VAE
from cl_anomaly.runs.checkpointing import Keeper
from cl_anomaly.strategies import strategies
from cl_anomaly.training import groups
from tests.support.resuming import Recorder, run_from

# A small model: every strategy goes on from a dozen states.
HIDDEN = (32,)
SETTINGS = {
    "dataset": "digits",
    "epochs": 5,
    "device": "cpu",
    "model_options": {"beta": 0.5, "hidden_sizes": HIDDEN},
}


def _position(state: State) -> tuple[Any, ...]:
    own = state.values["groups"]["groups"]
    return (state.values["task"], *(group.get("training", {}).get("done") for group in own))


def _same_state(one: State, other: State) -> None:
    assert one.tensors.keys() == other.tensors.keys()
    for name, tensor in one.tensors.items():
        assert torch.equal(tensor, other.tensors[name]), name


@pytest.fixture
def two_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    weights_of_one = sum(p.numel() for p in VAE((8, 8), [0], hidden_sizes=HIDDEN).parameters())
    monkeypatch.setattr(groups, "_CACHE_BYTES", 16 * weights_of_one * 2)


def test_what_scores_keep_goes_on(tmp_path: Path, two_groups: None) -> None:
    config = SETTINGS | {"strategy": "lower", "seeds": [3, 7, 9], "task_order": [3, 1, 2]}
    config |= {"epochs": 1, "score": ["nap", "mahalanobis"]}
    whole = Recorder(tmp_path / "whole", every=7)
    expected = run_from(config, whole)
    assert len(whole.states) > 3
    for state in whole.states[::2]:
        found = run_from(config, Keeper(), state)
        assert found.metrics.equals(expected.metrics)
        assert found.statistics.keys() == expected.statistics.keys()
        for name, own in expected.statistics.items():
            assert (found.statistics[name] == own).all(), name


# Random orders are the harder case; a given one is tried where least and most is kept.
_ORDERS = [*((name, "random") for name in strategies()), ("lower", "given"), ("gr", "given")]


@pytest.mark.parametrize(("name", "order"), _ORDERS)
def test_every_state_leads_to_the_same_end(
    name: str, order: str, tmp_path: Path, two_groups: None
) -> None:
    # Three seeds in groups of two and one; with random orders, replicas end tasks at unlike steps.
    tasks = {"task_order": [3, 1, 2]} if order == "given" else {"classes_per_task": 3}
    config = SETTINGS | {"strategy": name, "seeds": [3, 7, 9], "task_order": order} | tasks
    config["epochs"] = 2
    if order == "random":
        config["task_order"] = "random"
    whole = Recorder(tmp_path / "whole", every=7)
    expected = run_from(config, whole)
    positions = {_position(state): state for state in whole.states}
    assert len(whole.states) > 8
    for state in whole.states[:: max(1, len(whole.states) // 6)]:
        again = Recorder(tmp_path / "again", every=1000)
        found = run_from(config, again, state)
        assert found.metrics.equals(expected.metrics)
        for weights in expected.weights:
            assert (found.weights[weights] == expected.weights[weights]).all(), weights
        # At each task's end: model, what the strategy keeps, and scores.
        for later in again.states:
            _same_state(later, positions[_position(later)])


@pytest.mark.parametrize("name", strategies())
def test_optimiser_and_generators_go_on_where_they_were(name: str, tmp_path: Path) -> None:
    config = SETTINGS | {"strategy": name, "seeds": [3, 7], "task_order": [1, 2], "epochs": 20}
    whole, again = (Recorder(tmp_path / place, every=9) for place in ("whole", "again"))
    run_from(config, whole)
    middle = next(
        place
        for place, state in enumerate(whole.states)
        if state.values["task"] == 2 and "training" in state.values["groups"]["groups"][0]
    )
    run_from(config, again, whole.states[middle])
    rest = whole.states[middle + 1 :]
    assert len(again.states) == len(rest) > 2
    assert any("adam" in key for key in rest[0].tensors)
    assert any("generators" in key for key in rest[0].tensors)
    assert any("before" in key for key in rest[0].tensors)
    for one, other in zip(rest, again.states, strict=True):
        assert _position(one) == _position(other)
        _same_state(one, other)


def test_other_threads_do_not_change_the_groups(
    tmp_path: Path, two_groups: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = SETTINGS | {"strategy": "gr", "seeds": 3, "task_order": [1, 2]}
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    whole = Recorder(tmp_path / "whole", every=20)
    expected = run_from(config, whole)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    found = run_from(config, Keeper(), whole.states[1])
    assert found.metrics.equals(expected.metrics)
