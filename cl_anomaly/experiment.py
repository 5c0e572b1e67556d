"""One run, from its configuration to its results."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cl_anomaly.components import FRAMEWORK_ARGUMENTS, find_model, make_model, make_strategy
from cl_anomaly.config import ResolvedConfig, RunConfig
from cl_anomaly.datasets import Dataset, choose_dataset, find_dataset, load_dataset
from cl_anomaly.environment import (
    choose_device,
    choose_precision,
    describe_environment,
    now,
    peak_memory,
    precision_name,
    set_up_processor,
    threads_to_use,
)
from cl_anomaly.errors import InputError
from cl_anomaly.evaluation import auroc_after, check_finite
from cl_anomaly.groups import ReplicaGroups, group_sizes
from cl_anomaly.learner import Learner
from cl_anomaly.options import fill_options
from cl_anomaly.progress import Progress
from cl_anomaly.scenario import Scenario, build_scenario
from cl_anomaly.scores import CHEAP_SCORES
from cl_anomaly.training import TrainingSettings

METRICS_COLUMNS = (
    "strategy",
    "dataset",
    "anomaly_class",
    "seed",
    "task",
    "classes",
    "score",
    "metric",
    "value",
)


@dataclass(frozen=True, eq=False)
class Result:
    """What came of a run.

    Attributes:
        config: with every default filled in.
        environment: the machine, versions and data.
        metrics: in tidy form, with METRICS_COLUMNS.
        scores: by score, (R, tasks, n), of the test set after every task.
        test_labels: (n,).
        test_indices: (n,), places in the dataset's test set.
        timing: seconds per task, samples per second, peak memory.
        strategy_source: the strategy's file, as it was when it was loaded, where it is one.
    """

    config: ResolvedConfig
    environment: dict[str, Any]
    metrics: pd.DataFrame
    scores: dict[str, NDArray[np.float32]]
    test_labels: NDArray[np.int64]
    test_indices: NDArray[np.int64]
    timing: dict[str, Any]
    strategy_source: str | None


def resolve(config: RunConfig) -> ResolvedConfig:
    """Fill in every default that depends on the dataset, the strategy or the model.

    Raises:
        InputError: there is no such dataset, model or strategy, or it has no such option.
    """
    if isinstance(config, ResolvedConfig):
        return config
    strategy = make_strategy(config.strategy, config.strategy_options)
    model = find_model(config.model)
    name, note = (config.dataset, None) if config.dataset else choose_dataset(config.data_root)
    spec = find_dataset(name)
    precision = choose_precision(config.precision, choose_device(config.device))
    filled = {
        "dataset": name,
        "dataset_note": note,
        "precision": precision_name(precision),
        "epochs": config.epochs or spec.epochs,
        "batch_size": config.batch_size or spec.batch_size,
        "strategy_options": fill_options(type(strategy), config.strategy_options),
        "model_options": fill_options(model, config.model_options, FRAMEWORK_ARGUMENTS),
    }
    return ResolvedConfig(**config.to_dict() | filled)


def run(config: RunConfig, progress: Progress | None = None) -> Result:
    """Train one strategy on one scenario, and evaluate it after every task.

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
        dataset = load_dataset(config.dataset, config.data_root)
        self.scenarios = [_scenario(dataset, config, seed) for seed in config.seed_list]
        # Replicas may differ in the order of the classes, not in which they are.
        self.test_indices = self.scenarios[0].test_indices
        self.test_labels = self.scenarios[0].test_labels.numpy()
        _check_batch_size(config.batch_size, self.scenarios)
        self.test = dataset.test.to(self.device)
        file = config.strategy.rpartition(":")[0]
        self.strategy_source = Path(file).read_text(encoding="utf-8") if file else None
        self.groups = self._make_groups(dataset)
        self.environment = describe_environment(self.device, self.precision) | {
            "data_sha256": dataset.sha256,
            "dataset_note": config.dataset_note,
        }
        self.score_names = list(dict.fromkeys([*CHEAP_SCORES, config.score]))
        self.scores: list[dict[str, NDArray[np.float32]]] = []
        self.rows: list[tuple[Any, ...]] = []
        self.timing: list[dict[str, Any]] = []

    @property
    def strategy_name(self) -> str:
        """What the strategy is called in results."""
        return self.groups.learners[0].strategy.name

    def execute(self, progress: Progress) -> Result:
        """Learn all tasks one after another."""
        started = time.perf_counter()
        tasks = len(self.scenarios[0].tasks)
        for number in range(1, tasks + 1):
            progress.task(number, tasks, self.config.epochs)
            self._learn(number, progress)
        return Result(
            config=self.config,
            environment=self.environment,
            metrics=pd.DataFrame(self.rows, columns=list(METRICS_COLUMNS)),
            scores={
                name: np.stack([after[name] for after in self.scores], axis=1)
                for name in self.score_names
            },
            test_labels=self.test_labels,
            test_indices=self.test_indices.numpy(),
            timing=self._summarise_timing(time.perf_counter() - started),
            strategy_source=self.strategy_source,
        )

    def _make_groups(self, dataset: Dataset) -> ReplicaGroups:
        config, samples = self.config, dataset.train.to(self.device)
        settings = TrainingSettings(
            config.epochs, config.batch_size, config.learning_rate, self.precision
        )
        one_model = make_model(config, dataset.features, config.seed_list[:1])
        weights = sum(parameter.numel() for parameter in one_model.parameters())
        learners, rest = [], list(zip(config.seed_list, self.scenarios, strict=True))
        for size in group_sizes(len(rest), weights, self.device, threads_to_use()):
            seeds, scenarios = zip(*rest[:size], strict=True)
            strategy = make_strategy(config.strategy, config.strategy_options)
            strategy.model = make_model(config, dataset.features, seeds).to(self.device)
            strategy.samples = samples
            learners.append(Learner(strategy, seeds, scenarios, settings))
            rest = rest[size:]
        return ReplicaGroups(learners, threads_to_use())

    def _learn(self, number: int, progress: Progress) -> None:
        trained = self.groups.train(number, progress.step)
        before = now(self.device)
        self.groups.conclude()
        concluded = now(self.device)
        aurocs = self._evaluate(number)
        self.timing.append(
            {
                "task": number,
                "training_seconds": trained.seconds,
                "replay_seconds": trained.replay_seconds,
                "after_task_seconds": concluded - before,
                "evaluation_seconds": now(self.device) - concluded,
                "samples": trained.samples,
            }
        )
        progress.evaluated(number, aurocs)

    def _evaluate(self, number: int) -> Sequence[float]:
        """Score the test set, and return the headline AUROC of each replica."""
        config = self.config
        scores = self.groups.score(self.test, self.test_indices, self.score_names)
        check_finite(scores, number, config.seed_list)
        self.scores.append(scores)
        headline = []
        for replica, (seed, scenario) in enumerate(
            zip(config.seed_list, self.scenarios, strict=True)
        ):
            task = scenario.tasks[number - 1]
            classes = " ".join(map(str, task.classes))
            for name in self.score_names:
                values = auroc_after(scenario, task, scores[name][replica], self.test_labels)
                key = (self.strategy_name, config.dataset, config.anomaly_class, seed, number)
                self.rows += [(*key, classes, name, metric, v) for metric, v in values.items()]
                if name == config.score:
                    headline.append(values["auroc_seen"])
        return headline

    def _summarise_timing(self, total: float) -> dict[str, Any]:
        training = sum(task["training_seconds"] for task in self.timing)
        samples = sum(task["samples"] for task in self.timing)
        return {
            "total_seconds": total,
            "training_seconds": training,
            "samples": samples,
            "samples_per_second": samples / training,
            "peak_memory": peak_memory(self.device),
            "tasks": self.timing,
        }


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
