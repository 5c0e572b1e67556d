"""What a run is going to cost: which measurements are shared."""

from typing import Any

import pytest

from cl_anomaly.config import RunConfig
from cl_anomaly.runs import estimates
from cl_anomaly.runs.build import Plan, prepare
from cl_anomaly.runs.cost import new_samples
from cl_anomaly.runs.estimates import estimated


def plan(**settings: Any) -> Plan:
    own: dict[str, Any] = {"strategy": "ewc", "dataset": "digits", "device": "cpu", "epochs": 2}
    own["task_order"] = [1, 2]
    own.update(settings)
    return prepare(RunConfig(**own))


@pytest.fixture
def probed(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """Plans whose first steps were timed: it is made up that each of them takes 7 seconds."""
    seen: list[Plan] = []

    def probe(own: Plan) -> float:
        seen.append(own)
        return 7.0

    monkeypatch.setattr(estimates, "_probed", probe)
    return seen


def test_runs_that_differ_in_what_costs_nothing_share_a_probe(probed: list[Plan]) -> None:
    rates: dict[str, float] = {}
    first = estimated(plan(), rates)
    assert (first.seconds, first.source) == (7.0, "a probe")
    longer = plan(epochs=6, strategy_options={"lam": 3.0})
    second = estimated(longer, rates)
    assert second.source == "a probe of one like it"
    assert second.seconds == pytest.approx(7.0 * new_samples(longer) / new_samples(plan()))
    assert second.seconds == pytest.approx(21.0)
    assert len(probed) == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"strategy": "lower"},
        {"batch_size": 16},
        {"model": "ae"},
        {"model_options": {"latent_size": 3}},
        {"seeds": 2},
        {"task_order": [1, 2, 3]},
    ],
)
def test_others_have_a_probe_of_their_own(probed: list[Plan], settings: dict[str, Any]) -> None:
    rates: dict[str, float] = {}
    estimated(plan(), rates)
    assert estimated(plan(**settings), rates).source == "a probe"
    assert len(probed) == 2


def test_options_that_make_batches_longer_are_told_apart(probed: list[Plan]) -> None:
    rates: dict[str, float] = {}
    for ratio in ("proportional", 1.0):
        own = plan(strategy="gr", strategy_options={"ratio": ratio})
        assert estimated(own, rates).source == "a probe"
    assert len(probed) == 2
