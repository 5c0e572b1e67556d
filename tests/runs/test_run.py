"""What a run hands on to its parts."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from cl_anomaly import RunConfig, RunFolder, run
from cl_anomaly.core.machine import choose_precision
from cl_anomaly.core.progress import Progress
from cl_anomaly.core.randomness import ReplicaRandom, StepRandom
from cl_anomaly.models.vae import VAE
from cl_anomaly.plan.build import prepare
from cl_anomaly.runs.run import Run
from cl_anomaly.strategies import Strategy
from cl_anomaly.training import groups
from tests.support.learning import weights


class _Spy(Strategy):
    """Notes, for each task, what a run gives it."""

    def __init__(self) -> None:
        self.visible: list[tuple[int, list[int]]] = []
        self.drawn: list[Tensor] = []
        self.batches: list[tuple[int, ...]] = []

    def training_indices(self, task, seen) -> Tensor:  # type: ignore[no-untyped-def]
        self.visible.append((task.number, [past.number for past in seen]))
        return task.indices

    def extend(self, x: Tensor) -> Tensor:
        if len(self.drawn) < self.task_number:
            self.drawn.append(self.random.normal(4).clone())
        self.batches.append(tuple(x.shape[:2]))
        return x


def _spied(**settings: object) -> tuple[Run, _Spy]:
    """A run of two short tasks with a strategy that notes what it is given."""
    settings = {"dataset": "digits", "epochs": 1, "device": "cpu", "task_order": [1, 2]} | settings
    started = Run(prepare(RunConfig(strategy="lower", **settings)))  # type: ignore[arg-type]
    spy = _Spy()
    (only,) = started.detector.groups.learners
    spy.model, spy.samples = only.strategy.model, only.strategy.samples
    only.strategy = spy
    return started, spy


def test_strategy_is_shown_the_tasks_so_far() -> None:
    started, spy = _spied()
    started.execute(Progress())
    assert spy.visible == [(1, [1]), (2, [1, 2])]


def test_strategy_draws_anew_for_each_task_from_its_seeds() -> None:
    started, spy = _spied(seeds=[3, 7])
    started.execute(Progress())
    assert len(spy.drawn) == 2
    for number, drawn in enumerate(spy.drawn, 1):
        assert torch.equal(drawn, StepRandom([3, 7], "strategy", number).normal(4))


def test_replicas_train_on_their_own_order() -> None:
    started, spy = _spied(task_order="random", seeds=2)
    orders = [[task.classes for task in scenario.tasks] for scenario in started.plan.scenarios]
    assert orders[0][0] != orders[1][0]
    asked: list[Tensor] = []
    spy.training_indices = lambda task, seen: asked.append(task.indices) or task.indices  # type: ignore[func-returns-value]
    started.execute(Progress())
    labels = started.plan.scenarios[0].dataset.train_labels
    trained = [tuple(labels[indices].unique().tolist()) for indices in asked]
    assert trained == [orders[replica][task] for task in range(9) for replica in range(2)]


def test_settings_reach_the_training() -> None:
    started, spy = _spied(batch_size=50, seeds=2)
    started.execute(Progress())
    assert set(spy.batches) == {(2, 50)}
    (only,) = started.detector.groups.learners
    assert only.settings.precision == choose_precision("auto", torch.device("cpu"))


def test_learning_rate_reaches_the_training() -> None:
    # One step: Adam's first moves each weight by the learning rate.
    started, _ = _spied(batch_size=127, learning_rate=0.01, task_order=[1])
    before = weights(started.detector.groups.learners[0].strategy)
    started.execute(Progress())
    moved = [
        (a - b).abs().max()
        for a, b in zip(weights(started.detector.groups.learners[0].strategy), before, strict=True)
    ]
    for most in moved:
        torch.testing.assert_close(most, torch.tensor(0.01), rtol=1e-3, atol=0)


def test_run_starts_from_the_weights_of_its_seeds() -> None:
    started, _ = _spied(seeds=[3, 7])
    expected = [parameter.detach() for parameter in VAE((8, 8), [3, 7]).parameters()]
    for ours, theirs in zip(
        weights(started.detector.groups.learners[0].strategy), expected, strict=True
    ):
        assert torch.equal(ours, theirs)


def test_timing_names_what_took_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    # A clock that only moves where it is told to: 4 s a step of replay, 20 s, 300 s.
    now = [0.0]
    started, spy = _spied(task_order=[1], batch_size=127)
    monkeypatch.setattr("time.perf_counter", lambda: now[0])

    def takes(seconds: float, result: object = None) -> object:
        now[0] += seconds
        return result

    evaluate = started.detector.scores_of
    spy.extend = lambda x: takes(4.0, x)  # type: ignore[method-assign, assignment, return-value]
    spy.penalty = lambda x: takes(1.0, 0.0)  # type: ignore[method-assign, assignment, return-value]
    spy.after_task = lambda tasks: takes(20.0)  # type: ignore[method-assign, assignment]
    started.detector.scores_of = lambda *args: takes(300.0, evaluate(*args))  # type: ignore[method-assign, assignment, return-value]
    (task,) = started.execute(Progress()).timing["tasks"]
    seconds = {name: value for name, value in task.items() if name.endswith("_seconds")}
    assert seconds == {
        "training_seconds": 5.0,
        "replay_seconds": 4.0,
        "after_task_seconds": 20.0,
        "evaluation_seconds": 300.0,
    }


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_run_sets_up_the_processor(threads: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    torch.set_num_threads(1)
    config = RunConfig(dataset="digits", strategy="lower", epochs=1, device="cpu", task_order=[1])
    assert run(config).environment["threads"] == 2


def test_after_task_draws_from_generators_of_its_own() -> None:
    started, spy = _spied(seeds=[3, 7])
    drawn: list[Tensor] = []
    spy.after_task = lambda tasks: drawn.append(spy.random.normal(4).clone())  # type: ignore[method-assign, assignment]
    started.execute(Progress())
    for number, own in enumerate(drawn, 1):
        assert torch.equal(own, ReplicaRandom([3, 7], "after task", number).normal(4))


def _in_groups(
    most: int, threads: int, monkeypatch: pytest.MonkeyPatch, **settings: object
) -> RunFolder:
    weights_of_one = sum(p.numel() for p in VAE((8, 8), [0]).parameters())
    monkeypatch.setattr(groups, "_CACHE_BYTES", 16 * weights_of_one * most)
    monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
    config = {"dataset": "digits", "epochs": 2, "device": "cpu", "task_order": [2, 1]} | settings
    return run(RunConfig(**config))  # type: ignore[arg-type]


@pytest.mark.parametrize("strategy", ["gr", "ewc"])
@pytest.mark.parametrize(("most", "threads"), [(2, 1), (5, 2), (1, 3)])
def test_groups_of_replicas_give_the_same_results_in_the_same_order(
    strategy: str, most: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"strategy": strategy, "seeds": [3, 7, 5, 9, 4]}
    together = _in_groups(5, 1, monkeypatch, **settings)
    apart = _in_groups(most, threads, monkeypatch, **settings)
    keys = [name for name in together.metrics.columns if name != "value"]
    assert apart.metrics[keys].equals(together.metrics[keys])
    for name, scores in together.scores.items():
        assert scores.shape == apart.scores[name].shape == (5, 2, 162)
        np.testing.assert_allclose(apart.scores[name], scores, rtol=1e-3)
    assert apart.timing["samples"] == together.timing["samples"]
    assert all(task["replay_seconds"] <= task["training_seconds"] for task in apart.timing["tasks"])


@pytest.mark.parametrize("threads", [1, 2])
def test_progress_counts_the_steps_of_all_groups(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[int, int, int]] = []

    class Listening(Progress):
        def step(self, done: int, total: int, loss: Tensor) -> None:
            heard.append((done, total, len(loss)))

    prepared = {"strategy": "lower", "seeds": 3, "epochs": 1, "task_order": [1]}
    weights_of_one = sum(p.numel() for p in VAE((8, 8), [0]).parameters())
    monkeypatch.setattr(groups, "_CACHE_BYTES", 16 * weights_of_one * 2)
    monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
    config = RunConfig(dataset="digits", device="cpu", **prepared)  # type: ignore[arg-type]
    run(config, Listening())
    # 127 samples in batches of 32: 4 steps of the group of two seeds, and 4 of the third seed's.
    assert [(done, total) for done, total, _ in heard] == [(step, 8) for step in range(1, 9)]
    assert sorted(replicas for *_, replicas in heard) == [1] * 4 + [2] * 4
