"""Avalanche's strategies in our runs: one replica each, trained by Avalanche's own loop."""

import inspect
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, ClassVar

import torch
from avalanche.core import SupervisedPlugin
from avalanche.logging import BaseLogger
from avalanche.training.plugins import EvaluationPlugin
from avalanche.training.supervised import Cumulative, Naive
from torch import Tensor

from cl_anomaly.avalanche.model import Loss, Noise, OneReplica
from cl_anomaly.avalanche.plugin_state import restore, state_of
from cl_anomaly.avalanche.scenario import rows_and_places, to_avalanche, whole_stream
from cl_anomaly.avalanche.templates import find_template, keeps_samples, template_with
from cl_anomaly.core.errors import RunError
from cl_anomaly.core.machine import now
from cl_anomaly.core.products import matrix_products_in
from cl_anomaly.core.randomness import generator
from cl_anomaly.core.state import CannotKeepError, PauseReason, State
from cl_anomaly.scenarios.class_stream import Scenario
from cl_anomaly.settings.strategy_names import file_of
from cl_anomaly.strategies.base import Strategy
from cl_anomaly.training.outcome import OnStep, Pause, TrainingTime, never
from cl_anomaly.training.schedule import TrainingSettings
from cl_anomaly.training.visibility import Arrived

# Arguments of templates that come from the run.
_OF_THE_RUN = frozenset(
    "self model optimizer criterion train_mb_size train_epochs eval_mb_size device plugins "
    "evaluator eval_every peval_mode verbose generator_strategy base kwargs".split()
)


class AvalancheStrategy(Strategy):
    """A template or plugin of Avalanche, which trains one replica of our model.

    Carta et al., "Avalanche: A PyTorch Library for Deep Continual Learning" (JMLR 2023).

    Args:
        options: keyword arguments of the template or plugin.
    """

    name = "avalanche"
    needs_boundaries = True
    found: ClassVar[type]

    def __init__(self, **options: Any) -> None:
        self._options = options
        self._template: Any = None
        self._watch = Watch()
        self._experiences: Any = None
        self._kept: dict[str, Tensor] = {}

    @classmethod
    def options_class(cls) -> tuple[type, frozenset[str]]:
        """Return the template or plugin, whose arguments are the options, and those of the run."""
        return cls.found, _OF_THE_RUN

    def own_training(
        self, scenario: Scenario, seed: int, settings: TrainingSettings
    ) -> "AvalancheTraining":
        """Train by Avalanche's own loop."""
        if self._experiences is None:
            device = self.samples.stored.device
            benchmark: Any = to_avalanche(scenario, device, targets_are_inputs=True)
            self._experiences = benchmark.train_stream
            self._scenario = scenario
        return AvalancheTraining(self, seed, settings)

    def _make_template(self, seed: int, settings: TrainingSettings) -> Any:
        make, plugins, options = template_with(self.found, self._options)
        parameters, noise = self.model.parameters(), Noise()
        template: Any = make(
            model=OneReplica(self.model, noise),
            optimizer=torch.optim.Adam(parameters, lr=settings.learning_rate, fused=True),
            criterion=Loss(),
            train_mb_size=settings.batch_size,
            train_epochs=settings.parts,
            device=self.samples.stored.device,
            plugins=[*plugins, self._watch],
            # The default one computes accuracies, which losses have not.
            evaluator=EvaluationPlugin(loggers=[_Silent()]),
            **options,
        )
        template.seed, template.noise, template.strategy_name = seed, noise, self.name
        template.settings = settings
        if self._kept:
            rows, _ = rows_and_places(self._experiences[0].dataset)
            restore(template, self._kept, whole_stream(rows))
        return template

    @property
    def visible(self) -> int:
        """Number of samples that Avalanche's strategy trains on in the current task."""
        arriving = len(self._experiences[self.task_number - 1].dataset)
        if not issubclass(self.found, Cumulative):
            return arriving
        return sum(len(past.dataset) for past in self._experiences[: self.task_number])

    def train(
        self, seed: int, settings: TrainingSettings, after_step: Callable[[Any], None]
    ) -> None:
        """Train on the current task; call a function after each step."""
        if self._template is None:
            self._template = self._make_template(seed, settings)
        self._template.settings = settings
        self._template.train_mb_size = settings.batch_size
        self._watch.tell = after_step
        rows, _ = rows_and_places(self._experiences[0].dataset)
        arrived = Arrived.by(self._scenario, self.task_number)
        rows.check = partial(self._refuse_others, arrived)
        self._template.train(self._experiences[self.task_number - 1], eval_streams=[])

    def _refuse_others(self, arrived: Arrived, places: Tensor) -> None:
        if others := arrived.others(places):
            raise RunError(
                f"Expected {self.name} to train on samples of the tasks that have arrived, but in "
                f"task {arrived.number} it asked for others too: {others}."
            )

    def beginning(self) -> tuple[dict[str, Tensor], dict[str, Tensor]] | None:
        """Return the weights and the state before a task; None for a state that cannot be kept."""
        weights = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        try:
            return weights, self.state_dict()
        except CannotKeepError:
            return None

    def begin_anew(self, beginning: tuple[dict[str, Tensor], dict[str, Tensor]] | None) -> None:
        """Restore what `beginning` returned before a task that was stopped, if anything."""
        if beginning is not None:
            weights, self._kept = beginning
            self.model.load_state_dict(weights)
            self._template = None

    def state_dict(self) -> dict[str, Tensor]:
        """Return the state of the template and its plugins."""
        return state_of(self._template) if self._template else self._kept

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Keep the state until the next task begins."""
        self._kept = state


def avalanche_strategy(name: str) -> type[Strategy]:
    """Make the strategy of a template or a plugin.

    Args:
        name: the part after `avalanche:`, such as EWC, a dotted path, or FILE.py:CLASS.

    Raises:
        InputError: there is none.
    """
    found = find_template(name)
    last = name.rpartition(":")[2] if file_of(name) else name.rpartition(".")[2]
    members = {
        "name": f"avalanche:{last}",
        "found": found,
        "needs_boundaries": not issubclass(found, Naive | Cumulative),
        "stores_samples": keeps_samples(found),
    }
    doc = {"__doc__": inspect.getdoc(found)}
    return type(found.__name__, (AvalancheStrategy,), members | doc)


class Watch(SupervisedPlugin):
    """Calls `tell` with the template after each training step."""

    tell: Callable[[Any], None]

    def after_training_iteration(self, strategy: Any, *_: Any, **__: Any) -> None:
        """Call `tell`."""
        self.tell(strategy)


class _Silent(BaseLogger):
    """A logger, without which Avalanche's evaluation warns."""

    def log_single_metric(self, name: str, value: Any, x_plot: int) -> None:
        pass


class _BrokenOff(Exception):
    """Training is stopped."""


class AvalancheTraining:
    """Training of one replica on its current task, see `cl_anomaly.training.loop.TaskTraining`.

    It cannot be paused: if the run ends, the task begins anew.
    """

    def __init__(self, strategy: AvalancheStrategy, seed: int, settings: TrainingSettings) -> None:
        self._strategy, self._seed, self._settings = strategy, seed, settings
        self.steps = [settings.steps(strategy.visible)]
        self.done = 0
        self.failed: dict[int, tuple[int, str]] = {}
        self.time = TrainingTime(0.0, None, 0)
        self._is_done = False

    @property
    def is_done(self) -> bool:
        """Whether the task has been learnt, or cannot be."""
        return self._is_done

    def run(self, on_step: OnStep, pause: Pause = never) -> TrainingTime:
        """Train until the task is done or the run ends."""
        if self._is_done:
            return self.time
        strategy, device = self._strategy, self._strategy.samples.stored.device
        beginning, started, samples = strategy.beginning(), time.perf_counter(), [0]

        def after_step(template: Any) -> None:
            self.done += 1
            samples[0] += len(template.mb_x)
            loss = template.loss.detach()
            on_step(self.done, self.steps[0], loss[None])
            if not loss.isfinite():
                self.failed[0] = (self.done, "its loss")
                raise _BrokenOff
            if pause() is PauseReason.END:
                raise _BrokenOff

        try:
            with matrix_products_in(self._settings.precision, device), self._seeded():
                strategy.train(self._seed, self._settings, after_step)
            self._is_done = True
        except _BrokenOff:
            self._is_done = bool(self.failed)
            if not self._is_done:
                strategy.begin_anew(beginning)
                self.done = 0
        self.time = TrainingTime(now(device) - started, None, samples[0])
        return self.time

    @contextmanager
    def _seeded(self) -> Iterator[None]:
        """Let Avalanche's buffers draw from the replica's seed, and restore the generators."""
        numbers = generator(self._seed, "avalanche", self._strategy.task_number)
        before = random.getstate()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(numbers.initial_seed())
            random.seed(numbers.initial_seed())
            try:
                yield
            finally:
                random.setstate(before)

    def state(self) -> State:
        """Return the position, which is the task's beginning or its end."""
        failed = list(self.failed.items())
        return State({"is_done": self._is_done, "time": vars(self.time), "failed": failed})

    def restore(self, state: State) -> None:
        """Restore what `state` returned."""
        self._is_done = state.values["is_done"]
        self.done = self.steps[0] if self._is_done else 0
        self.time = TrainingTime(**state.values["time"])
        self.failed = {replica: (step, what) for replica, (step, what) in state.values["failed"]}
