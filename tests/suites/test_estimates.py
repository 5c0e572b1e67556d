"""What a run is going to cost: which measurements are shared."""

from typing import Any

import pytest

from cl_anomaly.plan.build import Plan, prepare
from cl_anomaly.runs.measured_cost import new_samples
from cl_anomaly.settings.run_config import RunConfig
from cl_anomaly.suites import estimates
from cl_anomaly.suites.estimates import Estimate, estimated, wall_seconds


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


def test_steps_and_epochs_share_no_probe(probed: list[Plan]) -> None:
    rates: dict[str, float] = {}
    estimated(plan(strategy="upper"), rates)
    own = plan(strategy="upper", epochs=None, steps=10)
    assert estimated(own, rates).source == "a probe"
    twice = estimated(plan(strategy="upper", epochs=None, steps=20), rates)
    assert (twice.seconds, twice.source) == (pytest.approx(14.0), "a probe of one like it")


def test_a_rate_of_finished_runs_is_multiplied_by_the_samples(probed: list[Plan]) -> None:
    own = plan()
    rates = {estimates._key(own.config.to_dict()): 0.5}
    # Classes 1 and 2 of digits, 70 % of them to train on, twice.
    samples = 2 * sum(len(task.indices) for task in own.scenarios[0].tasks)
    found = estimated(own, rates)
    assert (found.seconds, found.source) == (pytest.approx(0.5 * samples), "the same run's rate")
    assert not probed


@pytest.mark.parametrize(("workers", "seconds"), [(1, 60.0), (2, 40.0), (3, 30.0), (9, 30.0)])
def test_workers_share_runs_in_their_order(workers: int, seconds: float) -> None:
    # 10, 20 and 30 by two: one takes 10 and then 30, the other 20.
    own = [Estimate(each, "made up") for each in (10.0, 20.0, 30.0)]
    assert wall_seconds(own, workers) == seconds


def test_nothing_to_do_takes_no_time() -> None:
    assert wall_seconds([], 4) == 0.0
