"""One run, from its configuration to its results."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cl_anomaly.code.fingerprint import describe_code
from cl_anomaly.code.own_files import loaded
from cl_anomaly.code.trust import sha256_of
from cl_anomaly.config import ResolvedConfig, RunConfig
from cl_anomaly.data.datasets import Dataset, load_dataset
from cl_anomaly.errors import InputError, explained
from cl_anomaly.machine import (
    choose_device,
    choose_precision,
    describe_environment,
    now,
    peak_memory,
    set_up_processor,
    threads_to_use,
)
from cl_anomaly.progress import Progress
from cl_anomaly.runs.build import find_model, make_model, make_strategy, recorded_scores, resolve
from cl_anomaly.runs.keeping import Keeper
from cl_anomaly.runs.measurements import Failure, Record
from cl_anomaly.scenarios.class_stream import Scenario, build_scenario
from cl_anomaly.state import State
from cl_anomaly.strategies import find_strategy
from cl_anomaly.training.groups import ReplicaGroups, group_sizes
from cl_anomaly.training.learner import Learner, TrainsItself
from cl_anomaly.training.step import TrainingSettings


@dataclass(frozen=True, eq=False)
class Result:
    """What came of a run.

    Attributes:
        config: with every default filled in.
        strategy_name: what the strategy is called in the metrics.
        environment: the machine, versions, data, and the code that made the numbers.
        metrics: in tidy form, with METRICS_COLUMNS.
        scores: by score, (R, tasks, n), of the test set after every task.
        test_labels: (n,).
        test_indices: (n,), places in the dataset's test set.
        weights: of the model after the last task, by parameter, (R, ...).
        timing: seconds per task, samples per second, peak memory.
        failures: of replicas that have no results after some task.
        strategy_source: the strategy's file, as it was when it was loaded, where it is one.
    """

    config: ResolvedConfig
    strategy_name: str
    environment: dict[str, Any]
    metrics: pd.DataFrame
    scores: dict[str, NDArray[np.float32]]
    test_labels: NDArray[np.int64]
    test_indices: NDArray[np.int64]
    weights: dict[str, NDArray[np.float32]]
    timing: dict[str, Any]
    failures: list[Failure]
    strategy_source: str | None


def run(config: RunConfig, progress: Progress | None = None) -> Result:
    """Train one strategy on one scenario, and evaluate it after every task.

    A replica whose training or scores are no longer finite numbers ends; see `Result.failures`.

    Args:
        config: all of the run.
        progress: is told how far it is.

    Raises:
        InputError: something in the configuration or the data is not as expected; raised before
            training starts.
        RunError: training failed.
    """
    return Run(resolve(config)).execute(progress or Progress())


class Run:
    """A run in progress: the parts, put together, and what has been measured so far."""

    def __init__(self, config: ResolvedConfig) -> None:
        """Load the data and put the parts together.

        Raises:
            InputError: they do not fit together, or the data is missing or damaged.
        """
        set_up_processor()
        self.config = config
        self.device = choose_device(config.device)
        self.precision = choose_precision(config.precision, self.device)
        self._dataset = dataset = load_dataset(config.dataset, config.data_root)
        self.scenarios = [_scenario(dataset, config, seed) for seed in config.seed_list]
        # Replicas may differ in the order of the classes, not in which they are.
        self.test_indices = self.scenarios[0].test_indices
        _check_batch_size(config.batch_size, self.scenarios)
        self.test_labels = self.scenarios[0].test_labels.numpy()
        self.train, self.test = dataset.train.to(self.device), dataset.test.to(self.device)
        self.groups = self._make_groups(self._group_sizes())
        own = loaded(config.strategy)
        self.strategy_source = own.source if own else None
        self.environment = describe_environment(self.device, self.precision) | {
            "data_sha256": dataset.sha256,
            "strategy_sha256": sha256_of(own.source.encode()) if own else None,
            "code": self._code(),
            "dataset_note": config.dataset_note,
        }
        scores = recorded_scores(config)
        self.record = Record(config, self.strategy_name, self.scenarios, scores)
        self._task, self._learnt = 1, False
        self.resumed_on: list[dict[str, Any]] = []
        self._seconds, self._started, self._keeper = 0.0, time.perf_counter(), Keeper()

    @property
    def strategy_name(self) -> str:
        """What the strategy is called in results."""
        return self.groups.learners[0].strategy.name

    def _code(self) -> dict[str, Any]:
        strategy, model = type(self.groups.learners[0].strategy), find_model(self.config.model)
        return describe_code(self.config.strategy, strategy, strategy.options_class()[0], model)

    @property
    def cannot_be_resumed(self) -> str | None:
        """Say why an interrupted run would have to begin anew, where that is so."""
        return self.groups.learners[0].strategy.cannot_be_resumed

    def execute(self, progress: Progress, keeper: Keeper | None = None) -> Result:
        """Learn all tasks one after another, from where it is.

        Args:
            progress: is told how far it is.
            keeper: saves what is needed to go on later.

        Raises:
            RunError: a hook of the strategy raised an error or gave what it should not, or memory
                ran out.
            Interrupted: the keeper was asked to end the run.
        """
        self._keeper = keeper or Keeper()
        self._started = time.perf_counter() - self._seconds
        while not (self.record.all_failed or (self._learnt and self._task == self._tasks)):
            with explained(f"in task {self._task + self._learnt}"):
                self._learn(progress)
        return self._result()

    @property
    def _tasks(self) -> int:
        return len(self.scenarios[0].tasks)

    def _learn(self, progress: Progress) -> None:
        """Learn the next task, or the rest of the one that has begun."""
        if self._learnt:
            self._task, self._learnt = self._task + 1, False
        if not self.groups.has_begun:
            self.groups.begin(self._task)
        progress.task(self._task, self._tasks, self.config.epochs)
        trained = self.groups.train(progress.step, self._keeper.wanted)
        while not self.groups.is_done:
            self._keep("in the middle")
            trained = self.groups.train(progress.step, self._keeper.wanted)
        self.record.fail(self._task, self.groups.failures())
        before = now(self.device)
        self.groups.conclude()
        concluded = now(self.device)
        scores = self.groups.score(self.test, self.test_indices)
        aurocs = self.record.add(scores)
        times = {
            "task": self._task,
            "training_seconds": trained.seconds,
            "replay_seconds": trained.replay_seconds,
            "after_task_seconds": concluded - before,
            "evaluation_seconds": now(self.device) - concluded,
            "samples": trained.samples,
        }
        self.record.timing.append(times)
        self._learnt = True
        progress.evaluated(self._task, aurocs)
        self._keep("at the end")

    def _keep(self, where: str) -> None:
        self._seconds = time.perf_counter() - self._started
        self._keeper.keep(self.state, f"{where} of task {self._task} of {self._tasks}")

    def state(self) -> State:
        """Give everything that is needed to go on."""
        measured, groups = self.record.state(), self.groups.state()
        values = {
            "task": self._task,
            "learnt": self._learnt,
            "tasks": self._tasks,
            "seconds": self._seconds,
            "environment": self.environment,
            "resumed_on": self.resumed_on,
            "measured": measured.values,
            "groups": groups.values,
        }
        return State(values, measured.tensors | groups.tensors)

    def restore(self, state: State) -> None:
        """Be where `state` was given.

        Raises:
            InputError: it was trained on another kind of device.
        """
        values = state.values
        begun, here = values["environment"], self.environment
        if begun["device"] != here["device"]:
            raise InputError(
                f"Expected to go on with this run on the device that it began on, "
                f"{begun['device']}, but this is {here['device']}."
            )
        # Neither the number of threads nor words in the strategy's file change results.
        kept = {"strategy_sha256": here["strategy_sha256"]}
        others = [] if here == begun | kept | {"threads": here["threads"]} else [here]
        self.environment, self.resumed_on = begun | kept, values["resumed_on"] + others
        self._task, self._learnt = values["task"], values["learnt"]
        self._seconds = values["seconds"]
        self.record.restore(State(values["measured"], state.tensors))
        # As it began, whatever the number of threads is now: groups may be at different steps.
        sizes = [group["replicas"] for group in values["groups"]["groups"]]
        self.groups = self._make_groups(sizes)
        self.groups.restore(State(values["groups"], state.tensors), self._task)

    def _group_sizes(self) -> list[int]:
        one = make_model(self.config, self._dataset.features, self.config.seed_list[:1])
        memory = one.training_bytes()
        sizes = group_sizes(len(self.scenarios), memory, self.device, threads_to_use())
        alone = issubclass(find_strategy(self.config.strategy), TrainsItself)
        return [1] * len(self.scenarios) if alone else sizes

    def _make_groups(self, sizes: Sequence[int]) -> ReplicaGroups:
        config = self.config
        settings = TrainingSettings(
            config.epochs, config.batch_size, config.learning_rate, self.precision
        )
        scores = recorded_scores(config)
        learners, rest = [], list(zip(config.seed_list, self.scenarios, strict=True))
        for size in sizes:
            seeds, scenarios = zip(*rest[:size], strict=True)
            strategy = make_strategy(config.strategy, config.strategy_options)
            strategy.model = make_model(config, self._dataset.features, seeds).to(self.device)
            strategy.samples = self.train
            learners.append(Learner(strategy, seeds, scenarios, settings, scores))
            rest = rest[size:]
        # What trains by a loop of its own may share the process's state, such as generators.
        own_loop = isinstance(learners[0].strategy, TrainsItself)
        return ReplicaGroups(learners, 1 if own_loop else threads_to_use())

    def _result(self) -> Result:
        timing, record = self.record.timing, self.record
        training = sum(task["training_seconds"] for task in timing)
        samples = sum(task["samples"] for task in timing)
        return Result(
            config=self.config,
            strategy_name=self.strategy_name,
            environment=self.environment,
            metrics=record.metrics(),
            scores=record.scores(),
            test_labels=self.test_labels,
            test_indices=self.test_indices.numpy(),
            weights={name: own.numpy() for name, own in self.groups.weights().items()},
            timing={
                "total_seconds": time.perf_counter() - self._started,
                "training_seconds": training,
                "checkpoint_seconds": self._keeper.seconds,
                "samples": samples,
                "samples_per_second": samples / training,
                "peak_memory": peak_memory(self.device),
                "finished": datetime.now(UTC).isoformat(timespec="seconds"),
                "resumed_on": self.resumed_on,
                "tasks": timing,
            },
            failures=list(record.failures.values()),
            strategy_source=self.strategy_source,
        )


def _check_batch_size(batch_size: int, scenarios: Sequence[Scenario]) -> None:
    """Refuse batches that would hold samples more than once."""
    smallest = min((task for s in scenarios for task in s.tasks), key=lambda t: len(t.indices))
    if batch_size > len(smallest.indices):
        raise InputError(
            f"Expected `batch_size` to be at most the number of samples of the smallest task, "
            f"{len(smallest.indices)} (task {smallest.number}), but got {batch_size}."
        )


def _scenario(dataset: Dataset, config: RunConfig, seed: int) -> Scenario:
    return build_scenario(
        dataset, config.anomaly_class, config.task_order, config.classes_per_task, seed
    )
