"""What cannot be seen at every step is found before a task's first."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from cl_anomaly.core.errors import RunError
from cl_anomaly.core.randomness import StepRandom
from cl_anomaly.core.state import PauseReason
from cl_anomaly.store.status import status_of
from cl_anomaly.strategies import Strategy, strategies
from cl_anomaly.training import learner as learner_module
from cl_anomaly.training.learner import Learner
from tests.support.command import SMALL, cli
from tests.support.learning import SETTINGS, learn, prepare, small_scenario, weights

SEEDS = [3, 7, 9]


class Given(Strategy):
    """Gives from each hook what a test wants."""

    def __init__(self, extend: Any = None, penalty: Any = None, task: int = 1) -> None:
        self.given, self.task = (extend, penalty), task

    def extend(self, x: Tensor) -> Tensor:
        own = self.given[0]
        return own(self, x) if own and self.task_number == self.task else x

    def penalty(self, x: Tensor) -> Tensor | float:
        own = self.given[1]
        return own(self) if own and self.task_number == self.task else 0.0


def _begin(strategy: Strategy, seeds: list[int] = SEEDS, number: int = 1) -> Learner:
    scenario = small_scenario()
    learner = Learner(prepare(strategy, scenario, seeds), seeds, [scenario] * len(seeds), SETTINGS)
    learner.begin(number)
    return learner


def _weight(strategy: Strategy) -> Tensor:
    return next(iter(strategy.model.parameters()))


def _of_weights(strategy: Strategy) -> Tensor:
    return _weight(strategy).square().flatten(1).sum(1)


def _noisy(strategy: Strategy, x: Tensor) -> Tensor:
    drawn = strategy.random.normal(4, *x.shape[2:])
    return torch.cat([x, drawn.sigmoid()], dim=1)


@pytest.mark.parametrize("seeds", [[3], SEEDS])
@pytest.mark.parametrize(
    ("extend", "words"),
    [
        (lambda s, x: x * 100 - 5, r"the model's range, 0 to 1, but in task 1 it gave 1\d\S+ to 3"),
        (lambda s, x: x - 0.5, r"gave -0\.\d+ to -0\.\d"),
        (lambda s, x: torch.cat([x, 1.1 + 0 * x], 1), r"gave 0\S+ to 1\.1"),
        (lambda s, x: x / 0, "finite numbers, but in task 1"),
        (lambda s, x: torch.cat([x, x[:, :1] * float("nan")], 1), r"of \d+ were not"),
        (lambda s, x: torch.cat([x, torch.rand(len(x), 2, 3, 3)], 1), "`self.random` alone"),
    ],
)
def test_values_that_extend_must_not_give(extend: Any, words: str, seeds: list[int]) -> None:
    with pytest.raises(RunError, match=f"Given.extend .*{words}"):
        _begin(Given(extend), seeds)


def _drawn_for_others(strategy: Strategy, x: Tensor) -> Tensor:
    return torch.cat([x, strategy.random.normal(4, 3, 3).sigmoid().roll(1, 0)], dim=1)


def _picked_for_others(strategy: Strategy, x: Tensor) -> Tensor:
    picked = strategy.random.integers(5, 4).float() / 5
    return torch.cat([x, picked[:, :, None, None].expand(-1, -1, 3, 3).flip(0)], dim=1)


@pytest.mark.parametrize(
    "extend",
    [
        lambda s, x: x.flip(0),
        lambda s, x: torch.cat([x, x.roll(1, 0)], 1),
        lambda s, x: torch.cat([x, x[:1].expand_as(x)], 1),
        lambda s, x: torch.cat([x, x.mean(0, keepdim=True).expand_as(x)], 1),
        lambda s, x: x[torch.randperm(len(x), generator=torch.Generator().manual_seed(1))],
        lambda s, x: x[:, : 1 + int(4 * x[0].mean())],
        _drawn_for_others,
        _picked_for_others,
    ],
)
def test_extend_that_mixes_replicas(extend: Any) -> None:
    with pytest.raises(
        RunError, match="Given.extend gives for a replica .*in task 1 it depends on"
    ):
        _begin(Given(extend))


@pytest.mark.parametrize("replicas", [2, 3, 4, 7])
def test_any_two_mixed_replicas_are_found(replicas: int) -> None:
    for one in range(replicas):
        other = (one + 1) % replicas

        def extend(strategy: Strategy, x: Tensor, one: int = one, other: int = other) -> Tensor:
            mixed = x.clone()
            mixed[one] = x[other]
            return mixed

        with pytest.raises(RunError, match="mixed"):
            _begin(Given(extend), list(range(replicas)))


@pytest.mark.parametrize(
    ("penalty", "words"),
    [
        (lambda s: _of_weights(s).flip(0), "Given.penalty gives for a replica .* mixed"),
        (lambda s: _of_weights(s).mean() + _of_weights(s), "Given.penalty .* mixed"),
        (lambda s: _of_weights(s) * s.random.normal(1)[:, 0].flip(0), "Given.penalty .* mixed"),
        (lambda s: _of_weights(s) * s.random.normal(1).sum(), "Given.penalty .* mixed"),
        (lambda s: _of_weights(s) / 0, "Given.penalty to give finite .*task 1 3 of 3 were not"),
        (lambda s: float("nan"), "Given.penalty to give finite"),
        (lambda s: _of_weights(s) * torch.rand(3), "Given.penalty .*`self.random` alone"),
    ],
)
def test_penalty_that_is_wrong(penalty: Any, words: str) -> None:
    with pytest.raises(RunError, match=words):
        _begin(Given(penalty=penalty))


@pytest.mark.parametrize(
    ("extend", "penalty"),
    [
        (_noisy, None),
        (_noisy, _of_weights),
        (lambda s, x: torch.cat([x, x.flip(1)], 1), lambda s: _of_weights(s).detach()),
        (lambda s, x: x[:, :3], lambda s: 2),
        (lambda s, x: x.clamp_(0.2, 0.8), lambda s: _of_weights(s) * s.random.normal(1)[:, 0]),
    ],
)
def test_what_keeps_to_its_replica_may_be_given(extend: Any, penalty: Any) -> None:
    _begin(Given(extend, penalty))


def test_it_is_asked_again_before_every_task() -> None:
    strategy, scenario = Given(lambda s, x: x.flip(0), task=2), small_scenario()
    prepare(strategy, scenario, SEEDS)
    learn(strategy, [scenario] * 3, SEEDS, 1)
    before = weights(strategy)
    with pytest.raises(RunError, match="in task 2"):
        learn(strategy, [scenario] * 3, SEEDS, 2)
    assert all(torch.equal(a, b) for a, b in zip(before, weights(strategy), strict=True))


class Careless(Strategy):
    """Changes what it holds and what it draws, and draws now and then alone."""

    def __init__(self) -> None:
        self.steps, self.seen = 0, []
        self.memory = torch.zeros(3, 2, 3, 3)

    def extend(self, x: Tensor) -> Tensor:
        self.steps += 1
        self.seen.append(self.steps)
        drawn = self.random.normal(2, 3, 3).mul_(0.5).sigmoid()
        self.memory = self.memory + drawn
        picked = self.random.integers(4, 2)
        return torch.cat([x, drawn, self.samples.batch(picked + 12)], dim=1)

    def penalty(self, x: Tensor) -> Tensor:
        return _of_weights(self) * self.random.normal(1).square()[:, 0]


@pytest.mark.parametrize("make", [*strategies().values(), Careless])
def test_nothing_is_left_of_it(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario, ends = small_scenario(), []
    for rehearsed in (True, False):
        if not rehearsed:
            monkeypatch.setattr(learner_module, "rehearse", lambda *_: None)
        strategy = prepare(make(), scenario, SEEDS)
        losses: list[Tensor] = []
        for number in (1, 2, 3):
            learn(strategy, [scenario] * 3, SEEDS, number, losses)
        ends.append([*losses, *weights(strategy), torch.tensor(vars(strategy).get("steps", 0))])
    for one, other in zip(*ends, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("make", [*strategies().values(), Careless])
def test_nothing_is_left_of_it_where_a_task_is_resumed(make: Any) -> None:
    scenario = small_scenario()
    whole, begun, resumed = (prepare(make(), scenario, SEEDS) for _ in range(3))
    for strategy in (whole, begun):
        learn(strategy, [scenario] * 3, SEEDS, 1)
    learn(whole, [scenario] * 3, SEEDS, 2)
    steps = []
    first, second = (Learner(s, SEEDS, [scenario] * 3, SETTINGS) for s in (begun, resumed))
    first.begin(2)
    first.train(
        lambda step, *_: steps.append(step),
        lambda: PauseReason.END if len(steps) == 3 else PauseReason.NONE,
    )
    assert steps == [1, 2, 3]
    if make is Careless:
        begun.state_dict = lambda: {}
        resumed.steps, resumed.seen = 5 + 3, []  # type: ignore[attr-defined]
    second.restore(first.state(), 2)
    second.train(lambda *_: None)
    second.conclude()
    for one, other in zip(weights(whole), weights(resumed), strict=True):
        assert torch.equal(one, other)


def test_a_replica_that_has_failed_says_nothing_of_the_strategy() -> None:
    scenario = small_scenario()
    strategy = prepare(strategies()["gr"](), scenario, SEEDS)
    learn(strategy, [scenario] * 3, SEEDS, 1)
    with torch.no_grad():
        for parameter in strategy.model.parameters():
            parameter[1] = float("nan")
    strategy.after_task([])
    losses: list[Tensor] = []
    learn(strategy, [scenario] * 3, SEEDS, 2, losses)
    assert torch.stack(losses).isfinite().all(0).tolist() == [True, False, True]


def test_a_replica_alone_that_is_not_finite_ends_alone() -> None:
    def extend(strategy: Strategy, x: Tensor) -> Tensor:
        return torch.stack([x[0], x[1] * float("nan"), x[2]])

    learner = _begin(Given(extend))
    learner.train(lambda *_: None)
    assert learner.training.failed == {1: (1, "its loss")}


def test_steps_can_be_made_again_and_undone() -> None:
    ours, theirs = (StepRandom([3, 7], "test") for _ in range(2))
    with ours.undone():
        first = [ours.normal(4).mul_(2).clone() / 2, ours.integers(10, 3).clone()]
        ours.repeat_step()
        assert torch.equal(ours.normal(4), first[0]) and torch.equal(ours.integers(10, 3), first[1])
        ours.repeat_step(torch.tensor([False, True]))
        assert torch.equal(ours.normal(4), first[0] * torch.tensor([[1], [-1]]))
        assert torch.equal(ours.integers(10, 3)[1], 9 - first[1][1])
        ours.normal(7)
    for random in (ours, theirs):
        random.normal(2)
        random.next_step()
    assert torch.equal(ours.normal(2), theirs.normal(2))
    assert torch.equal(ours.integers(5, 2), theirs.integers(5, 2))


MIXING = """
from cl_anomaly.strategies import Strategy


class Mixing(Strategy):
    def extend(self, x):
        return x.flip(0)


class Scaling(Strategy):
    def extend(self, x):
        return x * 100 - 5


class Empty(Strategy):
    def extend(self, x):
        return x[:, :0]
"""


@pytest.mark.parametrize("name", ["Mixing", "Scaling", "Empty"])
def test_the_command_says_so_and_fails(name: str, tmp_path: Path) -> None:
    file, out = tmp_path / "mixing.py", tmp_path / "results"
    file.write_text(MIXING)
    flags = ("--strategy", f"{file}:{name}", "--seeds", "2", "--out", out, "--quiet")
    done = cli("run", *SMALL, *flags)
    (folder,) = out.iterdir()
    status = status_of(folder)
    assert (done.code, status.name) == (1, "failed")
    assert f"{name}.extend" in status.why[0]
    assert "learning rate" not in done.err
