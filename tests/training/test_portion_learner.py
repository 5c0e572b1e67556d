"""Training on a stream without boundaries."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from cl_anomaly.api import run
from cl_anomaly.core.errors import RunError
from cl_anomaly.core.progress import Progress
from cl_anomaly.core.randomness import StepRandom, generator
from cl_anomaly.plan.build import prepare
from cl_anomaly.plan.plan import Plan
from cl_anomaly.results.run_folder import RunFolder
from cl_anomaly.runs.run import Run
from cl_anomaly.scenarios.base import Task
from cl_anomaly.scenarios.portions import Portioned, arrival_of, in_portions, rhythm
from cl_anomaly.settings.run_config import RunConfig
from cl_anomaly.strategies import Strategy
from cl_anomaly.strategies.joint import Joint
from cl_anomaly.strategies.lower import Lower
from cl_anomaly.training.portion_learner import PortionLearner
from tests.support.learning import SETTINGS, small_scenario
from tests.support.learning import prepare as prepared

AGNOSTIC: dict[str, Any] = {
    "dataset": "digits",
    "stream": "concept-agnostic",
    "portion": 100,
    "score": "mse",
    "device": "cpu",
    "precision": "float32",
    "model_options": {"hidden_sizes": (16,), "latent_size": 4},
}


def agnostic(**own: Any) -> RunConfig:
    return RunConfig(**{**AGNOSTIC, **own})


# Of each that needs no boundaries.
FREE: list[dict[str, Any]] = [
    {"strategy": "lower"},
    {"strategy": "upper"},
    {"strategy": "joint"},
    {"strategy": "replay", "strategy_options": {"ratio": 1.0, "samples": 50}},
    {"strategy": "der", "strategy_options": {"samples": 50}},
    {"strategy": "agem", "strategy_options": {"samples": 50}},
]


def executed(plan: Plan) -> RunFolder:
    return Run(plan).execute(Progress())


def moved(scenario: Portioned, shares: Sequence[float]) -> Portioned:
    """The same samples in the same order, among tasks that end elsewhere."""
    arrival = torch.cat([own.indices for own in scenario.portions])
    cuts = [round(share * len(arrival)) for share in shares]
    tasks = tuple(
        replace(task, indices=own)
        for task, own in zip(scenario.tasks, arrival.tensor_split(cuts), strict=True)
    )
    return in_portions(replace(scenario, tasks=tasks), arrival, 100, 0)


@pytest.mark.parametrize("settings", FREE, ids=lambda own: own["strategy"])
def test_where_concepts_end_changes_nothing_that_is_learnt(settings: dict[str, Any]) -> None:
    plan = prepare(agnostic(**settings))
    shares = [0.04, 0.09, 0.3, 0.41, 0.42, 0.6, 0.88, 0.97]
    others = [moved(own, shares) for own in plan.scenarios if isinstance(own, Portioned)]
    one, other = executed(plan), executed(replace(plan, scenarios=[*others]))
    assert isinstance(plan.scenarios[0], Portioned)
    assert plan.scenarios[0].ends != others[0].ends
    for name, own in one.weights.items():
        np.testing.assert_array_equal(own, other.weights[name])
    np.testing.assert_array_equal(one.scores["mse"][:, -1], other.scores["mse"][:, -1])
    assert one.headline["mse"][0, -1] == other.headline["mse"][0, -1]


def table(path: Path, names: Sequence[int]) -> str:
    """Write five classes of a table, each called by another number."""
    numbers, parts = np.random.default_rng(0), []
    for split in ("train", "test"):
        labels = np.repeat(np.arange(5), 70)
        x = numbers.normal(labels[:, None], 0.5, size=(350, 6)).astype(np.float32)
        parts += [(f"x_{split}", x), (f"y_{split}", np.array(names)[labels])]
    np.savez(path, **dict(parts))
    return str(path)


@pytest.mark.parametrize("settings", FREE, ids=lambda own: own["strategy"])
def test_what_concepts_are_called_changes_no_number(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    found = []
    for names in ([0, 1, 2, 3, 4], [3, 0, 4, 2, 1]):
        own: dict[str, Any] = {
            "dataset": table(tmp_path / f"{names[0]}.npz", names),
            "anomaly_class": names[4],
            "task_order": names[:4],
            "calibration": 0.2,
            "seeds": 2,
        }
        found.append(run(agnostic(**settings, **own), progress=False))
    one, other = found
    for name, weights in one.weights.items():
        np.testing.assert_array_equal(weights, other.weights[name])
    np.testing.assert_array_equal(one.scores["mse"], other.scores["mse"])
    np.testing.assert_array_equal(one.s["mse"], other.s["mse"])
    np.testing.assert_array_equal(one.headline["mse"], other.headline["mse"])
    for metric, by_score in one.seen.items():
        np.testing.assert_array_equal(by_score["mse"], other.seen[metric]["mse"])


def learner(strategy: Strategy, size: int) -> tuple[PortionLearner, Portioned]:
    scenario = small_scenario()
    cut = in_portions(scenario, arrival_of(scenario, 0), size, 0)
    settings = replace(SETTINGS, epochs=1)
    return PortionLearner(prepared(strategy, scenario, [7]), [7], [cut], settings), cut


def learnt(learner: PortionLearner, tasks: int) -> list[Tensor]:
    for number in range(1, tasks + 1):
        learner.begin(number)
        learner.train(lambda *_: None)
        learner.conclude()
    return [own.detach().clone() for own in learner.strategy.model.parameters()]


def test_one_adam_makes_one_pass_over_the_whole_stream() -> None:
    ours, cut = learner(Lower(), 16)
    model = deepcopy(ours.strategy.model)
    adam = torch.optim.Adam(model.parameters(), lr=SETTINGS.learning_rate)
    for number, portion in enumerate(cut.portions, 1):
        noise = StepRandom([7], "noise", number)
        order = torch.randperm(len(portion.indices), generator=generator(7, "order", number))
        again = generator(7, "order", number)
        passes = [torch.randperm(len(order), generator=again) for _ in range(2)]
        own = portion.indices[torch.cat(passes)]
        # Two batches of eight; of the last portion, whose rest joined it, four, rounded up.
        for start in range(0, 8 * -(-len(order) // 8), 8):
            noise.next_step()
            x = ours.strategy.samples.batch(own[start : start + 8][None])
            adam.zero_grad()
            model.loss(x, noise).mean().backward()
            adam.step()
    found = learnt(ours, 3)
    for one, other in zip(found, model.parameters(), strict=True):
        torch.testing.assert_close(one, other.detach(), rtol=1e-5, atol=1e-6)


def test_adam_counts_the_steps_of_the_stream_unless_all_begins_anew() -> None:
    # 75 samples in four portions of 16, 16, 16 and 27: two, two, two and four batches.
    for strategy, steps in ((Lower(), 10), (Joint(), 10)):
        ours, _ = learner(strategy, 16)
        learnt(ours, 3)
        adam = ours.state().part("adam")
        # Joint sees 75 samples after the last portion, in ten batches, by an Adam of its own.
        assert {int(own) for name, own in adam.items() if name.endswith("step")} == {steps}
    ours, _ = learner(Joint(), 16)
    ours.begin(1)
    ours.train(lambda *_: None)
    assert {int(v) for k, v in ours.state().part("adam").items() if k.endswith("step")} == {4}


def test_hooks_are_told_portions_and_no_concepts() -> None:
    told: list[Task] = []

    class Asks(Lower):
        needs_boundaries = False

        def before_task(self, tasks: Sequence[Task]) -> None:
            told.extend(tasks)

    ours, cut = learner(Asks(), 16)
    learnt(ours, 3)
    assert told == list(cut.portions)
    assert len(told) == 4


def test_a_concept_is_evaluated_after_the_portion_that_brings_its_last_sample() -> None:
    plan = prepare(agnostic(strategy="lower"))
    whole, scenario = executed(plan), plan.scenarios[0]
    assert isinstance(scenario, Portioned)
    arrival = torch.cat([own.indices for own in scenario.portions])
    for number in (1, 3):
        shown = arrival[: 100 * scenario.ends[number - 1]]  # and the stream is over
        tasks = (replace(scenario.tasks[0], indices=shown),)
        cut = in_portions(replace(scenario, tasks=tasks), shown, 100, 0)
        short = executed(replace(plan, scenarios=[cut]))
        indices = [int(np.flatnonzero(whole.test_indices == i)[0]) for i in short.test_indices]
        expected = whole.scores["mse"][0, number - 1][indices]
        np.testing.assert_array_equal(short.scores["mse"][0, 0], expected)


def test_concepts_that_end_in_one_portion_are_evaluated_after_it() -> None:
    plan = prepare(agnostic(strategy="lower", portion=400))
    result = executed(plan)
    assert isinstance(plan.scenarios[0], Portioned)
    ends = plan.scenarios[0].ends
    assert len(set(ends)) < len(ends)
    for i, j in zip(range(8), range(1, 9), strict=True):
        same = (result.s["mse"][0, i] == result.s["mse"][0, j]).all()
        assert same == (ends[i] == ends[j])


def test_replay_draws_as_many_samples_for_each_new_one_however_many_concepts_have_come() -> None:
    plan = prepare(agnostic(strategy="replay", strategy_options={"ratio": 0.5}, batch_size=20))
    assert isinstance(plan.scenarios[0], Portioned)
    sizes = [len(own.indices) for own in plan.scenarios[0].portions]
    steps = [-(-own // 20) for own in sizes]
    assert executed(plan).cost["samples"] == 20 * steps[0] + 30 * sum(steps[1:])


def test_a_replica_learns_the_same_alone_and_beside_others_of_another_order() -> None:
    settings: dict[str, Any] = {"strategy": "replay", "strategy_options": {"ratio": 1.0}}
    settings |= {"task_order": "random"}
    plan = prepare(agnostic(**settings, seeds=[3, 4, 9]))
    # Concepts of the second and the third order end together, and not with those of the first.
    first, *others = (rhythm(own) for own in plan.scenarios)
    assert first != others[0] == others[1]
    among, alone = executed(plan), run(agnostic(**settings, seeds=[4]), progress=False)
    for name, own in alone.weights.items():
        np.testing.assert_array_equal(own[0], among.weights[name][1])
    np.testing.assert_array_equal(alone.headline["mse"][0], among.headline["mse"][1])


def test_losses_are_means_over_portions_of_each_pass() -> None:
    ours, _ = learner(Lower(), 30)
    ours.begin(1)
    seen: list[float] = []
    ours.train(lambda _done, _steps, loss: seen.append(float(loss)))
    # The first concept has 20 samples: one portion, in four batches.
    assert len(seen) == 4
    assert ours.losses().flatten().tolist() == pytest.approx([np.mean(seen)])
    ours.conclude()
    assert ours.losses().flatten().tolist() == pytest.approx([np.mean(seen)])


def test_steps_are_counted_and_foreseen() -> None:
    for strategy, counts in ((Lower(), [4, 4, 2]), (Joint(), [2 + 4, 6 + 8, 10])):
        ours, cut = learner(strategy, 16)
        assert cut.ends == (2, 4, 4)
        for number, count in enumerate([counts[0], sum(counts[1:]), 0], 1):
            told: list[tuple[int, int]] = []
            ours.begin(number)
            ours.train(lambda done, steps, _loss, told=told: told.append((done, steps)))
            ours.conclude()
            if isinstance(strategy, Lower):
                assert told == [(n, count) for n in range(1, count + 1)]
            assert [done for done, _ in told] == list(range(1, len(told) + 1))
            assert {steps for _, steps in told} <= {len(told)}


class Breaks(Strategy):
    """Spoils one replica in the fourth portion."""

    def penalty(self, x: Tensor) -> Tensor:
        own = torch.zeros(len(x))
        if self.task_number == 4:
            own[0] = torch.nan
        return own


def test_a_replica_that_fails_is_left_out_and_the_others_go_on() -> None:
    plan = prepare(agnostic(strategy=Breaks, seeds=2, batch_size=20))
    result = executed(plan)
    (failure,) = result.failures
    assert isinstance(plan.scenarios[0], Portioned)
    ends = plan.scenarios[0].ends
    task = next(number for number, end in enumerate(ends, 1) if end >= 4)
    assert (failure.seed, failure.task, failure.what) == (0, task, "its loss")
    # Five batches of each of the concept's portions that came before, and the first.
    assert failure.step == 5 * (4 - 1 - ends[task - 2]) + 1
    assert np.isnan(result.headline["mse"][0, task - 1 :]).all()
    assert np.isfinite(result.headline["mse"][1]).all()


def test_a_strategy_that_sees_unlike_numbers_of_samples_is_refused_by_name() -> None:
    class Unlike(Lower):
        def training_indices(self, task: Task, seen: Sequence[Task]) -> Tensor:
            return task.indices[: 3 + 8 * int(task.indices[0] % 2)]

    scenario = small_scenario()
    cuts = [in_portions(scenario, arrival_of(scenario, seed), 16, 0) for seed in range(6)]
    strategy = prepared(Unlike(), scenario, list(range(6)))
    ours = PortionLearner(strategy, list(range(6)), cuts, replace(SETTINGS, epochs=1))
    ours.begin(1)
    with pytest.raises(RunError, match=r"Unlike.training_indices to give as many .* portion 1"):
        ours.train(lambda *_: None)


def test_concepts_that_end_with_the_same_portion_have_the_same_thresholds() -> None:
    settings: dict[str, Any] = {"strategy_options": {"ratio": 1.0}, "portion": 200, "seeds": 1}
    plan = prepare(agnostic(strategy="replay", calibration=0.2, **settings))
    assert isinstance(plan.scenarios[0], Portioned)
    ends, table = plan.scenarios[0].ends, executed(plan).threshold_tables["thresholds.csv"]
    own = table[(table["score"] == "mse") & (table["target_fpr"] == 0.05)]
    thresholds = own.set_index("task")["threshold"].to_dict()
    assert len(set(ends)) < len(ends)
    for task in range(1, len(ends)):
        same = thresholds[task] == thresholds[task + 1]
        assert same == (ends[task - 1] == ends[task])
