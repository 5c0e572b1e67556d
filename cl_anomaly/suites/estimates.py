"""What a run is going to cost, from rates that were measured on this machine."""

import math
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cl_anomaly.core.errors import CLAnomalyError, RunError
from cl_anomaly.core.json_files import read_json
from cl_anomaly.core.machine import now
from cl_anomaly.core.state import PauseReason
from cl_anomaly.plan.assemble import assemble
from cl_anomaly.plan.plan import Plan
from cl_anomaly.runs.measured_cost import new_samples
from cl_anomaly.store.config_files import read_configuration
from cl_anomaly.store.status import CONFIG_FILE, TIMING_FILE, is_finished
from cl_anomaly.strategies import Strategy
from cl_anomaly.training.hooks import overrides

_PROBE_SECONDS = 0.5
_SCORED = 250
_TRIED = 3  # replicas: what more of them take is as much again


@dataclass(frozen=True)
class Estimate:
    """What a run is going to cost.

    Attributes:
        seconds: of training and evaluation, on one core.
        source: what it was measured from, such as "a probe".
    """

    seconds: float
    source: str


def measured_rates(folders: Iterable[Path]) -> dict[str, float]:
    """Measure finished runs: by what a rate depends on, seconds for each sample and epoch.

    Args:
        folders: of runs; what is no finished run is left out.
    """
    rates = {}
    for folder in folders:
        with suppress(CLAnomalyError, KeyError, TypeError, ZeroDivisionError):
            if is_finished(folder):
                config = read_configuration(folder / CONFIG_FILE)
                timing = read_json(folder / TIMING_FILE)
                rates[_key(config)] = timing["total_seconds"] / timing["new_samples"]
    return rates


def estimated(plan: Plan, rates: dict[str, float]) -> Estimate:
    """Describe what a run is going to cost.

    Args:
        plan: of it.
        rates: of finished runs, see `measured_rates`. Where none is like it, it is tried for half a
            second: its first steps are timed, and the growth of its batches with the tasks is
            guessed from what its strategy does. What that gives is added, for runs that are alike.
            One that fails then is left to fail by itself: it stops no other.
    """
    samples, alike = new_samples(plan), _alike(plan)
    if (rate := rates.get(_key(plan.config.to_dict()))) is not None:
        return Estimate(rate * samples, "the same run's rate")
    if (rate := rates.get(alike)) is not None:
        return Estimate(rate * samples, "a probe of one like it")
    try:
        seconds = _probed(plan)
    except RunError:
        return Estimate(0.0, "nothing: it failed when it was tried")
    rates[alike] = seconds / samples
    return Estimate(seconds, "a probe")


def _key(config: dict[str, Any]) -> str:
    """Name what a rate depends on."""
    names = "strategy strategy_options model model_options dataset score scenario device precision"
    return repr([*(config.get(name) for name in names.split()), config.get("steps") is None])


def _alike(plan: Plan) -> str:
    """Name what a rate depends on most.

    A few features more or less hardly change it, nor do options of a strategy, such as λ, unless it
    makes batches longer.
    """
    config, strategy = plan.config, plan.parts.strategy
    is_longer = strategy.extend is not Strategy.extend
    options = config.strategy_options if is_longer else {}
    names = "strategy model model_options batch_size score scenario blur classes_per_task".split()
    size = len(str(math.prod(plan.dataset.features)))
    tasks = len(plan.scenarios[0].tasks)
    own = [getattr(config, name) for name in [*names, "portion"]]
    return repr([*own, config.steps is None, options, size, tasks, len(plan.replicas)])


def _probed(plan: Plan) -> float:
    """Time the first steps of task 1, and the scoring of some samples; extrapolate, in seconds."""
    tried = replace(plan, replicas=plan.replicas[:_TRIED], scenarios=plan.scenarios[:_TRIED])
    groups = assemble(tried).groups
    started = now(groups.device)
    groups.begin(1)
    begun = now(groups.device) - started
    steps, deadline = [0, 1], [0.0]

    def on_step(done: int, total: int, loss: Tensor) -> None:
        steps[:] = done, total

    def pause() -> PauseReason:
        return PauseReason.END if time.monotonic() > deadline[0] else PauseReason.NONE

    first = groups.train(on_step, pause).seconds  # the first step warms up
    warm, deadline[0] = steps[0], time.monotonic() + _PROBE_SECONDS
    timed = groups.train(on_step, pause).seconds - first
    seconds = timed * steps[1] / (steps[0] - warm) if steps[0] > warm else first
    tasks = plan.scenarios[0].tasks
    samples = [len(task.indices) for task in tasks]
    share = len(tasks) if plan.config.steps else sum(samples) / samples[0]
    training = (seconds + begun) * share * _growth(plan)
    one = (training + _evaluation(plan, groups) * len(tasks)) / len(tried.replicas)
    return one * len(plan.replicas)


def _growth(plan: Plan) -> float:
    """Guess how much more than task 1 an average task takes, for each of its own samples."""
    strategy, tasks = plan.parts.make_strategy(plan.config), plan.scenarios[0].tasks
    visible = 1.0
    if plan.config.steps is None:  # whose number does not depend on what is seen
        with suppress(Exception):  # of one that asks for what only training gives it
            seen = [strategy.training_indices(task, tasks[: n + 1]) for n, task in enumerate(tasks)]
            visible = sum(map(len, seen)) / sum(len(task.indices) for task in tasks)
    # Of one that joins batches of its own: one for each past task, as generative replay does.
    return visible * ((len(tasks) + 1) / 2 if overrides(strategy, "extend") else 1.0)


def _evaluation(plan: Plan, groups: Any) -> float:
    test = plan.dataset.test.to(plan.device)
    places = torch.arange(min(_SCORED, len(test)))
    started = now(groups.device)
    with suppress(Exception):  # of what scores nothing before each replica has learnt a task
        groups.score(test, places, is_untrained=True)
    return (now(groups.device) - started) * len(test) / max(1, len(places))


def in_words(seconds: float) -> str:
    """Write a time for people: 40 s, 12 min, 3 h 20 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def wall_seconds(estimates: Sequence[Estimate], workers: int) -> float:
    """Describe how long several workers take for runs that are started one after another."""
    busy = [0.0] * min(workers, max(1, len(estimates)))
    for own in estimates:
        place = busy.index(min(busy))
        busy[place] += own.seconds
    return max(busy)
