"""A run in portions that goes on is the run that was never interrupted, to the last bit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cl_anomaly.core.state import State
from cl_anomaly.runs.checkpointing import Keeper
from cl_anomaly.strategies.lower import Lower
from tests.support.resuming import Recorder, run_from
from tests.training.test_portion_learner import AGNOSTIC, FREE, learner, learnt


@pytest.mark.parametrize("settings", FREE, ids=lambda own: own["strategy"])
def test_every_state_leads_to_the_same_end(settings: dict[str, Any], tmp_path: Path) -> None:
    config = AGNOSTIC | settings | {"seeds": [3, 4], "task_order": "random", "calibration": 0.1}
    config |= {"epochs": 2}
    whole = Recorder(tmp_path / "whole", every=5)
    expected = run_from(config, whole)
    first = [state.values["groups"]["groups"] for state in whole.states]
    assert {len(groups) for groups in first} == {2}
    # Within a portion, and between two concepts.
    kinds = {(groups[0]["walk"]["has_begun"], "training" in groups[0]) for groups in first}
    assert kinds >= {(True, True), (False, False)}
    for state in whole.states[1 :: len(whole.states) // 4]:
        found = run_from(config, Keeper(), state)
        assert found.metrics.equals(expected.metrics)
        for name, own in expected.weights.items():
            np.testing.assert_array_equal(found.weights[name], own)
        assert found.losses.equals(expected.losses)
        assert found.cost["samples"] == expected.cost["samples"]


def test_a_concept_that_has_begun_and_made_no_step_goes_on() -> None:
    # As of a group that is asked to pause before its turn.
    one, _ = learner(Lower(), 16)
    other, _ = learner(Lower(), 16)
    learnt(one, 1)
    one.begin(2)
    state = one.state()
    assert state.values["walk"]["has_begun"] and "training" not in state.values
    copied = State(state.values, {name: own.clone() for name, own in state.tensors.items()})
    other.restore(copied, 2)
    for ours in (one, other):
        ours.train(lambda *_: None)
        ours.conclude()
        ours.begin(3)
        ours.train(lambda *_: None)
    pairs = zip(one.strategy.model.parameters(), other.strategy.model.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert torch.equal(one.losses(), other.losses()) or one.losses().isnan().all()
