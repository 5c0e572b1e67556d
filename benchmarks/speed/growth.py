"""Time of a task when there are more and more of them."""

from collections.abc import Iterator
from statistics import median

import torch
from clock import seconds
from report import Row

from cl_anomaly.core.machine import choose_precision
from cl_anomaly.core.products import set_up_processor
from cl_anomaly.data.datasets import Dataset, Samples
from cl_anomaly.models.vae import VAE
from cl_anomaly.scenarios.class_stream import build_scenario
from cl_anomaly.settings.run_config import RunConfig
from cl_anomaly.strategies import find_strategy
from cl_anomaly.training.learner import Learner
from cl_anomaly.training.schedule import TrainingSettings

TASKS, SAMPLES = 100, 640


def growth(config: RunConfig, repeats: int) -> Iterator[Row]:
    """Tasks 91 to 100 against tasks 2 to 11 of a made-up dataset; the first replays nothing."""
    for name, options in (("lower", {}), ("ewc", {}), ("gr", {"ratio": 1.0})):
        early, late = [], []
        for _ in range(repeats):
            times = _task_seconds(name, options)
            early += times[1:11]
            late += times[-10:]
        options_note = " with ratio 1.0" if options else ""
        yield Row(
            f"{name}{options_note}: time of a task, 91 to {TASKS} / 2 to 11",
            median(late) / median(early),
            f"{median(late) * 1e3:.0f} / {median(early) * 1e3:.0f} ms",
            at_most=1.1,
        )


def _task_seconds(name: str, options: dict[str, float]) -> list[float]:
    set_up_processor()
    scenario = build_scenario(_dataset(), anomaly_class=0)
    strategy = find_strategy(name)(**options)
    strategy.model = VAE((784,), [0])
    strategy.samples = scenario.dataset.train
    precision = choose_precision("auto", torch.device("cpu"))
    settings = TrainingSettings(1, 64, 1e-3, precision)
    learner = Learner(strategy, [0], [scenario], settings)
    times = []
    for task in scenario.tasks:
        learner.begin(task.number)
        trained = learner.train(lambda *_: None)
        times.append(trained.seconds + seconds(learner.conclude))
    return times


def _dataset() -> Dataset:
    """Classes of noise around a level of each pixel's own."""
    numbers = torch.Generator().manual_seed(0)
    labels = torch.arange(TASKS + 1).repeat_interleave(SAMPLES)
    levels = torch.randint(0, 200, (TASKS + 1, 784), generator=numbers)
    noise = torch.randint(0, 56, (len(labels), 784), generator=numbers)
    samples = Samples((levels[labels] + noise).to(torch.uint8), 1 / 255)
    return Dataset("made-up", samples, labels, samples, labels, sha256="")
